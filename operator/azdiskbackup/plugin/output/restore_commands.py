"""How to restore the data of a backup instance, as commands of the Azure CLI."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureInstance

_INSTANCE = "az dataprotection backup-instance"


def restore_commands(instance: AzureInstance, namespace: str, name: str) -> Iterator[str]:
    """Yield what to type, with comments; a soft-deleted instance is brought back first.

    Args:
        instance: the backup instance.
        namespace: of the ProtectedDisk that it had; empty if that is not known, and likewise its name.
        name: of the ProtectedDisk.
    """
    if instance.soft_deleted_until is not None:
        kept = f"{instance.soft_deleted_until:%Y-%m-%d %H:%M} UTC"
        yield f"# It is soft-deleted, and Azure keeps it until {kept}. Undelete it:"
        yield f"{_INSTANCE} deleted-backup-instance undelete {_of(instance)}"
    was = f" as it was ({namespace}/{name})" if name else ""
    yield f"# If the disk still exists, create a PersistentVolume for it, its PVC, and a ProtectedDisk{was}:"
    yield "# the operator adopts the backup instance with all its restore points."
    yield f"az disk show --ids {quote(instance.disk_id)}"
    yield "# Otherwise restore it. List the restore points:"
    yield f"az dataprotection recovery-point list {_of(instance)} -o table"
    yield from _new_disk(instance)


def _new_disk(instance: AzureInstance) -> Iterator[str]:
    """Yield how a new disk is made beside the old one."""
    vault = f"az dataprotection backup-vault show {_vault(instance.id.parent)}"
    group, _, disk = instance.disk_id.partition("/providers/")
    request = "--restore-request-object restore.json"
    yield "# Choose one, a name for the new disk, and a resource group that exists (this one was the old disk's):"
    yield f"RESTORE_POINT=NAME NEW_DISK=NAME TARGET_GROUP={quote(group)}"
    yield "# The identity of the vault needs a role there, which takes up to 30 minutes to propagate:"
    yield (
        f'az role assignment create --role "Disk Restore Operator" --scope "$TARGET_GROUP" --assignee-object-id '
        f"$({vault} --query identity.principalId -o tsv) --assignee-principal-type ServicePrincipal"
    )
    yield (
        f"{_INSTANCE} restore initialize-for-data-recovery --datasource-type AzureDisk --source-datastore "
        f"OperationalStore --restore-location $({vault} --query location -o tsv) --recovery-point-id $RESTORE_POINT "
        f'--target-resource-id "$TARGET_GROUP/providers/{disk.rpartition("/")[0]}/$NEW_DISK" > restore.json'
    )
    yield f"until {_INSTANCE} validate-for-restore {_of(instance)} {request}; do sleep 15; done"
    yield f"{_INSTANCE} restore trigger {_of(instance)} {request}"


def _vault(vault: ArmId) -> str:
    return f"--subscription {vault.subscription} -g {quote(vault.group)} --vault-name {quote(vault.name)}"


def _of(instance: AzureInstance) -> str:
    return f"{_vault(instance.id.parent)} --backup-instance-name {quote(instance.id.name)}"
