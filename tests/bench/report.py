"""The table of a benchmark, its limits, and the plot of cost against the number of disks."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot
from rich.console import Console
from rich.table import Table

from bench.installation import Times
from bench.scenario import Result

mpl.use("svg")
# The same picture for the same numbers.
mpl.rcParams["svg.hashsalt"] = "azdiskbackup"


# Objects that are worked on at the same time overtake each other.
WORKERS = 16


@dataclass(frozen=True)
class Measure:
    """One row of the table: what it says, how it is computed from the results (smallest fleet first), its limit."""

    text: str
    of: Callable[[Sequence[Result]], float]
    most: float


def _at(name: str, disks: int | None = None) -> Callable[[Sequence[Result]], float]:
    """Return the figure of the fleet of a size, or of the largest one."""

    def read(results: Sequence[Result]) -> float:
        chosen = [each for each in results if each.disks == disks] or [results[-1]]
        return float(getattr(chosen[0], name))

    return read


def _memory_a_disk(results: Sequence[Result]) -> float:
    first, last = results[0], results[-1]
    return (last.memory_kib - first.memory_kib) / max(1, last.disks - first.disks)


def _bend(results: Sequence[Result]) -> float:
    """Return by how much the cost of a disk in the largest fleet exceeds that in the next smaller one."""
    if len(results) < 2:
        return 1.0
    costs: list[Callable[[Result], float]] = [
        lambda each: each.protect_calls,
        lambda each: each.protect_kubernetes_writes,
        lambda each: each.steady_calls,
        lambda each: each.sweep_cpu / each.disks,
        lambda each: each.restart_cpu / each.disks,
    ]
    return max(cost(results[-1]) / max(1e-9, cost(results[-2])) for cost in costs)


MEASURES = (
    Measure("Azure calls a disk, apply → protected, 100 disks", _at("protect_calls", 100), 6),
    Measure("of which writes", _at("protect_writes", 100), 3),
    Measure("Azure calls an hour and 1,000 disks, backups every 4 h", _at("steady_calls"), 60),
    Measure(
        "reads of restore points for each new restore point, any fleet",
        lambda results: max(each.steady_points for each in results),
        1,
    ),
    Measure("Azure writes meanwhile", _at("steady_writes"), 0),
    Measure("Azure writes after a restart", _at("restart_writes"), 0),
    Measure("apply → all protected, ratio to what the budget's write rate needs", _at("protect_ratio"), 1.5),
    Measure("restart → every status checked, virtual seconds", _at("restart_seconds"), 60),
    Measure("CPU seconds for that", _at("restart_cpu"), 60),
    Measure("resident memory, MiB", lambda results: results[-1].memory_kib / 1024, 200),
    Measure("memory for each further disk, KiB", _memory_a_disk, 15),
    Measure("a scrape of the metrics, seconds", _at("scrape_seconds"), 0.5),
    Measure("its size, MB", lambda results: results[-1].scrape_bytes / 1e6, 2),
    Measure("a backup of each disk on demand, at once: asked for twice", _at("burst_repeated"), 0),
    Measure("places by which one was sent too early or too late", _at("burst_disorder"), WORKERS),
    Measure("another disk meanwhile: apply → first Azure call, virtual seconds", _at("burst_other_served"), 10),
    Measure("apply → protected", _at("burst_other_protected"), 300),
    Measure("change of an object → first Azure call, p99, seconds", _at("change_p99"), 1),
    Measure("Kubernetes writes a disk, apply → Ready", _at("protect_kubernetes_writes"), 6),
    Measure("Kubernetes writes while no backup runs", _at("idle_kubernetes_writes"), 0),
    Measure("CPU seconds a sweep with nothing new", _at("sweep_cpu"), 2),
    Measure("cost of a disk, largest to next smaller fleet (1 is a straight line)", _bend, 1.25),
)


@dataclass(frozen=True)
class TimeMeasure:
    """One row about what a person waits for: what it says, the member of ``Times``, its limit."""

    text: str
    of: str
    most: float


TIMES = (
    TimeMeasure("`helm upgrade --install --wait`, seconds", "install", 15),
    TimeMeasure("the operator is killed → it looks at an object again, seconds", "first_look", 5),
    TimeMeasure("it is asked to end → it has ended, seconds", "stop", 3),
    TimeMeasure("of two replicas the leader is asked to end → the Lease is free, seconds", "hand_over", 2),
    TimeMeasure("→ the other one looks at an object, seconds", "hand_over_look", 5),
    TimeMeasure("the leader is killed → the other one looks at an object, seconds", "fail_over", 20),
    TimeMeasure("`kubectl azdiskbackup status`, 2,000 disks, seconds", "status", 3),
    TimeMeasure("its peak memory, MB", "status_megabytes", 150),
    TimeMeasure("`kubectl azdiskbackup --help`, seconds", "help", 0.5),
    TimeMeasure("the same of the single file, seconds", "single_file_help", 0.5),
)


def machine() -> dict[str, Any]:
    """Return what the numbers were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    model = models[0] if models else platform.machine()
    return {"cpu": model, "cores": os.cpu_count(), "python": platform.python_version()}


