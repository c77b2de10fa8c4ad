"""docs/reference/reasons.md: every reason that a condition may have, with cause and remediation."""

from __future__ import annotations

from azdiskbackup.core.reason_catalog import REASON_CATALOG, Expect, ReasonEntry
from azdiskbackup.core.reason_catalog.entry import KINDS

_HEAD = """# Reasons

Every reason of a condition, with its cause and its remediation. `kubectl azdiskbackup explain REASON` shows the same in
a terminal. A reason is part of the API: its meaning does not change.

"""
_ANCHORS = {
    Expect.ACTION_REQUIRED: "Action required",
    Expect.IN_PROGRESS: "In progress",
    Expect.GOOD: "Healthy",
}


def page() -> str:
    """Return the page, what requires action first."""
    return _HEAD + "".join(_chapter(expect, title) for expect, title in _ANCHORS.items()).rstrip() + "\n"


def _chapter(expect: Expect, title: str) -> str:
    return f"## {title}\n\n" + "".join(_entry(each) for each in REASON_CATALOG.values() if each.expect is expect)


def _entry(each: ReasonEntry) -> str:
    kinds = "all kinds" if set(each.kinds) == set(KINDS) else ", ".join(each.kinds)
    remediation = "" if each.expect is Expect.GOOD else f"\n\n**Remediation:** {each.remediation}"
    return f"### {each.reason}\n\n*{kinds}.* {each.cause}{remediation}\n\n"
