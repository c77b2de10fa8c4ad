"""Whether Azure can back up a disk at all: where it is, and where its snapshots would be."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.core.identity.arm_ids import same_id
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Fact, Observed
from azdiskbackup.core.protected_disk.rules.instance import Verdict
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NotFound
from azdiskbackup.core.rules.verdicts import looked_up, parked, satisfied, stalled


def disk_eligible(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The disk must exist, in the vault's region, in a subscription that has a snapshot group."""
    disk = looked_up(observed.disk, Fact.DISK)
    if isinstance(disk, NotFound):
        return stalled(
            reasons.DISK_NOT_FOUND,
            "The disk does not exist in Azure, or the operator may not read it. Existing restore points are kept.",
        )
    vault = observed.usable_vault
    if disk.location.lower() != vault.location.lower():
        return parked(
            reasons.REGION_MISMATCH,
            f"The disk is in {disk.location} and the vault in {vault.location}. Azure requires both in one region; use "
            "a policy of a vault in the disk's region.",
        )
    group = vault.snapshot_group_for(disk.id.subscription)
    if group is None:
        return stalled(
            reasons.NO_SNAPSHOT_GROUP,
            f"BackupVault {vault.name!r} has no snapshot resource group in the disk's subscription "
            f"{disk.id.subscription}, where Azure keeps a disk's snapshots. Ask the platform team to add one to "
            "`snapshotResourceGroups`.",
        )
    if same_id(group, disk.id.resource_group):
        return parked(
            reasons.DISK_IN_SNAPSHOT_GROUP,
            f"The disk is in the resource group {group.name}, which is the vault's snapshot resource group. Move the "
            "disk, or use a vault with another one.",
        )
    return satisfied(reasons.RESOLVED, f"Disk {disk.id.name} is eligible for backup.")
