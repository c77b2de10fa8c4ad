"""The way back to the data of a backup instance, as commands of the Azure CLI."""

from __future__ import annotations

from azdiskbackup.core.arm_ids import ArmId
from azdiskbackup.core.azure_model import AzureInstance

POINT, NEW_DISK = "RESTORE_POINT", "NEW_DISK"


def way_back(instance: AzureInstance, namespace: str, name: str) -> list[str]:
    """Return what to type, with comments; a soft-deleted instance is brought back first."""
    vault = instance.id.parent
    lines = []
    if instance.soft_deleted_until is not None:
        kept = f"{instance.soft_deleted_until:%Y-%m-%d %H:%M} UTC"
        lines += [
            f"# It was deleted, and Azure keeps it until {kept}. Bring it back:",
            f"az dataprotection backup-instance deleted-backup-instance undelete {_of(vault)} {_instance(instance)}",
        ]
    lines += [
        "# Does the disk still exist? Then a PersistentVolume for it, its PVC, and the ProtectedDisk as it was",
        f"# ({namespace}/{name}) are enough: the backup instance is taken over with all its restore points.",
        f"az disk show --ids {instance.disk_id}",
        "# Otherwise restore it. Which restore points are there?",
        f"az dataprotection recovery-point list {_of(vault)} {_instance(instance)} -o table",
        *restore(instance.id, POINT, new_disk(instance.disk_id)),
    ]
    return lines


def restore(instance: ArmId, point: str, target: str) -> list[str]:
    """Return the commands that restore a disk from a point into a new disk."""
    vault = instance.parent
    return [
        f"# Into a new disk, with the name of a restore point for {point} and a name for {NEW_DISK}:"
        if point == POINT
        else "# Into a new disk:",
        "az dataprotection backup-instance restore initialize-for-data-recovery --datasource-type AzureDisk "
        f"--source-datastore OperationalStore --restore-location $(az dataprotection backup-vault show {_of(vault)} "
        f"--query location -o tsv) --recovery-point-id {point} --target-resource-id {target} > restore.json",
        f"az dataprotection backup-instance restore trigger {_of(vault)} --backup-instance-name {instance.name} "
        "--restore-request-object restore.json",
    ]


def new_disk(disk_id: str) -> str:
    """Return the id of a disk beside another one, whose name is still to be chosen."""
    return f"{disk_id.rsplit('/', 1)[0]}/{NEW_DISK}"


def _of(vault: ArmId) -> str:
    return f"--subscription {vault.subscription} -g {vault.group} --vault-name {vault.name}"


def _instance(instance: AzureInstance) -> str:
    return f"--backup-instance-name {instance.id.name}"
