"""Reasons of policies."""

from __future__ import annotations

from azdiskbackup.core import reasons
from azdiskbackup.core.explanations.explanation import POLICY, Explanation, yours

_P = (POLICY,)

OF_POLICIES: tuple[Explanation, ...] = (
    yours(
        reasons.TOO_MANY_RESTORE_POINTS,
        _P,
        "The policy would lead to more restore points of a disk than Azure allows (450 by policy, 500 snapshots in "
        "all). The message has the sum.",
        "Back up less often, or keep fewer days. Disks stay with the policy as it was before.",
    ),
    yours(
        reasons.TIME_ZONE_UNKNOWN,
        _P,
        "The time zone has no Windows name, which Azure wants.",
        "Use an IANA name such as UTC or Europe/Berlin.",
    ),
)
