"""The rows of the benchmark's table: what each says, how it is computed, and its limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, TypeVar

from bench.by_rules import ByRules
from bench.command import Costs
from bench.installation import Times
from bench.large import Large
from bench.restores import Restores
from bench.rules import RuleCosts
from bench.scenario import Result
from bench.scopes import Scopes

T = TypeVar("T")

# Objects that are worked on at the same time overtake each other.
WORKERS = 16


@dataclass(frozen=True)
class Rules:
    """What was measured of rules: of events on PVCs, and of a fleet that rules protect."""

    events: RuleCosts
    fleet: ByRules


@dataclass(frozen=True)
class Measure(Generic[T]):
    """One row of the table.

    Attributes:
        text: what it says.
        of: how it is computed from what was measured.
        most: its limit.
        least_disks: in which fleet it means something, at least: what all disks share is nothing in a large one.
    """

    text: str
    of: Callable[[T], float]
    most: float
    least_disks: int = 0


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


def _minutes(name: str) -> Callable[[Restores], float]:
    return lambda found: float(getattr(found, name)) / 60


def _many_minutes(found: Scopes) -> float:
    return found.many.seconds / 60


def _large_minutes(found: Large) -> float:
    return found.protect_seconds / 60


def _ratio(name: str) -> Callable[[Restores], float]:
    """Return how much longer another team waited in the middle of the restores than without them."""
    return lambda found: float(getattr(found.meanwhile, name)) / float(getattr(found.alone, name))


# About fleets, the smallest one first. A disk is written to four times; what vault and policy count is written besides.
FLEETS: Sequence[Measure[Sequence[Result]]] = (
    Measure("Azure calls a disk, apply → protected, 100 disks", _at("protect_calls", 100), 6),
    Measure("of which writes", _at("protect_writes", 100), 3),
    Measure("Azure calls an hour and 1,000 disks, backups every 4 h", _at("steady_calls"), 14, 2000),
    Measure(
        "reads of restore points for each new restore point, any fleet",
        lambda results: max(each.steady_points for each in results),
        0.1,
    ),
    Measure("new restore points not in status within one sweep of the end of their jobs", _at("steady_unread"), 0),
    Measure("Azure writes meanwhile", _at("steady_writes"), 0),
    Measure("Azure writes after a restart", _at("restart_writes"), 0),
    Measure("apply → all protected, ratio to what the budget's write rate needs", _at("protect_ratio"), 1.1, 500),
    Measure("restart → every status checked, virtual seconds", _at("restart_seconds"), 60),
    Measure("CPU seconds for that", _at("restart_cpu"), 60),
    Measure("resident memory, MiB", lambda results: results[-1].memory_kib / 1024, 140),
    Measure("memory for each further disk, KiB", _memory_a_disk, 15),
    Measure("a scrape of the metrics, seconds", _at("scrape_seconds"), 0.5),
    Measure("its size, MB", lambda results: results[-1].scrape_bytes / 1e6, 2),
    Measure("a backup of each disk on demand, at once: asked for twice", _at("burst_repeated"), 0),
    Measure("places by which one was sent too early or too late", _at("burst_disorder"), WORKERS),
    Measure("another disk meanwhile: apply → first Azure call, virtual seconds", _at("burst_other_served"), 10),
    Measure("apply → protected", _at("burst_other_protected"), 300),
    Measure("change of an object → first Azure call, p99, seconds", _at("change_p99"), 1),
    Measure("Kubernetes writes a disk, apply → Ready", _at("protect_kubernetes_writes"), 4.05, 500),
    Measure("Kubernetes writes while no backup runs", _at("idle_kubernetes_writes"), 0),
    Measure("CPU seconds a sweep with nothing new", _at("sweep_cpu"), 2),
    Measure("cost of a disk, largest to next smaller fleet (1 is a straight line)", _bend, 1.25),
)


def of_fleets(results: Sequence[Result]) -> list[Measure[Sequence[Result]]]:
    """Return the rows that mean something with fleets of these sizes."""
    return [each for each in FLEETS if results[-1].disks >= each.least_disks]


# About what a person waits for.
TIMES: Sequence[Measure[Times]] = (
    Measure("`helm upgrade --install --wait`, seconds", attrgetter("install"), 15),
    Measure("the operator is killed → it looks at an object again, seconds", attrgetter("first_look"), 5),
    Measure("it is asked to end → it has ended, seconds", attrgetter("stop"), 3),
    Measure("of two replicas the leader is asked to end → the Lease is free, seconds", attrgetter("hand_over"), 2),
    Measure("→ the other one looks at an object, seconds", attrgetter("hand_over_look"), 5),
    Measure("the leader is killed → the other one looks at an object, seconds", attrgetter("fail_over"), 20),
)
# About what the command costs a person's machine; kubectl's own figure is for comparison.
COMMAND: Sequence[Measure[Costs]] = (
    Measure("`kubectl azdiskbackup disks`, CPU seconds", attrgetter("disks"), 0.5),
    Measure("`kubectl azdiskbackup status`, CPU seconds", attrgetter("status"), 0.5),
    Measure("`kubectl azdiskbackup describe`, CPU seconds", attrgetter("describe"), 0.5),
    Measure("Tab for the name of a disk, CPU seconds", attrgetter("complete"), 0.25),
    Measure("`kubectl get pdisk`, CPU seconds", attrgetter("kubectl_get"), 0.5),
    Measure("`kubectl azdiskbackup status`, 2,000 disks, CPU seconds", attrgetter("status_of_many"), 1),
    Measure("its peak memory, MB", attrgetter("status_megabytes"), 70),
    Measure("`kubectl azdiskbackup report -o html`, 2,000 disks, CPU seconds", attrgetter("report"), 10),
    Measure("its peak memory for that, MB", attrgetter("report_megabytes"), 200),
    Measure("the page, MB", attrgetter("page_megabytes"), 3),
    Measure("`kubectl azdiskbackup --help`, CPU seconds", attrgetter("help"), 0.25),
    Measure("the same of the single file, CPU seconds", attrgetter("single_file_help"), 0.25),
    Measure("the single file, MB", attrgetter("single_file_megabytes"), 8),
)
# About many restores at once.
RESTORES: Sequence[Measure[Restores]] = (
    Measure("200 restores at once in 20 namespaces → the last is Ready, virtual minutes", _minutes("seconds"), 40),
    Measure("ratio to what the budget's rate of the scarcest read needs", attrgetter("ratio"), 1.2),
    Measure("→ each namespace has its first, virtual minutes", _minutes("first_seconds"), 10),
    # What may be sent at once is the first one's, and then it is one each.
    Measure("restores by which one namespace was ahead of another at any time", attrgetter("ahead"), 5),
    Measure("restores that were asked for twice", attrgetter("repeated"), 0),
    Measure("Azure calls a restore", attrgetter("calls"), 9),
    Measure("writes among the calls of a restore", attrgetter("writes"), 3.1),
    Measure("Kubernetes writes a restore", attrgetter("kubernetes_writes"), 11),
    Measure("most that they used of the share of any limit, at any time", attrgetter("share_used"), 1),
    Measure("their requests that Azure refused as too many", attrgetter("refused"), 0),
    Measure(
        "another team's disk meanwhile: apply → first Azure call, virtual seconds",
        attrgetter("meanwhile.disk_served"),
        10,
    ),
    Measure("that disk: apply → protected, ratio to that without restores", _ratio("disk_protected"), 1.1),
    Measure("another team's restore meanwhile: apply → Ready, ratio to one alone", _ratio("restored"), 1.1),
)
# About rules; what a disk of a rule costs stands beside what the hand-written ones of the fleets cost.
RULES: Sequence[Measure[Rules]] = (
    Measure("an event on a PVC, 100 rules and 10,000 PVCs, CPU milliseconds", attrgetter("events.milliseconds"), 2),
    Measure("the first look at them, CPU seconds", attrgetter("events.begin_seconds"), 10),
    Measure("2,000 PVCs matched at once: Azure calls a disk, rule → protected", attrgetter("fleet.calls"), 6),
    Measure("writes among the Azure calls of a disk of a rule", attrgetter("fleet.writes"), 3),
    Measure("Kubernetes writes a disk of a rule, its making included", attrgetter("fleet.kubernetes"), 7),
    Measure(
        "a hand-written disk meanwhile: apply → first Azure call, virtual seconds", attrgetter("fleet.other_served"), 1
    ),
    Measure("that disk: apply → protected, virtual seconds", attrgetter("fleet.other_protected"), 300),
)
# About disks that come all at once, by `diskRoleScope`; Azure's limits are those of 2026.
SCOPES: Sequence[Measure[Scopes]] = (
    Measure("100 disks, `diskRoleScope: Disk`: Azure calls a disk", attrgetter("disk.calls"), 4.3),
    Measure("100 disks, `Disk`: of which writes", attrgetter("disk.writes"), 3),
    Measure("100 disks, `ResourceGroup`: Azure calls a disk", attrgetter("group.calls"), 1.5),
    Measure("100 disks, `ResourceGroup`: of which writes", attrgetter("group.writes"), 1.1),
    Measure("2,000 disks, `ResourceGroup`: apply → all protected, virtual minutes", _many_minutes, 55),
    Measure("2,000 disks, `ResourceGroup`: ratio to what our share of the writes needs", attrgetter("many.ratio"), 1.1),
    Measure("2,000 disks, `ResourceGroup`: Kubernetes writes a disk", attrgetter("many.kubernetes"), 4.05),
)
# About ten thousand disks; Azure's limits are those of 2026.
LARGE: Sequence[Measure[Large]] = (
    Measure("10,000 disks, 100 rules: apply → all protected, virtual minutes", _large_minutes, 75),
    Measure("10,000 disks: ratio to what our share of the writes needs", attrgetter("protect_ratio"), 1.1),
    Measure("10,000 disks: Azure calls a disk, rule → protected", attrgetter("protect_calls"), 1.5),
    Measure("10,000 disks: of which writes", attrgetter("protect_writes"), 1.1),
    # Its making, four of its own, and what its rule counts once a minute.
    Measure(
        "10,000 disks: Kubernetes writes a disk, its making and its rule's numbers included",
        attrgetter("protect_kubernetes_writes"),
        5.5,
    ),
    Measure("10,000 disks: Azure calls an hour and 1,000 disks, at rest", attrgetter("idle_calls"), 14),
    Measure("10,000 disks: Kubernetes writes at rest", attrgetter("idle_kubernetes_writes"), 0),
    Measure("10,000 disks: resident memory, MiB", lambda found: found.memory_kib / 1024, 220),
    Measure("10,000 disks: CPU seconds a sweep with nothing new", attrgetter("sweep_cpu"), 1.5),
    Measure("10,000 disks: a scrape of the metrics, seconds", attrgetter("scrape_seconds"), 2),
    Measure("10,000 disks: restart → every status checked, CPU seconds", attrgetter("restart_cpu"), 60),
    Measure("10,000 disks: a person's change during that → first Azure call, seconds", attrgetter("change_seconds"), 1),
    Measure("10,000 disks: → the write that it asks for, seconds", attrgetter("change_write_seconds"), 2),
    Measure("10,000 disks: Azure writes after a restart", attrgetter("restart_writes"), 0),
    Measure("10,000 disks: `kubectl azdiskbackup status`, CPU seconds", attrgetter("status_cpu"), 5),
    Measure("10,000 disks: its peak memory, MB", attrgetter("status_megabytes"), 200),
)
# In the order of the table.
TABLES: Sequence[Sequence[Measure[Any]]] = (FLEETS, TIMES, COMMAND, RESTORES, RULES, SCOPES, LARGE)


def rows(measures: Sequence[Measure[T]], measured: T) -> list[dict[str, Any]]:
    """Return rows as the table has them."""
    values = [(each, each.of(measured)) for each in measures]
    return [
        {"measure": each.text, "value": round(value, 3), "most": each.most, "met": value <= each.most + 1e-9}
        for each, value in values
    ]
