"""How to restore the data of a backup instance, as commands of the Azure CLI."""

from __future__ import annotations

import re
from collections.abc import Iterator
from shlex import quote

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.plugin.output.foreign import harmless

_INSTANCE = "az dataprotection backup-instance"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


def restore_commands(instance: AzureInstance, namespace: str, name: str) -> Iterator[str]:
    """Return what to type, with comments; a soft-deleted instance is brought back first.

    Args:
        instance: the backup instance.
        namespace: of the ProtectedDisk that it had; empty if that is not known, and likewise its name.
        name: of the ProtectedDisk.
    """
    return map(harmless, _commands(instance, namespace, name))


def _commands(instance: AzureInstance, namespace: str, name: str) -> Iterator[str]:
    if instance.soft_deleted_until is not None:
        kept = f"{instance.soft_deleted_until:%Y-%m-%d %H:%M} UTC"
        yield f"# It is soft-deleted, and Azure keeps it until {kept}. Undelete it:"
        yield f"{_INSTANCE} deleted-backup-instance undelete {_of(instance)}"
    # Tags are whatever somebody wrote; a line break would end the comment, and some shells expand what is in one.
    was = f" as it was ({namespace}/{name})" if _NAME.fullmatch(namespace) and _NAME.fullmatch(name) else ""
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
    kind = f"/providers/{disk.rpartition('/')[0]}/"
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
        f'--target-resource-id "$TARGET_GROUP"{quote(kind)}"$NEW_DISK" > restore.json'
    )
    yield f"until {_INSTANCE} validate-for-restore {_of(instance)} {request}; do sleep 15; done"
    yield f"{_INSTANCE} restore trigger {_of(instance)} {request}"


def _vault(vault: ArmId) -> str:
    return f"--subscription {quote(vault.subscription)} -g {quote(vault.group)} --vault-name {quote(vault.name)}"


def _of(instance: AzureInstance) -> str:
    return f"{_vault(instance.id.parent)} --backup-instance-name {quote(instance.id.name)}"
