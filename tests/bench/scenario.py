"""One run: a fleet of one size is protected, backed up, left alone, changed, and the operator restarted."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from azdiskbackup.azure.transport.limits import limits_of
from bench.burst import burst
from bench.fleet import Fleet, Tell
from bench.meter import Cost, Meter, cpu_seconds, resident_kib, scrape, waiting
from harness.stack import CLIENT_ID, Stack

SWEEP = timedelta(minutes=10)
CHANGES = 200
EVERY = timedelta(hours=4)
LATE = timedelta(hours=1, minutes=59)
_PUT = ("microsoft.dataprotection/backupvaults/backupinstances", "write")
_POINTS = ("microsoft.dataprotection/backupvaults/backupinstances/recoverypoints", "read")


@dataclass(frozen=True)
class Result:
    """What was measured with a number of disks.

    Attributes:
        protect_calls: Azure calls a disk, from apply to protected.
        protect_writes: how many of them are writes.
        protect_kubernetes_writes: writes to Kubernetes a disk, from apply to Ready.
        protect_seconds: virtual time from the first apply until all are Ready.
        protect_ratio: that, as a ratio to what the budget's rate of the scarcest write alone would need.
        steady_calls: Azure calls an hour and 1,000 disks over a cycle of backups, those for restore points apart.
        steady_points: reads of restore points for each new restore point; ``steady_unread``: how many disks do not have
            their new one in status by the end of the sweep that comes after its job has ended.
        steady_writes: Azure writes in that cycle.
        idle_calls: Azure calls an hour and 1,000 disks while no backup runs.
        idle_kubernetes_writes: writes to Kubernetes meanwhile.
        sweep_cpu: seconds of CPU time a sweep that brings nothing new.
        memory_kib: resident memory after a day's work.
        scrape_seconds: real time of a scrape of its metrics, the best of three; ``scrape_bytes``: its size.
        change_p50, change_p99: seconds of real time from the change of an object to the first call to Azure.
        burst_hours: virtual time until a backup of every disk on demand, all at once, has ended.
        burst_calls: Azure calls for each of them; ``burst_repeated``: how many were asked for twice.
        burst_disorder: by how many places one was sent sooner or later than it was created.
        burst_other_served: virtual seconds from the apply of another disk meanwhile to the first call about it;
            ``burst_other_protected``: until it was protected.
        restart_writes: Azure writes after a restart.
        restart_seconds: virtual time until every object has had its pass, and none waits for Azure's limits to be
            looked at; ``restart_cpu``: all CPU time until then.
        wall_seconds: real time of the whole run.
    """

    disks: int
    protect_calls: float
    protect_writes: float
    protect_kubernetes_writes: float
    protect_seconds: float
    protect_ratio: float
    steady_calls: float
    steady_points: float
    steady_unread: int
    steady_writes: int
    idle_calls: float
    idle_kubernetes_writes: int
    sweep_cpu: float
    memory_kib: int
    scrape_seconds: float
    scrape_bytes: int
    change_p50: float
    change_p99: float
    burst_hours: float
    burst_calls: float
    burst_repeated: int
    burst_disorder: int
    burst_other_served: float
    burst_other_protected: float
    restart_writes: int
    restart_seconds: float
    restart_cpu: float
    wall_seconds: float


def run(stack: Stack, fleet: Fleet, share: float, tell: Tell) -> Result:
    """Measure a fleet on a stack whose control plane and simulator run."""
    began = time.monotonic()
    azure, size = stack.azure, fleet.size
    fleet.prepare(tell)

    tell("protecting them")
    meter = Meter(stack)
    fleet.protect()
    fleet.until_ready(timedelta(hours=12), lambda count: tell(f"{count} of {size} protected"))
    protected = meter.read()
    tell(f"calls: {dict(protected.azure)}; writes to Kubernetes: {dict(protected.kubernetes)}")

    tell("a cycle of backups")
    fleet.to_after_a_backup(timedelta(hours=3, minutes=50))
    # Those after the next are as late as Azure may have them: until then all restore points can be read, and nothing
    # is left to do.
    azure.knobs(schedule_delay=LATE.total_seconds())
    meter.read()
    points, due = azure.points_kept(), fleet.next_backup()
    # Until a sweep has seen the ends of all jobs, each four minutes after the backup was due.
    told = due - azure.now + timedelta(minutes=5) + SWEEP
    fleet.let_pass(told)
    unread = fleet.without_point_since(due)
    fleet.let_pass(EVERY - told)
    steady, new_points = meter.read(), azure.points_kept() - points
    tell(f"calls: {dict(steady.azure)}; {new_points} new restore points")

    tell("left alone")
    scarce = next(each for each in limits_of(*_POINTS, share) if each.name.startswith("reads of"))
    wait = _read_within(size, scarce.per_second)
    # Of very many disks the next backups begin soon after that.
    sweeps = min(3, (EVERY + LATE - wait) // SWEEP)
    fleet.let_pass(fleet.next_backup() - EVERY + wait - azure.now)
    meter.read()
    fleet.let_pass(sweeps * SWEEP)
    idle = meter.read()
    # A Prometheus would scrape all the while: what that needs counts, too.
    scrape_seconds, scrape_bytes = min(scrape(stack.metrics_url) for _ in range(3))
    memory = resident_kib(stack.operator_pid)
    tell(f"calls: {dict(idle.azure)}; writes to Kubernetes: {dict(idle.kubernetes)}")

    tell("a burst of on-demand backups")
    together = burst(fleet, tell)
    tell(f"{together}")

    tell("single changes")
    latencies = sorted(_latencies(fleet, min(CHANGES, size)))

    tell("a restart")
    azure.advance(minutes=5)
    stack.kill_operator()
    since, begun = azure.request_count(), azure.now
    stack.start_operator()
    metrics_url = stack.metrics_url
    azure.settle()
    while waiting(metrics_url) and azure.now < begun + timedelta(hours=1):
        azure.advance(seconds=1)
    restart = [each for each in azure.requests(since) if each.caller == CLIENT_ID]
    restart_seconds = (azure.now - begun).total_seconds()
    restart_cpu = cpu_seconds(stack.operator_pid)
    tell(f"calls: {dict(Counter(each.route for each in restart))}")

    return Result(
        disks=size,
        protect_calls=protected.calls / size,
        protect_writes=protected.azure_writes / size,
        protect_kubernetes_writes=protected.kubernetes_writes / size,
        protect_seconds=protected.seconds,
        protect_ratio=protected.seconds / _least_seconds(size, share),
        steady_calls=a_thousand_an_hour(steady, size, without=("recoveryPoints.list",)),
        steady_points=steady.azure["recoveryPoints.list"] / max(1, new_points),
        steady_unread=unread,
        steady_writes=steady.azure_writes,
        idle_calls=a_thousand_an_hour(idle, size),
        idle_kubernetes_writes=idle.kubernetes_writes,
        sweep_cpu=idle.cpu / sweeps,
        memory_kib=memory,
        scrape_seconds=scrape_seconds,
        scrape_bytes=scrape_bytes,
        change_p50=latencies[len(latencies) // 2],
        change_p99=latencies[len(latencies) * 99 // 100],
        burst_hours=together.seconds / 3600,
        burst_calls=together.calls,
        burst_repeated=together.repeated,
        burst_disorder=together.disorder,
        burst_other_served=together.other_served,
        burst_other_protected=together.other_protected,
        restart_writes=sum(each.writes for each in restart),
        restart_seconds=restart_seconds,
        restart_cpu=restart_cpu,
        wall_seconds=time.monotonic() - began,
    )


def a_thousand_an_hour(cost: Cost, size: int, without: tuple[str, ...] = ()) -> float:
    """Return the calls to Azure for each 1,000 disks and hour, those of some routes apart."""
    calls = sum(count for route, count in cost.azure.items() if route not in without)
    return calls / (cost.seconds / 3600) / (size / 1000)


def _least_seconds(size: int, share: float) -> float:
    """Return what the scarcest of the writes of a new disk needs by itself, and Azure's own two minutes."""
    limit = next(each for each in limits_of(*_PUT, share) if each.name.startswith("writes of"))
    return max(0.0, size - limit.burst) / limit.per_second + 130


def _read_within(size: int, points_a_second: float) -> timedelta:
    """Return how long after a backup all is read, and the time of the next one is in status."""
    # The backups take four minutes, and a sweep shows them.
    read = timedelta(seconds=size / points_a_second, minutes=5) + SWEEP
    # More than that cannot be read between two backups: then the last sweep before the next one has to do.
    return min(max(read, EVERY + 2 * SWEEP), EVERY + LATE - SWEEP)


def _latencies(fleet: Fleet, count: int) -> list[float]:
    """Suspend disks one by one; return how long each change took to become a call to Azure."""
    found = []
    for place in fleet.places[:count]:
        found += fleet.suspend(place, lambda sent: sent.caller == CLIENT_ID)
        fleet.stack.azure.advance(seconds=1)
    return found
