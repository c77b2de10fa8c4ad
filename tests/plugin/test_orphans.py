"""Which backup instances have lost what they belong to, and what leads back to them."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.identity.naming import instance_name
from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.protected_disk.desired import NAMESPACE_UID_TAG, OWNER_TAGS
from azdiskbackup.plugin.cluster.client import ProtectedVolume
from azdiskbackup.plugin.cluster.orphaned import Here, VaultHere, orphans
from azdiskbackup.plugin.output.restore_commands import restore_commands

_GROUP = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups"
VAULT = f"{_GROUP}/backup-rg/providers/Microsoft.DataProtection/backupVaults/demo"
DISK = f"{_GROUP}/disks-rg/providers/Microsoft.Compute/disks/pvc-1"
UNTIL = datetime(2026, 12, 6, 9, tzinfo=UTC)
HERE = Here(
    cluster="here",
    disks={
        ("shop", "data"): None,
        ("shop", "lost"): None,
        ("shop", "again"): ProtectedVolume(DISK.replace("pvc-1", "pvc-2").lower(), "pvc-2"),
        ("shop", "changed"): ProtectedVolume(DISK.lower(), "pvc-1"),
        ("shop", "kept"): ProtectedVolume(DISK.lower(), "pvc-1"),
    },
    claims={
        ("shop", name): claim
        for name, claim in {
            "data": "data-0", "lost": "gone-0", "again": "data-2", "changed": "data-2", "kept": "data-1"
        }.items()
    },
    namespace_uids={"shop": "uid-shop"},
    vaults={VAULT.lower(): VaultHere(name="demo", adopt_from_clusters=frozenset({"lost-cluster"}))},
    volumes={("shop", "data-0"): "pvc-0", ("shop", "data-1"): "pvc-1", ("shop", "data-2"): "pvc-2"},
)  # fmt: skip
NOTHING = Here(cluster="here", disks={}, claims={}, volumes={}, namespace_uids={})


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
        # The object was made again for another disk; the claim was; nothing was.
        (("here", "shop", "again"), "ProtectedDisk"),
        (("here", "shop", "changed"), "PersistentVolumeClaim"),
        (("here", "shop", "kept"), None),
        ((), None),
    ],
)
def test_what_is_gone(owner: tuple[str, ...], gone: str | None) -> None:
    assert [each.missing for each in orphans([instance(*owner)], HERE)] == ([gone] if gone else [])


def test_the_disk_that_an_object_protected_before_is_no_orphan() -> None:
    """`restore-points --all-disks` lists it, and it is restored by its object."""
    followed = {**HERE.disks, ("shop", "data"): ProtectedVolume("/another", "pvc-0")}
    moved = structs.replace(HERE, disks=followed)
    assert [each.missing for each in orphans([instance("here", "shop", "data")], moved)] == ["ProtectedDisk"]
    known = structs.replace(moved, earlier={("shop", "data"): frozenset({DISK.lower()})})
    assert orphans([instance("here", "shop", "data")], known) == []


def test_one_that_was_deleted_has_no_tags_and_is_known_by_its_name() -> None:
    deleted = replace(instance(), state="SoftDeleted", soft_deleted_until=UNTIL)
    (found,) = orphans([deleted], NOTHING)
    assert (found.missing, found.namespace, found.kept_until) == ("BackupInstance", "", UNTIL)
    assert "undelete" in found.restore_commands[1] and "2026-12-06" in found.restore_commands[0]
    # Somebody else's, or of a disk that is protected here again: the operator brings that one back.
    other = replace(deleted, id=ArmId.parse(f"{VAULT}/backupInstances/by-hand"))
    assert orphans([other], NOTHING) == orphans([deleted], HERE) == []


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("shop", "data)\nrm -rf ~ #"),
        ("shop\r\ntouch /tmp/x", "data"),
        ("shop", "$(touch /tmp/x)"),
        ("shop", "`id`"),
        ("shop", "data\x1b[2J"),
        ("shop", "data\u2028touch x"),
    ],
)
def test_what_somebody_wrote_into_a_tag_is_no_line_to_paste(namespace: str, name: str) -> None:
    told = "\n".join(restore_commands(instance(), namespace, name))
    assert told == "\n".join(restore_commands(instance(), "", "")), "it is no name, so it is none that helps"


def test_every_id_is_one_word_to_the_shell(tmp_path: Path) -> None:
    bad = "x;touch y $(id) 'z'"
    odd = replace(
        instance(),
        id=ArmId.parse(f"{VAULT}/backupInstances/{bad}"),
        disk_id=f"{_GROUP}/$(id)/providers/Microsoft.Compute/$(touch x)/pvc",
    )
    for line in restore_commands(odd, "shop", "data"):
        if not line.startswith("#"):
            expanded = subprocess.run(
                ["bash", "-c", f"touch() {{ echo RAN; }}; id() {{ echo RAN; }}; az() {{ echo \"$@\"; }}; {line}"],
                capture_output=True, text=True, cwd=tmp_path, check=False,
            )  # fmt: skip
            written = "".join(each.read_text() for each in tmp_path.glob("restore.json"))
            assert "RAN" not in expanded.stdout + expanded.stderr + written, line


def test_the_way_back_names_what_it_belonged_to_where_that_is_known() -> None:
    assert "(shop/data)" in "".join(restore_commands(instance(), "shop", "data"))
    assert "()" not in "".join(restore_commands(instance(), "", ""))


BY_INSTANCE = f"restore -n shop --vault demo --instance {instance().id.name} --pvc other-restored --storage-class"


@pytest.mark.parametrize(
    ("owner", "uid", "command"),
    [
        (("here", "shop", "other"), "uid-shop", BY_INSTANCE),
        # Of a time in which the uid was not written.
        (("here", "shop", "other"), None, BY_INSTANCE),
        (("lost-cluster", "shop", "other"), "uid-there", BY_INSTANCE),
        (("here", "shop", "lost"), "uid-shop", "restore lost -n shop"),
        # A namespace that was made again, another cluster, a namespace that is gone, and what is no name.
        (("here", "shop", "other"), "uid-before", None),
        (("there", "shop", "other"), "uid-there", None),
        (("here", "bank", "other"), "uid-bank", None),
        (("here", "shop", "$(id)"), "uid-shop", None),
    ],
)
def test_what_may_be_restored_here_has_a_command(owner: tuple[str, ...], uid: str | None, command: str | None) -> None:
    written = {} if uid is None else {NAMESPACE_UID_TAG: uid}
    made = instance(*owner)
    (found,) = orphans([replace(made, tags={**made.tags, **written})], HERE)
    told = "\n".join(found.restore_commands)
    if command is None:
        assert found.restore_command is None and "kubectl azdiskbackup" not in told
    else:
        assert found.restore_command is not None and f"kubectl azdiskbackup {command}" in found.restore_command
        assert found.restore_command in told


def test_the_backups_of_a_namespace_that_was_deleted_and_made_again() -> None:
    made = instance("here", "shop", "data")
    before = replace(made, tags={**made.tags, NAMESPACE_UID_TAG: "uid-before"})
    (found,) = orphans([before], HERE)
    assert (found.missing, found.restore_command) == ("Namespace", None)
    (found,) = orphans(
        [before], replace_vaults({VAULT.lower(): VaultHere(name="demo", adopt_from_clusters=frozenset({"here"}))})
    )
    assert found.restore_command is not None and "--vault demo --instance" in found.restore_command


def test_a_vault_without_an_object_here_restores_nothing_here() -> None:
    (found,) = orphans([instance("here", "shop", "other")], replace_vaults({}))
    assert found.restore_command is None
    deleted = replace(instance("here", "shop", "other"), soft_deleted_until=UNTIL)
    assert all(each.restore_command is None for each in orphans([deleted], HERE))


def replace_vaults(vaults: dict[str, VaultHere]) -> Here:
    return structs.replace(HERE, vaults=vaults)


def test_who_may_not_read_the_cluster_knows_his_namespace_by_its_uid() -> None:
    here = structs.replace(HERE, cluster="")
    untagged = instance("some-cluster", "shop", "gone")
    mine, others = (
        replace(untagged, tags={**untagged.tags, NAMESPACE_UID_TAG: uid}) for uid in ("uid-shop", "uid-of-another")
    )
    assert [each.missing for each in orphans([mine], here)] == ["ProtectedDisk"]
    assert {each.missing for each in orphans([others, untagged], here)} == {"Namespace"}
