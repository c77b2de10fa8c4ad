"""`kubectl azdiskbackup` against a cluster and Azure, with the rights of whoever types."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.plugin import Person, Terminal
from harness.programs import READER, reader
from harness.stack import Stack
from harness.tenant import Tenant


@pytest.fixture(scope="module")
def azure_login(stack: Stack) -> dict[str, str]:
    """What a person has in the environment who may read backups in Azure."""
    return reader(stack)


@pytest.fixture
def admin(stack: Stack, azure_login: dict[str, str]) -> Person:
    return Person(stack, stack.plane.kubeconfig, azure_login)


@pytest.fixture
def developer(stack: Stack, shop: Tenant) -> Person:
    """Somebody with the cluster's own role edit in one namespace, and nothing in Azure."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "ann", "namespace": shop.namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"ann-{shop.namespace}"}],
    }
    stack.plane.apply(binding)
    return Person(stack, stack.plane.user_kubeconfig(f"ann-{shop.namespace}", "people"))


def items(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text)["items"]
    return found


@pytest.fixture
def backed_up(shop: Tenant, gold: str) -> Tenant:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    shop.after_the_next_backup()
    shop.passes(lambda: "restorePoints" in shop.get("protecteddisk", "data")["status"], "the restore point is known")
    return shop


def test_what_an_admin_sees(admin: Person, backed_up: Tenant) -> None:
    at = ("-n", backed_up.namespace)
    assert "ready, leader azdiskbackup-" in admin.sees("status") and "1/1 healthy" in admin.sees("status", *at)
    (disk,) = items(admin.sees("disks", *at, "-o", "json"))
    assert (disk["name"], disk["state"], disk["restorePoints"]) == ("data", "GOOD", 1)
    assert disk["namespace"] in admin.sees("disks", "-A")
    story = admin.sees("describe", "data-0", *at)
    assert "Protected, BackupHealthy, Ready" in story and "every 4 h" in story and "Events" in story
    (job,) = items(admin.sees("jobs", "data", *at, "-o", "json"))
    assert (job["status"], job["type"]) == ("Completed", "Scheduled")
    (point,) = items(admin.sees("restore-points", "data", *at, "--from", "azure", "-o", "json"))
    assert point["armId"].endswith(f"/recoveryPoints/{point['id']}")
    # As its job tells of it, which says no type.
    assert items(admin.sees("restore-points", "data", *at, "--from", "status", "-o", "json")) == [
        {**point, "type": None}
    ]
    today = items(admin.sees("timeline", "data", *at, "--days", "1", "-o", "json"))[0]
    assert (today["verdict"], today["good"]) == ("GOOD", 1)
    checked = admin.types("azdiskbackup", "check", *at)
    assert checked.returncode == 0, checked.stdout
    assert "in Azure: You may read it" in checked.stdout


def test_what_a_developer_sees(developer: Person, backed_up: Tenant) -> None:
    at = ("-n", backed_up.namespace)
    done = developer.types("azdiskbackup", "status", *at)
    assert done.returncode == 0 and "1/1 healthy" in done.stdout
    (note,) = done.stderr.splitlines()
    assert note.startswith("Not shown, since you lack the permission to list") and "backupvaults" in note
    everywhere = developer.types("azdiskbackup", "status", "--context", f"ann-{backed_up.namespace}")
    assert everywhere.returncode == 1 and 'cannot list resource "protecteddisks"' in everywhere.stderr
    assert "Protected, BackupHealthy, Ready" in developer.sees("describe", "data", *at)
    assert developer.types("azdiskbackup", "unprotected", *at).stderr.startswith(
        "No PVC on an Azure disk is unprotected"
    )
    done = developer.types("azdiskbackup", "orphans", *at)
    assert done.returncode == 1 and "az login" in done.stderr and "forbidden" not in done.stderr
    done = developer.types("azdiskbackup", "restore-points", "data", *at)
    assert done.returncode == 0 and "Default" in done.stdout and "az login" in done.stderr
    done = developer.types("azdiskbackup", "check", *at)
    assert done.returncode == 0, done.stdout
    assert "May list backupvaults: No." in done.stdout


def test_what_it_writes_protects_what_nothing_protected(
    developer: Person, admin: Person, shop: Tenant, gold: str
) -> None:
    # A claim whose name an object has that protects another one; names with dots, and as long as they may be.
    long = "a" * 61 + ".b" * 90
    for name in ("data-0", "taken", "with.dots", long):
        shop.make_claim(name)
    shop.make_claim("files", driver="file.csi.azure.com")
    shop.protect("taken", "data-0")
    at = ("-n", shop.namespace)
    assert {each["name"] for each in items(admin.sees("unprotected", *at, "-o", "json"))} == {
        "taken",
        "with.dots",
        long,
    }
    written = admin.sees("unprotected", *at, "--apply-policy", gold)
    assert {each["metadata"]["name"] for each in yaml.safe_load_all(written)} == {"taken-2", "with.dots", long}
    done = developer.types("apply", "-f", "-", stdin=written)
    assert done.returncode == 0, done.stderr
    assert items(admin.sees("unprotected", *at, "-o", "json")) == []
    for name in ("taken-2", "with.dots", long):
        shop.until("protecteddisk", name, "Ready")