def document(results: Sequence[Result], times: Times) -> dict[str, Any]:
    """Return the results with where and when."""
    waited = times.to_json()
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "revision": revision,
        "machine": machine(),
        "measures": [
            {"measure": each.text, "value": round(each.of(results), 3), "most": each.most, "met": _met(each, results)}
            for each in MEASURES
        ]
        + [
            {
                "measure": each.text,
                "value": round(waited[each.of], 3),
                "most": each.most,
                "met": waited[each.of] <= each.most,
            }
            for each in TIMES
        ],
        "times": waited,
        "results": [each.to_json() for each in results],
    }


def _met(measure: Measure, results: Sequence[Result]) -> bool:
    return measure.of(results) <= measure.most + 1e-9


def write(found: dict[str, Any], results: Sequence[Result], folder: Path) -> bool:
    """Write JSON, plot and page into a folder; return whether every limit is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(found, indent=2) + "\n")
    _plot(results, folder / "cost.svg")
    (folder / "README.md").write_text(_page(found))
    return all(each["met"] for each in found["measures"])


def _page(found: dict[str, Any]) -> str:
    where = found["machine"]
    rows = "\n".join(
        f"| {each['measure']} | {each['value']:g} | {each['most']:g} | {'yes' if each['met'] else '**no**'} |"
        for each in found["measures"]
    )
    largest = found["results"][-1]
    fleets = "\n".join(
        f"| {each['disks']:,} | {each['protect_seconds'] / 3600:.1f} | {each['burst_hours']:.1f} "
        f"| {each['memory_kib'] / 1024:.0f} | {each['restart_cpu']:.1f} | {each['scrape_bytes'] / 1e6:.1f} |"
        for each in found["results"]
    )
    sizes = ", ".join(f"{each['disks']:,}" for each in found["results"])
    return f"""# What protection costs

Made by `make bench` on {found["date"]}, revision {found["revision"]}: {where["cores"]} cores of {where["cpu"]}, Python
{where["python"]}; fleets of {sizes} disks in 50 namespaces. A real API server, the operator as in production, and the
Azure simulator with Azure's limits on a virtual clock. Where no number of disks is named, the largest fleet counts.
Seconds are real ones unless they are called virtual.

| measure | measured | at most | met |
| --- | --- | --- | --- |
{rows}

| disks | hours until all are protected | all backed up on demand | MiB | CPU seconds a restart | MB a scrape |
| --- | --- | --- | --- | --- | --- |
{fleets}

![cost against the number of disks](cost.svg)

Azure allows so few reads of restore points that status cannot keep up with many disks that are backed up often: of the
{largest["disks"]:,} new ones of the largest fleet {largest["steady_unread"]:,} were not in status yet when the next
came. `restorePoints.observedTime` says how old the list is; `lastSuccessfulBackupTime` is not late.

All figures of each fleet are in [results.json](results.json); what they mean is said in `tests/bench/scenario.py`.
Azure Backup does not publish its limits: they are read from recorded answers, and the length of their window is taken
to be five minutes. A longer or shorter one changes how long many disks take, not what they cost.
"""


def _plot(results: Sequence[Result], path: Path) -> None:
    curves: list[tuple[str, Callable[[Result], float]]] = [
        ("Azure calls, apply → protected", lambda each: each.protect_calls * each.disks),
        ("Kubernetes writes, apply → Ready", lambda each: each.protect_kubernetes_writes * each.disks),
        ("Azure calls an hour, steady", lambda each: each.steady_calls * each.disks / 1000),
        ("hours until all are protected", lambda each: each.protect_seconds / 3600),
        ("hours until all are backed up on demand", lambda each: each.burst_hours),
        ("CPU seconds a sweep", lambda each: each.sweep_cpu),
        ("CPU seconds a restart", lambda each: each.restart_cpu),
        ("resident memory, MiB", lambda each: each.memory_kib / 1024),
    ]
    figure, axes = pyplot.subplots(2, 4, figsize=(14, 6), layout="constrained")
    sizes = [each.disks for each in results]
    for (title, cost), axis in zip(curves, axes.flat, strict=True):
        axis.plot(sizes, [cost(each) for each in results], marker="o", color="#0b5cad")
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("disks")
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)


def show(found: dict[str, Any]) -> None:
    """Print the table of a document."""
    table = Table("measure", "measured", "at most", "met")
    for each in found["measures"]:
        met = "yes" if each["met"] else "[bold red]no"
        table.add_row(each["measure"], f"{each['value']:.3g}", f"{each['most']:g}", met)
    Console().print(table)


def compare(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Print two documents side by side."""
    table = Table("measure", before["revision"], after["revision"], "change")
    known = {each["measure"]: each["value"] for each in before["measures"]}
    for each in after["measures"]:
        old, new = known.get(each["measure"]), each["value"]
        change = f"{(new - old) / old:+.0%}" if old else ""
        table.add_row(each["measure"], "" if old is None else f"{old:g}", f"{new:g}", change)
    Console().print(table)
