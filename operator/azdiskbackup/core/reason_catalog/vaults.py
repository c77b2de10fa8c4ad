"""Reasons of vaults, and of policies."""

from __future__ import annotations

from azdiskbackup.core.reason_catalog.entry import Meaning, action_required, good, in_progress
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.backoff import RECHECKED

# Reasons of other kinds that vaults have, too.
SHARED_BY_VAULTS = {reasons.REGION_MISMATCH}

OF_VAULTS: dict[str, Meaning] = {
    reasons.IDENTITY_KNOWN: good("The identity that backs up the disks is known."),
    reasons.PROVISIONING: in_progress("Azure is provisioning the vault.", "Wait; it takes a minute or two."),
    reasons.PROVISIONING_FAILED: action_required(
        "Azure failed to provision the vault.",
        "Repair the vault in Azure, or delete it there: the operator creates it again. The operator checks again "
        f"{RECHECKED}.",
    ),
    reasons.VAULT_MISSING: action_required(
        "The vault does not exist, and `managementPolicy: Observe` never creates one.",
        "Create it where it is managed (Terraform, Bicep), or correct `azureName`, `resourceGroup` and "
        "`subscriptionID` in a new object.",
    ),
    reasons.GROUP_MISSING: action_required(
        "A resource group for snapshots, or for restored disks, does not exist. Without the former no disk is "
        "protected; without the latter nothing is restored.",
        "Create it, or set `create: true` for it in `snapshotResourceGroups` or `restoreResourceGroups`.",
    ),
    reasons.USING_VAULT_LIST: in_progress(
        "Resource Graph refuses, lags or lacks rows. The operator lists the vault instead, which takes more requests "
        "and finds jobs later.",
        "If it stays for hours, assign the role Reader on the vault's resource group to the operator's identity: "
        "Resource Graph shows only what it may read.",
    ),
}

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
