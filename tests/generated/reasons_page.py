"""docs/reference/reasons.md: every reason that a condition may have, with cause and cure."""

from __future__ import annotations

from azdiskbackup.core.explanations import EXPLANATIONS, Expect, Explanation
from azdiskbackup.core.explanations.explanation import KINDS

_HEAD = """# Reasons

Every reason of a condition: why it comes about, and what to do. `kubectl azdiskbackup explain REASON` says the same in
a terminal. A reason is published: what it means does not change.

"""
_ANCHORS = {
    Expect.YOURS: "Somebody has to do something",
    Expect.GOES_ON: "It goes on by itself",
    Expect.GOOD: "All is as it should be",
}


def page() -> str:
    """Return the page: what needs a person first."""
    return _HEAD + "".join(_chapter(expect, title) for expect, title in _ANCHORS.items()).rstrip() + "\n"


def _chapter(expect: Expect, title: str) -> str:
    return f"## {title}\n\n" + "".join(_entry(each) for each in EXPLANATIONS.values() if each.expect is expect)


def _entry(each: Explanation) -> str:
    kinds = "all kinds" if set(each.kinds) == set(KINDS) else ", ".join(each.kinds)
    cure = "" if each.expect is Expect.GOOD else f"\n\n**What to do:** {each.cure}"
    return f"### {each.reason}\n\n*{kinds}.* {each.cause}{cure}\n\n"
