"""What goes wrong gets one sentence and an exit code."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from azdiskbackup.errors import Unavailable
from azdiskbackup.plugin.output import printer as printer_module
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode
from azdiskbackup.plugin.runtime.options import Color
from azdiskbackup.plugin.runtime.streams import guarded
from harness import objects
from harness.processes import free_ports
from plugin import world
from plugin.conftest import Run
from plugin.server import kubeconfig
from plugin.world import Api


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("describe dat", 1, "ProtectedDisk 'dat' does not exist in the namespace 'shop'. Did you mean data?"),
        ("describe data -n kube-system", 1, "Is it in another namespace (-n)?"),
        ("describe data -n shpo", 1, "Namespace 'shpo' does not exist. Did you mean shop"),
        ("disks -n shpo", 1, "Did you mean shop"),
        ("jobs -n shpo", 1, "Did you mean shop"),
        ("unprotected -n shpo", 1, "Did you mean shop"),
        ("describe ../../bank/protecteddisks/ledger", 1, "does not exist in the namespace"),
        ("describe data?x=1", 1, "does not exist in the namespace"),
        ("describe data -n ..", 2, "invalid namespace name"),
        *((f"{each} -A -n BAD", 2, "invalid namespace name 'BAD'") for each in ("status", "disks", "orphans", "jobs")),
        *((f"{each} -A -n BAD", 2, "invalid namespace name 'BAD'") for each in ("unprotected", "check --no-azure")),
        ("disks --reason Protekted", 2, "Did you mean Protected"),
        ("disks --policy gild", 1, "Did you mean gold"),
        ("jobs data -A", 2, "use -n instead of -A"),
        ("jobs data -l app=x", 2, "use either DISK or --selector"),
        ("backup data --name Now", 2, "invalid OnDemandBackup name"),
        ("unprotected --apply-policy Bad_Name!", 2, "invalid DiskBackupPolicy name"),
        ("orphans --vault-id /subscriptions/x/resourceGroups/g/providers/a.b/backupVaults/v", 2, "is not the id of"),
        ("backup zzz", 1, "Existing: data, data-0, lost"),
        ("explain WaitingForPermision", 2, "Did you mean WaitingForPermissions"),
        ("unprotected --apply-policy gild", 1, "DiskBackupPolicy 'gild' does not exist. Did you mean gold"),
        ("describe", 2, "Missing argument 'DISK'"),
        ("stauts", 2, "Did you mean 'status'"),
        ("disks -o tabel", 2, "'tabel' is not one of"),
        ("backup data --rule Monthly", 2, "'Monthly' is not one of"),
        ("timeline data --days 0", 2, "Invalid value for '--days'"),
        ("orphans --vault-id demo", 2, "name a vault by its ARM id"),
    ],
)
def test_a_wrong_word_gets_a_sentence(run: Run, command: str, code: int, says: str) -> None:
    ended, out, err = run(*command.split())
    assert (ended, out) == (code, "")
    assert says in " ".join(err.split()), err


@pytest.mark.parametrize("command", ["disks", "status", "jobs", "unprotected", "describe data"])
def test_a_missing_right_is_named(run: Run, api: Api, command: str) -> None:
    api.denied = ("protecteddisks",)
    ended, _, err = run(*command.split())
    assert ended == 1
    assert 'User "ann" cannot' in err and 'resource "protecteddisks"' in err and "ClusterRole view" in err


def test_what_may_not_be_seen_is_left_out_and_said(run: Run, api: Api) -> None:
    api.denied = ("deployments", "leases", "diskbackuppolicies", "backupvaults", "events", "persistentvolumes")
    ended, out, err = run("status")
    assert ended == 0 and "Action required" in out and "Operator" not in out
    assert err.startswith("Not shown, since you lack the permission to list") and err.count("\n") == 1
    assert all(each in err for each in ("backupvaults", "diskbackuppolicies", "deployments", "leases"))
    ended, out, err = run("describe", "data")
    assert ended == 0 and "✓ Accepted" in out and "diskbackuppolicies" in err and err.count("\n") == 1


def test_where_pvcs_cannot_be_read_none_are_counted_and_that_is_said(run: Run, api: Api) -> None:
    api.denied = ("persistentvolumeclaims",)
    ended, out, err = run("status")
    assert ended == 0 and "PVCs" not in out and "list persistentvolumeclaims" in err
    assert json.loads(run("status", "-o", "json")[1])["persistentVolumeClaims"] is None


def test_without_the_right_to_see_volumes_annotations_tell_of_disks(run: Run, api: Api) -> None:
    api.denied = ("persistentvolumes",)
    for each in api.objects["persistentvolumeclaims"]:
        csi = "file.csi.azure.com" if each["metadata"]["name"] == "files-0" else "disk.csi.azure.com"
        each["metadata"]["annotations"] = {"volume.kubernetes.io/storage-provisioner": csi}
    _, out, _ = run("unprotected", "-A", "-o", "json")
    assert [(each["name"], each["diskId"]) for each in json.loads(out)["items"]] == [("cache-0", None)]


def test_status_ends_otherwise_where_somebody_has_to_do_something(run: Run, api: Api) -> None:
    assert run("status", "--exit-code")[0] == 3
    api.objects["protecteddisks"] = api.objects["protecteddisks"][:1]
    api.objects["diskbackuppolicies"] = api.objects["diskbackuppolicies"][:1]
    out = run("status")[1]
    assert "1/2 on Azure disks protected" in out and "All disks healthy." not in out
    del api.objects["persistentvolumeclaims"][1]
    ended, out, _ = run("status", "--exit-code")
    assert ended == 0 and "All disks healthy." in out


def test_an_empty_name_is_no_name(run: Run) -> None:
    for command in ("describe", "backup", "jobs", "timeline", "restore-points"):
        ended, out, err = run(command, "")
        assert (ended, out) == (1, "") and "ProtectedDisk ''" in err


def test_two_objects_of_one_claim_are_both_named(run: Run, api: Api) -> None:
    api.objects["protecteddisks"] += [world.disk("twin", "shop", claim="data-0")]
    _, _, err = run("describe", "data-0")
    assert "Several ProtectedDisks name the PVC 'data-0': data, twin." in err


def test_nothing_is_well_while_nobody_leads(run: Run, api: Api) -> None:
    api.objects["protecteddisks"] = [world.good()]
    api.objects["diskbackuppolicies"] = [world.GOLD]
    assert run("status", "--exit-code")[0] == 0
    api.objects["leases"] = [{**world.LEASE, "spec": {**world.LEASE["spec"], "renewTime": world.ago(hours=1)}}]
    ended, out, _ = run("status", "--exit-code")
    assert ended == 3 and "NoLeader" in out and "All disks healthy" not in out
    # What cannot be seen is no reason to be woken, and neither is an operator that needs no Lease.
    api.denied = ("leases",)
    ended, out, _ = run("status", "--exit-code")
    assert ended == 0 and "leader not readable" in out
    api.denied, api.objects["leases"] = (), []
    ended, out, _ = run("status", "--exit-code")
    assert ended == 0 and "no Lease" in out


def test_names_that_some_reader_takes_for_something_else_are_quoted(run: Run, api: Api) -> None:
    names = ("1e5", "09", "n", "0o17", "true", "2026-11-22")
    api.objects["persistentvolumeclaims"] = [world.claim(name, "shop") for name in names]
    api.objects["persistentvolumes"] = [world.volume(name, "shop") for name in names]
    _, out, _ = run("unprotected", "--apply-policy", "gold")
    for name in names:
        assert f'  name: "{name}"\n' in out
    _, listed, _ = run("unprotected", "--apply-policy", "gold", "-o", "json")
    found = json.loads(listed)
    assert found["kind"] == "List" and [each["metadata"]["name"] for each in found["items"]] == sorted(names)


def test_a_claim_that_was_made_again_on_another_disk_is_unprotected(run: Run, api: Api) -> None:
    """As a StatefulSet does it that deletes claims when it is scaled down, and is scaled up again."""
    made = world.good()
    made["status"]["disk"] |= {"id": objects.disk_id("pv-data-0").upper(), "persistentVolume": "pv-data-0"}
    api.objects["protecteddisks"] = [made]
    assert "data-0" not in run("unprotected")[1]
    for each in ("data-1", "data-0"):
        # As the claims are now, with a volume of another name, and of the same name.
        again = world.volume(each, "shop")
        again["spec"]["csi"]["volumeHandle"] = objects.disk_id("pv-again")
        again["spec"]["claimRef"] |= {"name": "data-0", "uid": "uid-data-0"}
        claim = world.claim("data-0", "shop")
        claim["spec"]["volumeName"] = f"pv-{each}"
        api.objects["persistentvolumes"], api.objects["persistentvolumeclaims"] = [again], [claim]
        api.denied = ()
        ended, out, _ = run("unprotected")
        assert ended == 0 and "data-0" in out
        _, written, _ = run("unprotected", "--apply-policy", "gold")
        assert "name: data-0-2" in written or "name: data-0\n" in written
        # Who may not read volumes sees that it is another one where it has another name.
        claim["metadata"]["annotations"] = {"volume.kubernetes.io/storage-provisioner": "disk.csi.azure.com"}
        api.denied = ("persistentvolumes",)
        assert ("data-0" in run("unprotected")[1]) == (each == "data-1")


def test_a_disk_whose_object_is_being_deleted_is_about_to_be_unprotected(run: Run, api: Api) -> None:
    made = world.good()
    made["status"]["disk"] |= {"id": objects.disk_id("pv-data-0"), "persistentVolume": "pv-data-0"}
    made["metadata"]["deletionTimestamp"] = world.ago(minutes=1)
    api.objects["protecteddisks"] = [made]
    assert "data-0" in run("unprotected")[1]


def test_a_disk_that_another_namespace_protects_by_its_id_is_protected(run: Run, api: Api) -> None:
    assert "cache-0" in run("unprotected")[1]
    by_id = objects.disk("cache", "bank", source={"diskID": objects.disk_id("pv-cache-0").upper()})
    api.objects["protecteddisks"] += [world.whole(by_id)]
    assert "cache-0" not in run("unprotected")[1]


def test_what_somebody_wrote_into_an_event_is_no_command_to_the_terminal(run: Run, api: Api) -> None:
    event = {"reason": "Protected", "note": "\x1b[2J\x1b]0;mine\x07 \u202eevil", "eventTime": world.ago(hours=1)}
    api.objects["events"] = [{"metadata": {"name": "e", "namespace": "shop"}, **event}]
    _, out, _ = run("describe", "data")
    assert "evil" in out and not set(out) & {"\x1b", "\x07", "\u202e"}


EVIL = "\x1b[8m\x1b]0;mine\x07\x9b2J\u202eevil"
_FORMS = ("table", "json", "yaml")
_COMMANDS = {"\x1b", "\x07", "\x9b", "\u202e"}


@pytest.mark.parametrize(
    "command",
    [
        *(
            f"{each} -o {form}"
            for each in ("disks", "describe data", "status", "jobs")
            for form in ("table", "json", "yaml")
        ),
        "restore-points data --from status",
        "check --no-azure",
    ],
)
def test_nor_is_what_a_status_says(run: Run, api: Api, command: str) -> None:
    made = world.good()
    made["status"]["conditions"] = [world.condition("Ready", "False", f"Odd{EVIL}", EVIL)]
    made["status"]["jobs"]["recent"] = [world.job(0, 2, "Failed", {"code": EVIL, "message": EVIL})]
    made["status"]["restorePoints"]["recent"][0]["retentionRule"] = EVIL
    api.objects["protecteddisks"] = [made]
    api.objects["backupvaults"] = [{**world.VAULT, "status": {"conditions": made["status"]["conditions"]}}]
    _, out, err = run(*command.split())
    assert not set(out + err) & _COMMANDS
    if command == "disks -o json":
        assert json.loads(out)["items"][0]["message"] == EVIL, "whoever reads it with a program gets it as it is"


def test_nor_is_what_an_error_or_a_live_line_says(capfd: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise CliError(f"Denied: {EVIL}\nand a line of its own")

    def breaks() -> None:
        raise ValueError(EVIL)

    for each in (fails, breaks):
        with pytest.raises(SystemExit):
            guarded(each)
        err = capfd.readouterr().err
        assert "evil" in err and not set(err) & _COMMANDS and len(err.splitlines()) == 1
    stream = io.StringIO()
    console = printer_module._console(Color.NEVER, stream)
    with Live(Spinner("line", text=Text(EVIL)), console=console):
        pass
    assert "evil" in stream.getvalue() and not set(stream.getvalue()) & _COMMANDS


def test_a_width_of_nothing_is_no_width(run: Run) -> None:
    assert "shop" in run("disks", "-A", columns=0)[1]


def test_an_id_that_somebody_wrote_by_hand(run: Run, api: Api) -> None:
    made = world.good()
    made["status"]["backupInstanceID"] = "not-an-arm-id"
    api.objects["protecteddisks"] = [made]
    assert run("restore-points", "data", "--from", "status")[0] == 0
    api.objects["backupvaults"] = [{**world.VAULT, "status": {**world.VAULT["status"], "vaultID": "nonsense"}}]
    assert run("check")[0] in (0, 3)
    assert "Name a vault with --vault-id" in run("orphans")[2]


def test_a_backup_is_waited_for_over_a_moment_without_an_answer(
    run: Run, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, asked = api.get, [0]

    async def blips(path: str) -> Any:
        if path.endswith("/now"):
            asked[0] += 1
            if asked[0] == 1:
                raise Unavailable("503", "a moment")
            done = world.condition("Succeeded", "True", "Completed")
            api.objects["ondemandbackups"][0]["status"] = {"conditions": [done]}
        return await answer(path)

    monkeypatch.setattr(api, "get", blips)
    monkeypatch.setattr("azdiskbackup.plugin.cluster.follow.LOOK_EVERY_SECONDS", 0.01)
    ended, out, _ = run("backup", "data", "--name", "now", "--wait")
    assert (ended, asked[0]) == (0, 2) and "Completed" in out


def test_a_backup_that_may_have_been_made_is_said_so(run: Run, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lost(path: str, body: Any) -> Any:
        raise Unavailable("ServerDisconnectedError", "no answer")

    monkeypatch.setattr(api, "create", lost)
    ended, _, err = run("backup", "data")
    assert ended == 1 and "It is unknown whether it was created" in err


def test_disks_that_nobody_has_looked_at_are_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZDISKBACKUP_NOW", "2026-11-22T15:00:00+00:00")
    ended, out, _ = run("status", "--exit-code")
    assert ended == 3
    assert "Status of 2 disks is older than the next backup" in out


# --- as a process -------------------------------------------------------------------------------------


def plugin(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "azdiskbackup.plugin", *words]
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("KUBE", "AZURE_"))}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**clean, **environment})


def test_no_cluster(tmp_path: Path) -> None:
    done = plugin("status", KUBECONFIG=str(tmp_path / "none"), HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("No cluster: ") and len(done.stderr.splitlines()) == 1


def test_a_context_that_does_not_exist(tmp_path: Path) -> None:
    done = plugin("status", "--context", "hree", KUBECONFIG=kubeconfig(tmp_path, "https://127.0.0.1:1"))
    assert done.returncode == 1
    assert done.stderr == "Context 'hree' does not exist in the kubeconfig. Did you mean here?\n"


def test_a_cluster_that_does_not_answer(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    for command in (["status"], ["disks"], ["check", "--no-azure"]):
        done = plugin(*command, KUBECONFIG=kubeconfig(tmp_path, f"https://127.0.0.1:{port}"))
        assert done.returncode == (3 if "check" in command else 1)
        assert f"https://127.0.0.1:{port} does not respond" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_a_reader_that_has_enough_ends_it_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "azdiskbackup.plugin", "explain", "-o", "yaml"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_the_exit_codes_are_those_of_the_page() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "kubectl-plugin.md").read_text().partition("| code |")[2]
    assert [int(each) for each in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)] == [each.value for each in ExitCode]
