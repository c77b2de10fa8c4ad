"""Ten thousand disks in four subscriptions and five vaults, protected by a hundred rules, and a restart."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from azure_simulator.client import Sent
from bench import command
from bench.by_rules import rule
from bench.fleet import Fleet, Layout, Tell
from bench.meter import Meter, cpu_seconds, resident_kib, scrape
from bench.scenario import SWEEP, a_thousand_an_hour
from bench.scopes import LIMITS, least_seconds
from harness.objects import SECOND_SUBSCRIPTION, SUBSCRIPTION, Json
from harness.stack import CLIENT_ID, Stack

NAMESPACES, RULES = 200, 100
_FURTHER = ("33333333-3333-4333-8333-333333333333", "44444444-4444-4444-8444-444444444444")
LAYOUT = Layout((SUBSCRIPTION, SECOND_SUBSCRIPTION, *_FURTHER), vaults=5)
_SWEEPS = 3


@dataclass(frozen=True)
class Large:
    """What was measured.

    Attributes:
        disks: how many there are.
        protect_calls: Azure calls a disk, from the rules' apply until all are Ready.
        protect_writes: how many of them are writes.
        protect_kubernetes_writes: writes to Kubernetes a disk, its making included.
        protect_seconds: virtual time.
        protect_ratio: that, as a ratio to what our share of the writes needs in the subscription with most disks.
        protected: how many were Ready, after so many virtual minutes each.
        idle_calls: Azure calls an hour and 1,000 disks while no backup runs.
        idle_kubernetes_writes: writes to Kubernetes meanwhile.
        sweep_cpu: seconds of CPU time for a sweep of all subscriptions that brings nothing new.
        memory_kib: resident memory after the first backups.
        scrape_seconds: real time of a scrape of its metrics, the best of three; ``scrape_bytes``: its size.
        status_cpu: CPU seconds of `kubectl azdiskbackup status`; ``status_megabytes``: its peak.
        change_seconds: real time from a person's change, made as soon as a restarted operator has begun, to the first
            call to Azure about it; ``change_write_seconds``: to the write that it asks for.
        restart_writes: Azure writes after the restart, but for that change.
        restart_cpu: CPU seconds until every object has had its pass.
        wall_seconds: real time of the whole run.
    """

    disks: int
    protect_calls: float
    protect_writes: float
    protect_kubernetes_writes: float
    protect_seconds: float
    protect_ratio: float
    protected: list[tuple[float, int]]
    idle_calls: float
    idle_kubernetes_writes: int
    sweep_cpu: float
    memory_kib: int
    scrape_seconds: float
    scrape_bytes: int
    status_cpu: float
    status_megabytes: float
    change_seconds: float
    change_write_seconds: float
    restart_writes: int
    restart_cpu: float
    wall_seconds: float


def measure(stack: Stack, size: int, share: float, tell: Tell) -> Large:
    """Measure on a stack whose control plane and simulator run."""
    began = time.monotonic()
    azure, fleet = stack.azure, Fleet(stack, size, NAMESPACES, layout=LAYOUT)
    stack.subscriptions = list(LAYOUT.subscriptions)
    azure.turn("limits", **LIMITS)
    fleet.prepare(tell, diskRoleScope="ResourceGroup")

    tell(f"{RULES} rules")
    meter, start = Meter(stack), azure.now
    protected: list[tuple[float, int]] = [(0, 0)]

    def note(count: int) -> None:
        protected.append(((azure.now - start).total_seconds() / 60, count))
        tell(f"{count} of {size} protected")

    stack.plane.apply(*map(_rule, range(RULES)))
    fleet.until_ready(timedelta(hours=12), note)
    note(size)
    spent = meter.read()
    tell(f"calls: {dict(spent.azure)}; writes to Kubernetes: {dict(spent.kubernetes)}")

    tell("the first backups")
    fleet.to_after_a_backup(timedelta(hours=1, minutes=30))
    meter.read()
    fleet.let_pass(_SWEEPS * SWEEP)
    idle = meter.read()
    scrape_seconds, scrape_bytes = min(scrape(stack.metrics_url) for _ in range(3))
    memory = resident_kib(stack.operator_pid)
    tell(f"calls: {dict(idle.azure)}; writes to Kubernetes: {dict(idle.kubernetes)}")
    status_cpu, status_megabytes = command.measure_status(stack)

    tell("a restart")
    stack.kill_operator()
    since = azure.request_count()
    stack.start_operator()
    namespace, name = fleet.places[-1]

    def is_about(sent: Sent) -> bool:
        return f"/{name}-" in sent.path or sent.path.partition("?")[0].endswith(f"/{name}")

    change_seconds, change_write_seconds = fleet.suspend(
        (namespace, name), is_about, lambda sent: is_about(sent) and sent.writes, within=300
    )
    azure.settle()
    restart_cpu = cpu_seconds(stack.operator_pid)
    sent = [each for each in azure.requests(since) if each.caller == CLIENT_ID]
    tell(f"calls: {dict(Counter(each.route for each in sent))}")

    return Large(
        disks=size,
        protect_calls=spent.calls / size,
        protect_writes=spent.azure_writes / size,
        protect_kubernetes_writes=spent.kubernetes_writes / size,
        protect_seconds=spent.seconds,
        protect_ratio=spent.seconds / least_seconds(_most_writes(spent.azure_writes), share),
        protected=protected,
        idle_calls=a_thousand_an_hour(idle, size),
        idle_kubernetes_writes=idle.kubernetes_writes,
        sweep_cpu=idle.cpu / _SWEEPS,
        memory_kib=memory,
        scrape_seconds=scrape_seconds,
        scrape_bytes=scrape_bytes,
        status_cpu=status_cpu,
        status_megabytes=status_megabytes,
        change_seconds=change_seconds,
        change_write_seconds=change_write_seconds,
        restart_writes=sum(each.writes for each in sent) - 1,
        restart_cpu=restart_cpu,
        wall_seconds=time.monotonic() - began,
    )


def _rule(number: int) -> Json:
    """Return a rule about two namespaces, whose disks belong to one vault."""
    vault = number % LAYOUT.vaults
    return rule(number, RULES, NAMESPACES, f"gold-{vault}" if vault else "gold")


def _most_writes(writes: int) -> float:
    """Return how many of the writes are those of the subscription with most vaults."""
    vaults = Counter(LAYOUT.subscription(number) for number in range(LAYOUT.vaults))
    return max(vaults.values()) / LAYOUT.vaults * writes
