"""Ids, names and grants."""

import pytest

from azdiskbackup.core.identity.arm_ids import ArmId, same_id, vault_id
from azdiskbackup.core.identity.naming import assignment_name, instance_name, policy_name, restored_disk_name
from azdiskbackup.core.identity.roles import DISK_BACKUP_READER, Grant
from harness.objects import disk_id


def test_ids_are_parsed_in_any_case_and_written_as_they_came() -> None:
    text = "/subscriptions/S/resourcegroups/G/providers/microsoft.compute/disks/D"
    found = ArmId.parse(text)
    assert (found.subscription, found.group, found.provider, found.path) == (
        "S",
        "G",
        "microsoft.compute",
        ("disks", "D"),
    )
    assert same_id(found, text.upper())
    assert str(found.child("x", "y")).endswith("/disks/D/x/y") and found.name == "D"


@pytest.mark.parametrize(
    "text",
    ["", "/", "/subscriptions/S", "/subscriptions/S/resourceGroups/G/providers/P/disks", "/a/S/b/G/c/P/disks/D",
     "/subscriptions/S/resourceGroups/../providers/P/disks/D", "/subscriptions//resourceGroups/G/providers/P/disks/D"],
)  # fmt: skip
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the ARM id"):
        ArmId.parse(text)


def test_names_are_deterministic_and_do_not_depend_on_letter_case() -> None:
    one, other = ArmId.parse(disk_id("Data.0")), ArmId.parse(disk_id("Data.0").upper())
    assert instance_name(one).split("-")[:2] == ["Data", "0"]
    assert instance_name(one)[-36:] == instance_name(other)[-36:]
    assert assignment_name("/A", "P", "r") == assignment_name("/a", "p", "R")
    assert assignment_name("/a", "p", "r") != assignment_name("/a", "q", "r"), "depends on the principal"
    assert len(instance_name(ArmId.parse(disk_id("x" * 80)))) <= 100


def test_restored_disks_are_told_from_those_of_a_provisioner() -> None:
    uid = "0A1b2c3d-0000-4000-8000-000000000001"
    assert restored_disk_name("pvc", uid) == f"restored-pvc-{uid.lower()}"
    assert restored_disk_name("data.of-1", uid) == f"restored-data-of-1-{uid.lower()}"
    assert len(restored_disk_name("x" * 253, uid)) == 80, "as many as Compute allows"


def test_policies_of_other_content_have_other_names() -> None:
    assert policy_name("gold", {"a": 1, "b": 2}) == policy_name("gold", {"b": 2, "a": 1})
    assert policy_name("gold", {"a": 1}) != policy_name("gold", {"a": 2})
    assert policy_name("gold", {}).startswith("gold-") and len(policy_name("gold", {})) == 13


def test_vault_ids() -> None:
    assert str(vault_id("S", "G", "V")) == (
        "/subscriptions/S/resourceGroups/G/providers/Microsoft.DataProtection/backupVaults/V"
    )


def test_grants_say_who_may_what_where() -> None:
    assert str(Grant("/scope", "S", DISK_BACKUP_READER, "P")) == "Disk Backup Reader for P on /scope"
    assert Grant("/scope", "S", DISK_BACKUP_READER, "P").name == assignment_name("/scope", "P", DISK_BACKUP_READER.guid)
