"""Reasons of policies."""

from __future__ import annotations

from azdiskbackup.core.reason_catalog.entry import Meaning, action_required
from azdiskbackup.core.rules import reasons

OF_POLICIES: dict[str, Meaning] = {
    reasons.TOO_MANY_RESTORE_POINTS: action_required(
        "The policy leads to more restore points a disk than Azure allows (450 by policy, 500 snapshots in all). The "
        "message has the calculation.",
        "Back up less often, or keep fewer days. Disks keep the previous version of the policy.",
    ),
    reasons.TIME_ZONE_UNKNOWN: action_required(
        "The time zone has no Windows name, which Azure requires.", "Use an IANA name such as UTC or Europe/Berlin."
    ),
}
