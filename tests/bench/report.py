"""The table of a benchmark, its limits, and the plot of cost against the number of disks."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from bench import measures
from bench.command import Costs
from bench.installation import Times
from bench.large import Large
from bench.measures import Rules
from bench.restores import Restores
from bench.scenario import Result
from bench.scopes import Scopes

mpl.use("svg")
# The same picture for the same numbers.
mpl.rcParams["svg.hashsalt"] = "azdiskbackup"


def machine() -> dict[str, Any]:
    """Return what the numbers were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    model = models[0] if models else platform.machine()
    return {"cpu": model, "cores": os.cpu_count(), "python": platform.python_version()}


def document(
    results: Sequence[Result],
    times: Times,
    costs: Costs,
    restores: Restores,
    of_rules: Rules,
    scopes: Scopes,
) -> dict[str, Any]:
    """Return the results with where and when."""
    found = {
        **when(),
        "machine": machine(),
        "measures": measures.rows(measures.of_fleets(results), results) + measures.rows(measures.TIMES, times),
        "times": _figures(times),
        "results": [_figures(each) for each in results],
    }
    return with_scopes(with_rules(with_restores(with_costs(found, costs), restores), of_rules), scopes)


def with_restores(before: dict[str, Any], restores: Restores) -> dict[str, Any]:
    """Return a document with the rows about restores, in the place of those that it had."""
    return _renewed(before, "restores", measures.rows(measures.RESTORES, restores), _figures(restores))


def with_costs(before: dict[str, Any], costs: Costs) -> dict[str, Any]:
    """Return a document with the rows about the command, in the place of those that it had."""
    return _renewed(before, "command", measures.rows(measures.COMMAND, costs), _figures(costs))


def with_rules(before: dict[str, Any], found: Rules) -> dict[str, Any]:
    """Return a document with the rows about rules, in the place of those that it had."""
    return _renewed(before, "rules", measures.rows(measures.RULES, found), _figures(found))


def with_scopes(before: dict[str, Any], found: Scopes) -> dict[str, Any]:
    """Return a document with the rows about `diskRoleScope`, in the place of those that it had."""
    return _renewed(before, "scopes", measures.rows(measures.SCOPES, found), _figures(found))


def with_large(before: dict[str, Any], found: Large) -> dict[str, Any]:
    """Return a document with the rows about ten thousand disks, in the place of those that it had."""
    return _renewed(before, "large", measures.rows(measures.LARGE, found), _figures(found))


def with_large_of(before: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return a document with the rows about ten thousand disks of another one: they are measured by themselves."""
    if "large" not in before:
        return found
    texts = {each.text for each in measures.LARGE}
    rows = [each for each in before["measures"] if each["measure"] in texts]
    return found | {"measures": _ordered([*found["measures"], *rows]), "large": before["large"]}


def _renewed(before: dict[str, Any], name: str, rows: list[dict[str, Any]], found: dict[str, Any]) -> dict[str, Any]:
    return before | {"measures": _ordered([*before["measures"], *rows]), name: {**when(), **found}}


def _ordered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows in the order of the tables; of two about the same, the later one."""
    known = {each["measure"]: each for each in rows}
    return [known[each.text] for table in measures.TABLES for each in table if each.text in known]


def _figures(measured: Any) -> dict[str, Any]:
    """Return what a dataclass holds, with as many digits as say something."""

    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: rounded(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [rounded(each) for each in value]
        return round(value, 4)

    return {name: rounded(value) for name, value in asdict(measured).items()}


def when() -> dict[str, str]:
    """Return the day, and the revision that is measured."""
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {"date": f"{datetime.now(UTC):%Y-%m-%d}", "revision": revision}


def write(found: dict[str, Any], folder: Path, results: Sequence[Result] = ()) -> bool:
    """Write JSON, page and, of new results, plot into a folder; return whether every limit is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(found, indent=2) + "\n")
    if results:
        _plot(results, folder / "cost.svg")
    if "large" in found:
        _plot_large(found["large"], folder / "large.svg")
    (folder / "README.md").write_text(_page(found))
    return all(each["met"] for each in found["measures"])


def _page(found: dict[str, Any]) -> str:
    where = found["machine"]
    rows = "\n".join(
        f"| {each['measure']} | {each['value']:g} | {each['most']:g} | {'yes' if each['met'] else '**no**'} |"
        for each in found["measures"]
    )
    fleets = "\n".join(
        f"| {each['disks']:,} | {each['protect_seconds'] / 3600:.1f} | {each['burst_hours']:.1f} "
        f"| {each['memory_kib'] / 1024:.0f} | {each['restart_cpu']:.1f} | {each['scrape_bytes'] / 1e6:.1f} |"
        for each in found["results"]
    )
    restores = found["restores"]
    alone, meanwhile = restores["alone"], restores["meanwhile"]
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

{_of_large(found)}
Azure allows few reads of restore points. A new one is in status by the job that made it (`computed`), and of a dozen
that were computed one read checks all; `restorePoints.observedTime` says when that was.

Restores of many disks take turns by namespace, at the rate at which restore points may be read: the last of 200 is
Ready after {restores["seconds"] / 60:.0f} minutes of virtual time. In the middle of them another team's disk is
protected after {meanwhile["disk_protected"]:.0f} s, and after {alone["disk_protected"]:.0f} s without them; another
team's restore is Ready after {meanwhile["restored"]:.0f} s, and after {alone["restored"]:.0f} s alone. That was
measured on {restores["date"]}, revision {restores["revision"]}.

All figures of each fleet are in [results.json](results.json); what they mean is said in `tests/bench/scenario.py`
and `restores.py`.
Azure Backup does not publish its limits: they are read from recorded answers, and the length of their window is taken
to be five minutes. A longer or shorter one changes how long many disks take, not what they cost.
"""


def _of_large(found: dict[str, Any]) -> str:
    if "large" not in found:
        return ""
    large = found["large"]
    return f"""
Rows that begin with 10,000 disks are of {large["disks"]:,} in 200 namespaces, four subscriptions and five vaults, which
a hundred rules protect, with one role for each group of disks. `make bench BENCH_N={large["disks"]}` measured them on
{large["date"]}, revision {large["revision"]}.

![protected disks against time](large.svg)
"""


def _plot_large(large: dict[str, Any], path: Path) -> None:
    figure, axis = pyplot.subplots(figsize=(7, 3), layout="constrained")
    axis.plot(*zip(*large["protected"], strict=True), color="#0b5cad")
    axis.set_xlabel("virtual minutes since the rules were applied")
    axis.set_ylabel("protected disks")
    axis.set_xlim(left=0)
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)


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
    _save(figure, path)


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
