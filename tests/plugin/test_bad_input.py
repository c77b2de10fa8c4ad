"""What goes wrong gets one sentence and an exit code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from azdiskbackup.plugin.ending import Ending
from harness.processes import free_ports
from plugin.conftest import Run
from plugin.server import kubeconfig
from plugin.world import Api


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("describe dat", 1, "There is no ProtectedDisk 'dat' in the namespace 'shop'. Did you mean data or data-0"),
        ("describe data -n nowhere", 1, "Is it in another namespace (-n)?"),
        ("backup zzz", 1, "There is data, data-0, lost"),
        ("explain WaitingForPermision", 2, "Did you mean WaitingForPermissions"),
        ("unprotected --apply-policy gild", 1, "There is no DiskBackupPolicy 'gild'. Did you mean gold"),
        ("describe", 2, "Missing argument 'DISK'"),
        ("stauts", 2, "Did you mean 'status'"),
        ("disks -o tabel", 2, "'tabel' is not one of"),
        ("backup data --rule Monthly", 2, "'Monthly' is not one of"),
        ("timeline data --days 0", 2, "Invalid value for '--days'"),
        ("orphans --vault-id demo", 2, "A vault is named by its ARM id"),
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
    assert ended == 0 and "Needs a person" in out and "Operator" not in out
    assert 'cannot list resource "leases"' in err
    ended, out, err = run("describe", "data")
    assert ended == 0 and "BackupSucceeded" in out and 'resource "diskbackuppolicies"' in err


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
    ended, out, _ = run("status", "--exit-code")
    assert ended == 0 and "All is well." in out


def test_disks_that_nobody_has_looked_at_are_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZDISKBACKUP_NOW", "2026-11-22T15:00:00+00:00")
    ended, out, _ = run("status", "--exit-code")
    assert ended == 3
    assert "Nobody has looked at 2 disks since the next backup was due" in out


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
    assert done.stderr == "There is no context 'hree' in the kubeconfig. Did you mean here?\n"


def test_a_cluster_that_does_not_answer(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    for command in (["status"], ["disks"], ["check", "--no-azure"]):
        done = plugin(*command, KUBECONFIG=kubeconfig(tmp_path, f"https://127.0.0.1:{port}"))
        assert done.returncode in (1, 3)
        assert f"https://127.0.0.1:{port} gives no answer" in done.stdout + done.stderr
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
    assert [int(each) for each in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)] == [each.value for each in Ending]
