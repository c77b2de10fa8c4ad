"""Every query of the dashboard, asked of a real Prometheus that scraped the operator during the benchmark's story."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta

import pytest

from bench.fleet import RESTORES, Fleet, condition
from bench.scenario import run
from generated.dashboard import ROWS
from harness import objects, rights
from harness.life_cycle import lent_stack
from harness.processes import wait_for
from harness.prometheus import Prometheus, Series
from harness.stack import Stack

DISKS = 6
QUERIES = [
    pytest.param(expression, id=f"{row}: {panel.title}")
    for row, panels in ROWS
    for panel in panels
    for _, expression in panel.queries
]


class Watched:
    """The benchmark's story, and a Prometheus that scrapes from the moment on in which the operator works."""

    def __init__(self, stack: Stack, prometheus: Prometheus) -> None:
        self.stack = stack
        self.prometheus = prometheus

    def ask(self, expression: str) -> Series:
        chosen = {"namespace": ".*", "disk_namespace": "team-0", "disk": "data-0", "__rate_interval": "5m"}
        return self.prometheus.ask(re.sub(r"\$(\w+)", lambda match: chosen[match[1]], expression))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    if shutil.which("prometheus") is None:
        pytest.skip("Prometheus is missing, and no query was asked (Debian: apt-get install prometheus)")
    folder = tmp_path_factory.mktemp("watched")
    with lent_stack(folder / "stack", led_before=True) as stack:
        found: list[Watched] = []

        def tell(what: str) -> None:
            print(what)
            if not found and stack.operator_runs:
                target = stack.metrics_url.split("/")[2]
                found.append(Watched(stack, Prometheus.scraping(folder / "prometheus", target)))
                wait_for(lambda: found[0].ask("azdiskbackup_leader"), "it was scraped")

        try:
            stack.start_control_plane()
            stack.start_simulator()
            fleet = Fleet(stack, DISKS, namespaces=3)
            run(stack, fleet, 0.4, tell)
            _something_is_wrong(stack, fleet)
            (each,) = found
            wait_for(lambda: each.ask("azdiskbackup_disk_backup_overdue_seconds"), "what is wrong was scraped")
            _restores(each, fleet)
            yield each
            rights.USAGE.note(stack)
        finally:
            for each in found:
                each.prometheus.stop()


def _something_is_wrong(stack: Stack, fleet: Fleet) -> None:
    """Have a disk that waits for a person, and backups that do not come."""
    namespace, name = fleet.places[-1]
    stack.azure.seed(
        disks=[{"subscription": objects.SUBSCRIPTION, "group": objects.DISK_GROUP, "name": "other",
                "location": objects.LOCATION}]
    )  # fmt: skip
    stack.plane.kubectl("delete", "pvc", name, "-n", namespace)
    stack.plane.apply(
        objects.volume("other", objects.disk_id("other"), name, namespace), objects.claim(name, "other", namespace)
    )
    for each, path in fleet.places:
        patch = '{"spec":{"protection":"Active"}}'
        stack.plane.kubectl("patch", "pdisk", path, "-n", each, "--type=merge", "-p", patch)
    # First what was patched is resumed, and then comes the next backup.
    stack.azure.settle()
    stack.azure.advance(minutes=30)
    stack.azure.fail_backups("UserErrorSnapshotQuota", "The quota is used up.", disks=f"/{fleet.places[0][1]}$")
    stack.azure.advance(seconds=timedelta(hours=5).total_seconds())
    stack.azure.knobs(schedule_delay=10**7)
    stack.azure.advance(seconds=timedelta(hours=12).total_seconds())
    told = {each["metadata"]["name"]: condition(each, "Stalled").get("status") for each in fleet.disks()}
    assert told[name] == "True", told


def _restores(watched: Watched, fleet: Fleet) -> None:
    """Have a restore that succeeds and one that fails, both seen by Prometheus while they run."""
    stack, told = watched.stack, "sum by (outcome) (azdiskbackup_restores)"
    stack.plane.apply(objects.vault("demo", **RESTORES))
    stack.azure.settle()
    for place, outcome in zip(fleet.places[:2], ("succeeded", "failed"), strict=True):
        stack.azure.turn("restores", status="" if outcome == "succeeded" else "Failed", code="InternalError")
        fleet.restore(*place)
        stack.azure.settle()
        wait_for(lambda: "running" in _outcomes(watched.ask(told)), "a restore in progress was scraped")
        stack.azure.advance(minutes=20)
        wait_for(lambda: outcome in _outcomes(watched.ask(told)), f"{outcome} was scraped")  # noqa: B023


def _outcomes(series: Series) -> set[str]:
    return {each["metric"]["outcome"] for each in series}


@pytest.mark.parametrize("expression", QUERIES)
def test_no_panel_is_empty(watched: Watched, expression: str) -> None:
    assert watched.ask(expression), expression


def _value_of(watched: Watched, title: str) -> float:
    (query,) = (panel.queries[0][1] for _, panels in ROWS for panel in panels if panel.title == title)
    (only,) = watched.ask(query)
    return float(only["value"][1])


def test_the_panels_tell_what_happened(watched: Watched) -> None:
    def value(expression: str) -> float:
        (only,) = watched.prometheus.ask(expression)
        return float(only["value"][1])

    # Of the fleet all but the one that stands for another disk now.
    fleet = 'name=~"data-.*"'
    assert value(f"sum(azdiskbackup_disk_protected{{{fleet}}})") == DISKS - 1
    assert value(f"count(azdiskbackup_disk_backup_overdue_seconds{{{fleet}}})") == DISKS - 1
    assert value('count(azdiskbackup_disk_info{stalled="true"})') == 1
    assert _value_of(watched, "Failed backups") == 1 and _value_of(watched, "Orphaned backup instances") == 0
    (table,) = (panel for _, panels in ROWS for panel in panels if panel.kind == "table" and len(panel.queries) == 3)
    reasons = {each["metric"].get("reason") for _, query in table.queries for each in watched.ask(query)}
    assert reasons == {"DiskChanged", "BackupFailed", None}
    for outcome in ("succeeded", "failed"):
        assert value(f'sum(azdiskbackup_restores{{outcome="{outcome}"}})') == 1
    assert value('max(max_over_time(azdiskbackup_restores{outcome="running"}[1h]))') == 1
    # It was scraped all the while: as backups came, and over the restart, from which counters begin anew.
    points = "azdiskbackup_disk_restore_points[1h]"
    assert value(f"max(max_over_time({points}))") > value(f"min(min_over_time({points}))")
    assert value("max(resets(azdiskbackup_reconcile_total[1h]))") >= 1
