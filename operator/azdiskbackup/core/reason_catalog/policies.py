"""Reasons of policies."""

from __future__ import annotations

from azdiskbackup.core.reason_catalog.entry import POLICY, ReasonEntry, action_required
from azdiskbackup.core.rules import reasons

_P = (POLICY,)

OF_POLICIES: tuple[ReasonEntry, ...] = (
    action_required(
        reasons.TOO_MANY_RESTORE_POINTS,
        _P,
        "The policy leads to more restore points a disk than Azure allows (450 by policy, 500 snapshots in all). The "
        "message has the calculation.",
        "Back up less often, or keep fewer days. Disks keep the previous version of the policy.",
    ),
    action_required(
        reasons.TIME_ZONE_UNKNOWN,
        _P,
        "The time zone has no Windows name, which Azure requires.",
        "Use an IANA name such as UTC or Europe/Berlin.",
    ),
)