def test_backups_whose_objects_are_gone_are_found(admin: Person, backed_up: Tenant, stack: Stack) -> None:
    assert backed_up.namespace not in admin.sees("orphans")
    instance = backed_up.get("protecteddisk", "data")["status"]["backupInstanceID"]
    backed_up.kubectl("delete", "protecteddisk", "data", "--wait=false")
    backed_up.gone("protecteddisk", "data")
    (orphan,) = [
        each for each in items(admin.sees("orphans", "-o", "json")) if each["namespace"] == backed_up.namespace
    ]
    assert (orphan["missing"], orphan["name"]) == ("ProtectedDisk", "data")
    assert orphan["instanceId"].lower() == instance.lower()
    way = admin.sees("orphans", orphan["instance"])
    assert way == admin.sees("orphans", f"{backed_up.namespace}/data")
    assert "How to restore" in way and f"--backup-instance-name {orphan['instance']}" in way
    # The shorter way back: an object as it was takes the instance over.
    backed_up.protect()
    backed_up.until("protecteddisk", "data", "Ready")
    assert backed_up.namespace not in admin.sees("orphans")


def test_azure_says_no(stack: Stack, backed_up: Tenant, azure_login: dict[str, str]) -> None:
    at = ("-n", backed_up.namespace)
    wrong = Person(stack, stack.plane.kubeconfig, azure_login | {"AZURE_CLIENT_SECRET": "wrong"})
    done = wrong.types("azdiskbackup", "restore-points", "data", *at, "--from", "azure")
    assert done.returncode == 1 and "az login" in done.stderr and "Traceback" not in done.stderr
    stack.azure.deny(READER, ("Microsoft.DataProtection/backupVaults/backupInstances/recoveryPoints/read", ""))
    person = Person(stack, stack.plane.kubeconfig, azure_login)
    done = person.types("azdiskbackup", "restore-points", "data", *at, "--from", "azure")
    stack.azure.deny(READER)
    assert done.returncode == 1 and "Ask for the role Backup Reader" in done.stderr
    away = Person(
        stack, stack.plane.kubeconfig, azure_login | {"AZDISKBACKUP_RESOURCE_MANAGER_ENDPOINT": "https://localhost:1"}
    )
    done = away.types("azdiskbackup", "restore-points", "data", *at, "--from", "azure")
    assert done.returncode == 1 and "Azure does not respond" in done.stderr


def test_a_backup_that_somebody_waits_for(admin: Person, backed_up: Tenant, stack: Stack) -> None:
    at = ("-n", backed_up.namespace)
    done = admin.types("azdiskbackup", "backup", "data", *at, "--wait", "--timeout", "2", "--name", "slow")
    assert done.returncode == 124 and "It continues" in done.stderr
    stack.azure.advance(minutes=10)
    backed_up.until("ondemandbackup", "slow", "Succeeded")
    stack.azure.fail_backups("UserErrorDiskNotFound", "The disk is gone.", "Look for it.")
    made = admin.sees("backup", "data", *at, "--name", "bad", "-o", "json")
    assert json.loads(made)["succeeded"] is None
    backed_up.until("ondemandbackup", "bad", "Succeeded", "False", "Failed")
    stack.azure.fail_backups()


# --- at a terminal ------------------------------------------------------------------------------------


@pytest.fixture
def terminal(admin: Person, tmp_path: Path) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is missing, and nobody typed anything (Debian: apt-get install tmux)")
    found = Terminal(admin, tmp_path)
    yield found
    found.close()


def test_progress_and_the_restore_point_at_its_end(terminal: Terminal, backed_up: Tenant, stack: Stack) -> None:
    terminal.type(f"kubectl azdiskbackup backup data -n {backed_up.namespace} --name now --wait; echo ended with $?")
    terminal.shows("Ctrl-C leaves it running.")
    backed_up.until("ondemandbackup", "now", "Succeeded", "Unknown", "InProgress")
    terminal.shows("InProgress for")
    stack.azure.advance(minutes=10)
    terminal.shows("ended with 0")
    point = backed_up.get("ondemandbackup", "now")["status"]["restorePoint"]["id"]
    assert f"Restore point {point}" in terminal.screen
    # What moved while it ran is gone.
    assert "Ctrl-C" not in terminal.screen


def test_ctrl_c_leaves_the_backup_running(terminal: Terminal, backed_up: Tenant, stack: Stack) -> None:
    terminal.type(f"kubectl azdiskbackup backup data -n {backed_up.namespace} --name later --wait; echo ended with $?")
    terminal.shows("Ctrl-C leaves it running.")
    terminal.press("C-c")
    terminal.shows("ended with 130")
    assert "The backup continues." in terminal.screen and "Traceback" not in terminal.screen
    stack.azure.advance(minutes=10)
    backed_up.until("ondemandbackup", "later", "Succeeded")


def test_tab_completes_names(terminal: Terminal, backed_up: Tenant) -> None:
    terminal.type(f"kubectl __complete azdiskbackup describe -n {backed_up.namespace} ''")
    terminal.shows("Completion ended with directive: ShellCompDirectiveNoFileComp")
    assert "data" in terminal.screen.splitlines()
