"""Reasons of vaults."""

from __future__ import annotations

from azdiskbackup.core.reason_catalog.entry import VAULT, ReasonEntry, action_required, good, in_progress
from azdiskbackup.core.rules import reasons

_V = (VAULT,)

OF_VAULTS: tuple[ReasonEntry, ...] = (
    good(reasons.IDENTITY_KNOWN, _V, "The vault has the identity that works for the disks."),
    in_progress(
        reasons.PROVISIONING,
        _V,
        "Azure is working on the vault.",
        "Wait; it takes a minute or two.",
    ),
    action_required(
        reasons.PROVISIONING_FAILED,
        _V,
        "Azure could not provision the vault.",
        "Look at the vault in Azure, repair it or delete it there: an empty one is made anew. It is looked at again "
        "by itself.",
    ),
    action_required(
        reasons.VAULT_MISSING,
        _V,
        "The vault does not exist, and `managementPolicy: Observe` never creates one.",
        "Create it where it is run (Terraform, Bicep), or correct `azureName`, `resourceGroup` and `subscriptionID` in "
        "a new object.",
    ),
    action_required(
        reasons.DRIFT_DETECTED,
        _V,
        "The vault in Azure differs from the spec in what cannot be changed, or it is run elsewhere "
        "(`managementPolicy: Observe`) and must not be.",
        "Write what Azure has, change it where it is run, or name another vault in a new object.",
    ),
    action_required(
        reasons.IDENTITY_MISSING,
        _V,
        "The vault does not have the identity that the spec asks for. A vault of ours gets it; one that is run "
        "elsewhere is left as it is.",
        "Give the vault the identity where it is run; this goes on by itself.",
    ),
    action_required(
        reasons.GROUP_MISSING,
        _V,
        "A resource group for snapshots does not exist.",
        "Create it, or set `create: true` for it in `snapshotResourceGroups`.",
    ),
    in_progress(
        reasons.USING_VAULT_LIST,
        _V,
        "Resource Graph, which shows all disks with two questions, refuses, is behind or lacks rows; the vault's own "
        "list is read instead, which takes more of Azure's limits and finds jobs later.",
        "If it stays for hours, give the operator's identity the role Reader on the vault's resource group, which "
        "Resource Graph goes by.",
    ),
)
