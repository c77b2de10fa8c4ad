"""`restore`: what keeps it from being made, and what it makes."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from azdiskbackup.api.v1alpha1.disk_restore import DiskRestoreSpec
from azdiskbackup.core.objects.resource import Resource, parse_spec
from azdiskbackup.errors import Unavailable
from azdiskbackup.plugin.output.point_in_time import point_in_time
from azdiskbackup.plugin.runtime.completion import names
from plugin import world
from plugin.conftest import Run
from plugin.world import NOW, Api, Json

BY_INSTANCE = "restore --instance gone-1 --vault demo"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-11-22T10:00:00Z", datetime(2026, 11, 22, 10, 0, 0, 999000, tzinfo=UTC)),
        ("2026-11-22T10:00:00.5+01:00", datetime(2026, 11, 22, 9, 0, 0, 500000, tzinfo=UTC)),
        ("2026-11-22 10:00", datetime(2026, 11, 22, 10, 0, 59, 999000, tzinfo=UTC)),
        ("2026-11-22 10:00 utc", datetime(2026, 11, 22, 10, 0, 59, 999000, tzinfo=UTC)),
        ("3h", datetime(2026, 11, 22, 9, tzinfo=UTC)),
        (" 2d ago ", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("1d12h", datetime(2026, 11, 21, 0, tzinfo=UTC)),
        ("90m", datetime(2026, 11, 22, 10, 30, tzinfo=UTC)),
    ],
)
def test_times_as_people_type_them(typed: str, meant: datetime) -> None:
    assert point_in_time(typed, NOW) == meant


def test_a_time_that_is_copied_from_a_table_means_the_restore_point_of_that_minute(run: Run, api: Api) -> None:
    """Tables show minutes; points are taken at fractions of a second."""
    for each in api.objects["protecteddisks"]:
        if each["metadata"]["name"] == "data":
            each["status"] = copy.deepcopy(each["status"])
            each["status"]["restorePoints"]["oldest"] = "2026-11-19T14:00:12.345678Z"
    code, out, err = run("restore", "data", "--at", "2026-11-19 14:00", "--dry-run", "-o", "json")
    assert code == 0, err
    assert json.loads(out)["spec"]["restorePoint"] == {"notAfter": "2026-11-19T14:00:59.999000Z"}
    code, out, err = run("restore", "data", "--at", "2026-11-19T14:00:12.345678Z", "--dry-run", "-o", "json")
    assert code == 0, err
    assert json.loads(out)["spec"]["restorePoint"] == {"notAfter": "2026-11-19T14:00:12.345678Z"}


def test_a_restore_point_that_only_its_job_tells_of_may_be_a_little_younger(run: Run, api: Api) -> None:
    for each in api.objects["protecteddisks"]:
        if each["metadata"]["name"] == "data":
            each["status"] = copy.deepcopy(each["status"])
            newest = each["status"]["restorePoints"]["recent"][0]
            newest["computed"] = True
    at = newest["time"][:16].replace("T", " ")
    code, _, err = run("restore", "data", "--at", at, "--dry-run")
    assert code == 0 and f"use --point {newest['id']}" in err
    _, out, _ = run("describe", "data", columns=120)
    assert ", 1 since by their jobs)" in out
    code, _, err = run("restore", "data", "--point", newest["id"], "--dry-run")
    assert code == 0 and "--point" not in err


@pytest.mark.parametrize("typed", ["", "yesterday", "2026-11-22", "10:00", "3x", "2026-13-01 10:00", "-3h", "3"])
def test_what_is_no_time(typed: str) -> None:
    with pytest.raises(ValueError, match="invalid time"):
        point_in_time(typed, NOW)


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("restore", 2, "name a DISK, or a backup instance with --instance"),
        ("restore data --instance gone-1 --vault demo", 2, "use either DISK or --instance"),
        ("restore --instance gone-1", 2, "use --instance and --vault together"),
        ("restore data --at 3h --point point-1", 2, "use either --at or --point"),
        ("restore data --disk-only --pvc x", 2, "--disk-only makes no PVC"),
        (f"{BY_INSTANCE} --pvc x", 2, "--storage-class and --fs-type (or --volume-mode Block), or --disk-only"),
        (f"{BY_INSTANCE} --pvc x --storage-class y --volume-mode Filesystem", 2, "and --fs-type (or --volume-mode"),
        ("restore data --volume-mode Block --fs-type xfs", 2, "a Block volume has no file system"),
        ("restore data --disk-only --access-mode ReadWriteMany", 2, "--disk-only makes no PVC"),
        ("restore data --disk-only --volume-mode Block", 2, "--disk-only makes no PVC"),
        ("restore data --access-mode RWO", 2, "'RWO' is not one of"),
        ("restore data --pvc Bad_Name", 2, "invalid PVC name 'Bad_Name'"),
        ("restore data --name Bad_Name", 2, "invalid DiskRestore name"),
        ("restore data --point a/b", 2, "invalid id of a restore point"),
        ("restore data --at yesterday", 2, "invalid time 'yesterday'"),
        ("restore data --at 2026-12-22T10:00:00Z", 2, "is in the future"),
        (
            "restore dat",
            1,
            "Did you mean data? Backups whose ProtectedDisk was deleted: kubectl azdiskbackup",
        ),
        ("restore --name x", 1, "DiskRestore 'x' does not exist. Existing: lost-0-restored. To make one, name a DISK."),
        ("restore orders", 1, "shop/orders is not backed up yet, so there is nothing to restore."),
        ("restore data --at 9d", 1, "The oldest restore point of shop/data was taken at 2026-11-19 14:00 UTC, after"),
        ("restore data --pvc cache-0", 1, "PVC 'cache-0' exists in the namespace 'shop'"),
        ("restore data --pvc lost-0-restored", 1, "A DiskRestore that has not ended makes a PVC 'lost-0-restored'"),
        ("restore data --name lost-0-restored", 1, "exists and restores something else. Choose another --name."),
        (
            "restore lost --pvc other",
            1,
            "Use --storage-class and --fs-type (or --volume-mode Block) as the old PVC had them, or --disk-only.",
        ),
        (
            "restore --instance gone-1 --vault dmo --disk-only",
            1,
            "BackupVault 'dmo' does not exist. Did you mean demo?",
        ),
        ("restore data --reclaim-policy Keep", 2, "'Keep' is not one of"),
        ("restore data --fs-type ntfs", 2, "'ntfs' is not one of"),
    ],
)
def test_what_cannot_be_restored_gets_a_sentence_before_anything_is_made(
    run: Run, api: Api, command: str, code: int, says: str
) -> None:
    before = len(api.objects["diskrestores"])
    ended, out, err = run(*command.split())
    assert (ended, out) == (code, "")
    assert says in " ".join(err.split()), err
    assert len(api.objects["diskrestores"]) == before


def vault(**spec: Any) -> Json:
    return {**world.VAULT, "spec": {**world.VAULT["spec"], **spec}}


@pytest.mark.parametrize(
    ("command", "spec", "says"),
    [
        ("restore data", {"access": {}}, "(`access.restoreNamespaces`). It allows no namespace: ask the platform team"),
        (
            "restore data",
            {"access": {"restoreNamespaces": {"matchLabels": {"tier": "prod"}}}},
            "Ask the platform team for `kubectl label namespace shop tier=prod`.",
        ),
        (
            "restore data",
            {"access": {"restoreNamespaces": {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}}},
            "label the namespace as `access.restoreNamespaces` requires",
        ),
        (f"{BY_INSTANCE} --disk-only", {"access": {"restoreNamespaces": {}}}, "`access.restoreOrphanNamespaces`"),
        ("restore data", {"restoreResourceGroups": None}, "names no resource group for restored disks"),
    ],
)
def test_a_vault_that_does_not_allow_it(run: Run, api: Api, command: str, spec: Json, says: str) -> None:
    api.objects["backupvaults"] = [vault(**spec)]
    ended, _, err = run(*command.split())
    assert ended == 1 and says in " ".join(err.split()), err
    # Who may not see that asks the operator.
    api.denied = ("backupvaults", "namespaces", "persistentvolumes")
    ended, out, err = run(*command.split())
    assert (ended, err.count("cannot")) == (0, 0) and out.startswith("diskrestore/")


def test_no_restore_point_yet(run: Run, api: Api) -> None:
    made = world.good()
    del made["status"]["restorePoints"], made["status"]["lastSuccessfulBackupTime"]
    api.objects["protecteddisks"] = [made]
    _, _, err = run("restore", "data")
    assert "shop/data has no restore point yet. To take one: kubectl azdiskbackup backup data -n shop --wait" in err
    # The list is older than the first backup: the operator lists them anew.
    made["status"]["lastSuccessfulBackupTime"] = world.ago(hours=1)
    assert run("restore", "data")[0] == 0


def test_a_point_that_the_status_does_not_list_is_said_and_restored(run: Run, api: Api) -> None:
    ended, out, err = run("restore", "data", "--point", "newer", "--dry-run")
    assert ended == 0 and "Restore point newer is not among the 18" in err
    spec = yaml.safe_load(out)["spec"]
    assert spec["restorePoint"] == {"id": "newer"}


@pytest.mark.parametrize(
    "command",
    [
        "restore data",
        "restore data --at 3h --name a --reclaim-policy Delete --ttl 60",
        "restore data --disk-only --point point-2",
        "restore lost --pvc other --storage-class managed-csi --fs-type xfs",
        "restore lost --pvc other --storage-class managed-csi --volume-mode Block",
        f"{BY_INSTANCE} --pvc x --storage-class managed-csi --fs-type ext4",
        f"{BY_INSTANCE} --pvc x --storage-class y --volume-mode Block --access-mode ReadWriteMany",
        "restore data --access-mode ReadWriteOnce --access-mode ReadOnlyMany",
    ],
)
def test_what_is_made_is_what_the_kind_takes(run: Run, api: Api, command: str) -> None:
    _, out, _ = run(*command.split(), "--dry-run", "-o", "json")
    ended, _, _ = run(*command.split())
    made = api.objects["diskrestores"][-1]
    assert ended == 0 and json.loads(out)["spec"] == made["spec"]
    assert isinstance(parse_spec(DiskRestoreSpec, Resource(made)), DiskRestoreSpec)


def test_a_name_that_is_taken_gets_a_number_and_that_is_said(run: Run, api: Api) -> None:
    api.objects["persistentvolumeclaims"].append(world.claim("data-0-restored", "shop"))
    done = world.restore("data-0-restored-2", "shop", "data", "x", world.condition("Succeeded", "True", "Completed"))
    api.objects["diskrestores"].append(done)
    _, out, err = run("restore", "data")
    assert "PVC 'data-0-restored' exists, so the new one is 'data-0-restored-2'." in err
    assert out == "diskrestore/data-0-restored-2-2\n"
    assert api.objects["diskrestores"][-1]["spec"]["target"]["persistentVolumeClaim"]["name"] == "data-0-restored-2"


def test_the_same_command_again_makes_no_second_one(run: Run, api: Api) -> None:
    for command in ("restore data", "restore data --pvc data-0-restored", "restore data --name data-0-restored"):
        assert run(*command.split())[1] == "diskrestore/data-0-restored\n"
    assert len(api.objects["diskrestores"]) == 3
    # Another time is another restore.
    assert run("restore", "data", "--at", "2d")[1] == "diskrestore/data-0-restored-2\n"
    assert run("restore", "data", "--at", "2d")[1] == "diskrestore/data-0-restored-2\n"


def test_one_that_may_have_been_made_is_said_so(run: Run, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lost(path: str, body: Any) -> Any:
        raise Unavailable("ServerDisconnectedError", "no answer")

    monkeypatch.setattr(api, "create", lost)
    ended, _, err = run("restore", "data")
    assert ended == 1
    assert "to follow it: kubectl azdiskbackup restore -n shop --name data-0-restored --wait" in err


@pytest.mark.parametrize(
    ("what", "begins", "found"),
    [
        ("restores", "lo", ["lost-0-restored"]),
        ("restores", "ledger", []),
        ("vaults", "", ["demo"]),
        ("claims", "c", ["cache-0"]),
        ("disks", "dat", ["data"]),
    ],
)
@pytest.mark.usefixtures("run")
def test_names_are_completed_from_where_they_are(what: str, begins: str, found: list[str]) -> None:
    assert names(what, {"namespace": "shop"}, begins) == found
