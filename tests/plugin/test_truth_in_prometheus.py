"""The same states as in test_truth.py, where somebody looks at metrics: the dashboard, and the alerts."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.observability.object_metrics import ObjectMetrics
from generated.dashboard import ROWS
from harness.processes import wait_for
from harness.prometheus import Prometheus
from plugin import world
from plugin.test_truth import STATES, WITHOUT_METRICS, Health, summarized

ALERTS = Path(__file__).resolve().parents[2] / "charts" / "azdiskbackup" / "files" / "alerts.yaml"
TOLD = {state: health for state, (_, health) in STATES.items() if state != WITHOUT_METRICS}


@pytest.fixture(scope="module", params=[True, False], ids=["all disks", "those that need attention"])
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that scraped a fleet with one disk in each state, of the state's name."""
    if shutil.which("prometheus") is None:
        pytest.skip("Prometheus is missing, and neither dashboard nor alerts were asked (apt-get install prometheus)")
    folder = tmp_path_factory.mktemp("truth")
    metrics = ObjectMetrics(world.NOW.timestamp, 500, lambda: (), all_disks=request.param)
    for state in TOLD:
        metrics.disks["bank", state] = summarized(STATES[state][0]())
    lines = []
    for family in metrics.collect():
        lines.append(f"# TYPE {family.name} gauge")
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            lines.append(f"{sample.name}{{{labels}}} {float(sample.value)} {world.NOW.timestamp()}")
    (folder / "recording").write_text("\n".join([*lines, "# EOF", ""]))
    found = Prometheus.of_recording(folder / "prometheus", folder / "recording")
    try:
        wait_for(lambda: found.ask("azdiskbackup_disk_info", world.NOW), "it has the recording")
        yield found
    finally:
        found.stop()


def named(prometheus: Prometheus, expression: str) -> set[str]:
    """Return the disks that an expression tells of."""
    expression = re.sub(r"\$namespace", ".*", expression)
    return {each["metric"]["name"] for each in prometheus.ask(expression, world.NOW) if "name" in each["metric"]}


def test_the_dashboard_lists_just_what_requires_action(fleet: Prometheus) -> None:
    (table,) = (panel for _, panels in ROWS for panel in panels if panel.title.startswith("Action required"))
    listed = set().union(*(named(fleet, query) for _, query in table.queries))
    assert listed == {state for state, health in TOLD.items() if health is Health.BAD}


def test_its_numbers_are_red_as_long_as_one_is(fleet: Prometheus) -> None:
    numbers = {}
    for panel in (panel for _, panels in ROWS for panel in panels if panel.kind == "stat" and panel.wants_none):
        found = fleet.ask(re.sub(r"\$namespace", ".*", panel.queries[0][1]), world.NOW)
        numbers[panel.title] = float(found[0]["value"][1]) if found else None
    assert numbers["Failed backups"] == 1 and numbers["Overdue backups"] == 1
    unprotected = [state for state in TOLD if not Resource(STATES[state][0]()).is_true("Protected")]
    assert numbers["Disks without protection"] == len(unprotected), unprotected


def test_an_alert_tells_of_each_that_requires_action(fleet: Prometheus) -> None:
    alerts = {each["alert"]: each["expr"] for each in yaml.safe_load(ALERTS.read_text())}
    told = {name: named(fleet, expression) for name, expression in alerts.items()}
    everybody = set().union(*told.values())
    assert everybody >= {state for state, health in TOLD.items() if health is Health.BAD}
    assert not everybody & {state for state, health in TOLD.items() if health is Health.GOOD}
