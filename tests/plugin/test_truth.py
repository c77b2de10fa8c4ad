"""One state of a disk, and every place where somebody looks: none says better than what is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import cel
import pytest
import yaml
from lupa import lua51

from azdiskbackup.api.v1alpha1.backup_vault import BACKUP_VAULT
from azdiskbackup.api.v1alpha1.protected_disk import PROTECTED_DISK
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.protected_disk.health import unattended
from azdiskbackup.core.protected_disk.summary import DiskSummary, summary
from harness import manifests
from plugin import world
from plugin.conftest import Run
from plugin.world import Api, Json, condition
from unit.core.protected_disk.disk_world import POLICY

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


class Health(IntEnum):
    """How a disk is, the worst last."""

    GOOD = 0
    IN_PROGRESS = 1
    BAD = 2


def overdue() -> Json:
    made = world.good("ledger", "bank")
    message = "The backup due at 2026-11-22 06:00 UTC is overdue: it was expected by 2026-11-22 08:30 UTC."
    made["status"]["conditions"][-2] = condition("BackupHealthy", "False", "BackupOverdue", message, world.ago(hours=3))
    made["status"]["jobs"]["recent"] = [world.job(0, 10)]
    made["status"]["lastSuccessfulBackupTime"] = world.ago(hours=10)
    made["status"]["restorePoints"] = world.points(world.GOOD_TIMES[2:])
    return made


def suspended_by_others() -> Json:
    made = world.good("ledger", "bank")
    message = "Protection was suspended in Azure, again and again."
    made["status"]["conditions"] = [
        *(each for each in made["status"]["conditions"] if each["type"] not in ("Ready", "Protected")),
        condition("Protected", "False", "DriftDetected", message),
        condition("Ready", "False", "DriftDetected", message),
        condition("Stalled", "True", "DriftDetected", message),
    ]
    return made


def without_operator() -> Json:
    made = world.good("ledger", "bank")
    made["status"]["conditions"] = unattended(made["status"]["conditions"], world.NOW)
    return made


# Nobody has any; that none are there is an alert.
WITHOUT_METRICS = "the operator was uninstalled"
STATES: dict[str, tuple[Callable[[], Json], Health]] = {
    "protected": (lambda: world.good("ledger", "bank"), Health.GOOD),
    "never looked at": (world.untouched, Health.IN_PROGRESS),
    "waiting for permissions": (world.waiting, Health.IN_PROGRESS),
    "protected, and its backups fail": (world.failing, Health.BAD),
    "protected, and its backup is overdue": (overdue, Health.BAD),
    "another disk behind its PVC": (world.lost, Health.BAD),
    "protected, and others suspend it": (suspended_by_others, Health.BAD),
    WITHOUT_METRICS: (without_operator, Health.BAD),
}


def _named(disk: Json) -> tuple[str, str]:
    return disk["metadata"]["name"], disk["metadata"]["namespace"]


# --- the places ---------------------------------------------------------------------------------------


def kubectl_get(disk: Json, run: Run) -> Health:
    """The columns that `kubectl get` prints without `-o wide`."""
    cells = {}
    for column in PROTECTED_DISK.columns:
        found = re.fullmatch(r"\.status\.conditions\[\?\(@\.type==\"(\w+)\"\)\]\.(\w+)", column.path)
        if found and not column.wide:
            conditions = disk.get("status", {}).get("conditions", [])
            cells[column.name] = next((each[found[2]] for each in conditions if each["type"] == found[1]), "")
    if cells["Healthy"] == "False":
        return Health.BAD
    if cells["Ready"] == "True":
        return Health.GOOD
    # Whether it goes on is in the reason, which is beside it.
    assert cells["Ready"] == "" or cells["Reason"]
    return Health.BAD if any(each["type"] == "Stalled" for each in conditions) else Health.IN_PROGRESS


def plugin_disks(disk: Json, run: Run) -> Health:
    (row,) = json.loads(run("disks", "-A", "-o", "json")[1])["items"]
    return {"GOOD": Health.GOOD, "ACTION_REQUIRED": Health.BAD}.get(row["state"], Health.IN_PROGRESS)


def plugin_status(disk: Json, run: Run) -> Health:
    code, out, _ = run("status", "--exit-code")
    sums = json.loads(run("status", "-o", "json")[1])["disks"]
    found = Health.GOOD if sums["healthy"] else Health.BAD if sums["needsAttention"] else Health.IN_PROGRESS
    assert (code == 3) is (found is Health.BAD) is ("Action required" in out)
    assert ("All disks healthy." in out) is (found is Health.GOOD)
    return found


def plugin_describe(disk: Json, run: Run) -> Health:
    name, namespace = _named(disk)
    first, *rest = run("describe", name, "-n", namespace)[1].splitlines()
    if not first.startswith("✓"):
        assert rest[0].startswith("  "), "the message stands below, and what to do"
    return {"✓": Health.GOOD, "✗": Health.BAD}.get(first[0], Health.IN_PROGRESS)


def argo_cd(disk: Json, run: Run) -> Health:
    lua = lua51.LuaRuntime()
    lua.globals().obj = lua.table_from(disk, recursive=True)
    found = lua.execute((DEPLOY / "argocd" / "azdiskbackup.io" / "ProtectedDisk" / "health.lua").read_text())
    return {"Healthy": Health.GOOD, "Progressing": Health.IN_PROGRESS, "Degraded": Health.BAD}[found.status]


def flux(disk: Json, run: Run) -> Health:
    documents = manifests.read_all((DEPLOY / "flux" / "helmrelease.yaml").read_text())
    (team,) = (each for each in documents if each["kind"] == "Kustomization")
    (check,) = team["spec"]["healthCheckExprs"]
    assert (check["apiVersion"], check["kind"]) == (disk["apiVersion"], disk["kind"])
    values = {"observedGeneration": 1, "conditions": [], **disk.get("status", {})}
    context = cel.Context(variables={"metadata": disk["metadata"], "status": values})
    for member, health in (("inProgress", Health.IN_PROGRESS), ("failed", Health.BAD), ("current", Health.GOOD)):
        if cel.compile(check[member]).execute(context):
            return health
    return Health.IN_PROGRESS


def summarized(disk: Json) -> DiskSummary:
    """Return what metrics tell of a disk, with the policy that it has."""
    policy = replace(POLICY, id=disk.get("status", {}).get("policyID") or POLICY.id)
    return summary(Resource({**disk, "status": {"policyID": policy.id, **disk.get("status", {})}}), policy)


def metrics(disk: Json, run: Run) -> Health:
    """What the alerts go by: protected, stalled, a failure after the newest good backup, a time that has passed."""
    found = summarized(disk)
    failed = found.last_failure is not None and found.last_failure > (found.last_success or 0)
    late = found.expected_by is not None and found.expected_by < world.NOW.timestamp()
    if found.stalled or failed or late:
        return Health.BAD
    return Health.GOOD if found.protected else Health.IN_PROGRESS


PLACES = (kubectl_get, plugin_disks, plugin_status, plugin_describe, argo_cd, flux, metrics)


@pytest.mark.parametrize(
    ("state", "place"),
    [(state, place) for state in STATES for place in PLACES if (state, place) != (WITHOUT_METRICS, metrics)],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_no_place_says_better_than_it_is(run: Run, api: Api, state: str, place: Callable[[Json, Run], Health]) -> None:
    make, health = STATES[state]
    disk: dict[str, Any] = yaml.safe_load(yaml.safe_dump(make()))
    api.objects |= {"protecteddisks": [disk], "diskbackuppolicies": [world.GOLD], "diskrestores": []}
    api.objects["persistentvolumeclaims"] = []
    assert place(disk, run) is health


def test_a_calendar_is_not_green_where_backups_fail(run: Run, api: Api) -> None:
    for make in (world.failing, overdue):
        api.objects["protecteddisks"] = [make()]
        days = json.loads(run("timeline", "ledger", "-n", "bank", "--from", "status", "--days", "1", "-o", "json")[1])
        assert days["items"][0]["verdict"] != "GOOD"


# --- backups without an object --------------------------------------------------------------------------


def test_orphans_are_told_where_vaults_are(run: Run, api: Api) -> None:
    """What `kubectl get -o wide` has, and metrics have it too; `orphans` names them."""
    assert "Orphans" not in run("status")[1] and json.loads(run("status", "-o", "json")[1])["orphans"] is None
    vault = api.objects["backupvaults"][0] = yaml.safe_load(yaml.safe_dump(world.VAULT))
    vault["status"]["orphanedBackupInstances"] = 3
    told = " ".join(run("status")[1].split())
    those = "3 backup instances in the cluster's vaults without a ProtectedDisk"
    assert f"Orphans {those}: `kubectl azdiskbackup orphans`" in told
    assert json.loads(run("status", "-o", "json")[1])["orphans"] == 3
    (column,) = (each for each in BACKUP_VAULT.columns if each.name == "Orphans")
    assert column.path == ".status.orphanedBackupInstances"
    api.denied = ("backupvaults",)
    assert json.loads(run("status", "-o", "json")[1])["orphans"] is None
