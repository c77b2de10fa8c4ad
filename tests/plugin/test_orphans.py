"""Which backup instances have lost what they belong to, and what leads back to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.identity.naming import instance_name
from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.protected_disk.desired import OWNER_TAGS
from azdiskbackup.plugin.commands.orphans import Here, orphans
from azdiskbackup.plugin.output.restore_commands import restore_commands

_GROUP = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups"
VAULT = f"{_GROUP}/backup-rg/providers/Microsoft.DataProtection/backupVaults/demo"
DISK = f"{_GROUP}/disks-rg/providers/Microsoft.Compute/disks/pvc-1"
UNTIL = datetime(2026, 12, 6, 9, tzinfo=UTC)
HERE = Here(
    cluster="here",
    namespaces=frozenset({"shop"}),
    disks={("shop", "data"): "data-0", ("shop", "lost"): "gone-0"},
    disk_ids=frozenset(),
    claims=frozenset({("shop", "data-0")}),
)


def instance(*owner: str, name: str = instance_name(ArmId.parse(DISK))) -> AzureInstance:
    return AzureInstance(
        id=ArmId.parse(f"{VAULT}/backupInstances/{name}"),
        disk_id=DISK,
        policy_id=f"{VAULT}/backupPolicies/gold",
        snapshot_group_id=None,
        state="ProtectionConfigured",
        tags=dict(zip(OWNER_TAGS, owner, strict=True)) if owner else {},
    )


@pytest.mark.parametrize(
    ("owner", "gone"),
    [
        (("here", "shop", "data"), None),
        (("there", "shop", "data"), "Cluster"),
        (("here", "bank", "data"), "Namespace"),
        (("here", "shop", "other"), "ProtectedDisk"),
        (("here", "shop", "lost"), "PersistentVolumeClaim"),
        ((), None),
    ],
)
def test_what_is_gone(owner: tuple[str, ...], gone: str | None) -> None:
    assert [each.missing for each in orphans([instance(*owner)], HERE)] == ([gone] if gone else [])


def test_one_that_was_deleted_has_no_tags_and_is_known_by_its_name() -> None:
    deleted = replace(instance(), state="SoftDeleted", soft_deleted_until=UNTIL)
    (found,) = orphans([deleted], HERE)
    assert (found.missing, found.namespace, found.kept_until) == ("BackupInstance", "", UNTIL)
    assert "undelete" in found.restore_commands[1] and "2026-12-06" in found.restore_commands[0]
    # Somebody else's, or of a disk that is protected here again: the operator brings that one back.
    other = replace(deleted, id=ArmId.parse(f"{VAULT}/backupInstances/by-hand"))
    here = Here(
        **{name: getattr(HERE, name) for name in HERE.__struct_fields__} | {"disk_ids": frozenset({DISK.lower()})}
    )
    assert orphans([other], HERE) == orphans([deleted], here) == []


def test_the_way_back_names_what_it_belonged_to_where_that_is_known() -> None:
    assert "(shop/data)" in "".join(restore_commands(instance(), "shop", "data"))
    assert "()" not in "".join(restore_commands(instance(), "", ""))
