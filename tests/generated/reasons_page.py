"""docs/reference/reasons.md: every reason that a condition may have, with cause and cure."""

from __future__ import annotations

from azdiskbackup.core.reason_catalog import REASON_CATALOG, Expect, ReasonEntry
from azdiskbackup.core.reason_catalog.entry import KINDS

_HEAD = """# Reasons

Every reason of a condition: why it comes about, and what to do. `kubectl azdiskbackup explain REASON` says the same in
a terminal. A reason is published: what it means does not change.

"""
_ANCHORS = {
    Expect.ACTION_REQUIRED: "Somebody has to do something",
    Expect.IN_PROGRESS: "It goes on by itself",
    Expect.GOOD: "All is as it should be",
}


def page() -> str:
    """Return the page: what needs a person first."""
    return _HEAD + "".join(_chapter(expect, title) for expect, title in _ANCHORS.items()).rstrip() + "\n"


def _chapter(expect: Expect, title: str) -> str:
    return f"## {title}\n\n" + "".join(_entry(each) for each in REASON_CATALOG.values() if each.expect is expect)


def _entry(each: ReasonEntry) -> str:
    kinds = "all kinds" if set(each.kinds) == set(KINDS) else ", ".join(each.kinds)
    cure = "" if each.expect is Expect.GOOD else f"\n\n**What to do:** {each.remediation}"
    return f"### {each.reason}\n\n*{kinds}.* {each.cause}{cure}\n\n"
