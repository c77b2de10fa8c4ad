"""The command: build the settings, wire the parts, run."""

from __future__ import annotations

import asyncio
import random
import sys
from datetime import datetime, timedelta
from typing import cast

import structlog
from pydantic import ValidationError
from pydantic_settings import CliApp

from azdiskbackup.azure.asking import Asker, asking
from azdiskbackup.azure.budget import Budget
from azdiskbackup.azure.connection import AzureConnection
from azdiskbackup.azure.gateways import Azure
from azdiskbackup.azure.lost_jobs import LostJobs
from azdiskbackup.azure.sweep import Sweep
from azdiskbackup.core.backoff import pause
from azdiskbackup.engine.cache import Cache, Key, Raw
from azdiskbackup.engine.clock import Clock, SystemClock
from azdiskbackup.engine.queue import WorkQueue
from azdiskbackup.engine.simulated_clock import SimulatedClock
from azdiskbackup.engine.workers import Reconcile, Workers
from azdiskbackup.errors import OperatorError
from azdiskbackup.footprint import settle
from azdiskbackup.handlers import shell
from azdiskbackup.kube.client import KubeClient
from azdiskbackup.kube.connection import connection
from azdiskbackup.observability import logs, metrics
from azdiskbackup.reconcilers import lost_job_search, sweeping
from azdiskbackup.reconcilers.backup_vault import BackupVaultReconciler
from azdiskbackup.reconcilers.deadlines import Deadlines
from azdiskbackup.reconcilers.dependents import OURS, affected
from azdiskbackup.reconcilers.disk_backup_policy import DiskBackupPolicyReconciler
from azdiskbackup.reconcilers.indices import INDICES
from azdiskbackup.reconcilers.lost_job_search import LostJobSearch, search_of
from azdiskbackup.reconcilers.on_demand_backup import OnDemandBackupReconciler
from azdiskbackup.reconcilers.protected_disk import ProtectedDiskReconciler
from azdiskbackup.reconcilers.reporting import Reporter
from azdiskbackup.reconcilers.resync import RESYNC, Resync
from azdiskbackup.reconcilers.sweeping import Sweeping, expected, is_ours, sweep_of
from azdiskbackup.reconcilers.tools import Tools
from azdiskbackup.settings import Settings

EXIT_BAD_SETTINGS = 2
EXIT_FAILED = 1
_DRAIN_SECONDS = 10.0
_KOPF_ENDS_WITHIN_SECONDS = 0.5
# What Resource Graph lacks for longer it has lost, or does not show to us.
SHOWN_WITHIN = timedelta(minutes=30)
BUDGET = Key("Budget", "", "all")

_log = structlog.get_logger("azdiskbackup")


def main() -> None:
    """Run the operator."""
    try:
        settings = CliApp.run(Settings)
    except ValidationError as error:
        for fault in error.errors():
            name = "_".join(str(part) for part in fault["loc"]).upper()
            print(f"azdiskbackup: AZDISKBACKUP_{name}: {fault['msg']}", file=sys.stderr)
        sys.exit(EXIT_BAD_SETTINGS)
    logs.configure(settings.log_format, settings.log_level)
    try:
        asyncio.run(run(settings))
    except OperatorError as error:
        print(f"azdiskbackup: {error.sentence}", file=sys.stderr)
        sys.exit(EXIT_FAILED)


def by_name(reconcile: Reconcile) -> Reconcile:
    """Have what a reconciler asks of Azure counted in the name of its object; those of a namespace share turns."""

    async def reconcile_by_name(key: Key) -> datetime | None:
        with asking(Asker(key, (key.kind, key.namespace))):
            return await reconcile(key)

    return reconcile_by_name


def turns(budget: Budget) -> Reconcile:
    """Have the budget wake those whose turn has come."""

    async def wake(key: Key) -> datetime | None:
        return budget.tick()

    return wake


def _clock(settings: Settings) -> Clock:
    if settings.clock == "system":
        return SystemClock()
    return SimulatedClock(settings.clock.removeprefix("simulated:"), settings.azure_ca_file)


async def run(settings: Settings) -> None:
    """Wire everything and run until SIGTERM or SIGINT."""
    settle()
    kube_connection = connection(settings.kubeconfig)
    clock = _clock(settings)
    queue: WorkQueue[Key] = WorkQueue(clock)
    budget = Budget(
        clock.now,
        settings.azure_share_percent / 100,
        wake=lambda key: queue.add(cast(Key, key)),
        later=lambda when: queue.add_at(BUDGET, when),
    )

    async with (
        KubeClient(kube_connection) as kube,
        AzureConnection(settings, clock.now, budget) as azure_connection,
        metrics.serving(settings.metrics_port or None, budget.waiting),
    ):
        azure = Azure(azure_connection)
        cache = Cache(INDICES)
        sweep = Sweep(
            azure,
            clock.now,
            ours=lambda key: is_ours(cache, key),
            expected=lambda vault: expected(cache, vault, clock.now() - SHOWN_WITHIN),
            begun=lambda subscription: queue.add_at(sweep_of(subscription), clock.now() + settings.observe_every),
            sweeper=lambda subscription: Asker(sweep_of(subscription), sweeping.KIND, background=True),
        )
        lost_jobs = LostJobs(azure.backups, clock.now, wake=lambda vault: queue.add(search_of(vault)))
        tools = Tools(
            cache=cache,
            reporter=Reporter(kube, cache, clock),
            azure=azure,
            sweep=sweep,
            lost_jobs=lost_jobs,
            clock=clock,
            settings=settings,
            cluster=str((await kube.get("/api/v1/namespaces/kube-system"))["metadata"]["uid"]),
            jitter=random.random,
            deadlines=Deadlines(),
        )
        resync = Resync(kube, cache, clock, timedelta(minutes=settings.resync_minutes))
        workers = Workers(
            queue,
            clock,
            {
                "BackupVault": by_name(BackupVaultReconciler(tools).reconcile),
                "DiskBackupPolicy": by_name(DiskBackupPolicyReconciler(tools).reconcile),
                "ProtectedDisk": by_name(ProtectedDiskReconciler(tools).reconcile),
                "OnDemandBackup": by_name(OnDemandBackupReconciler(tools).reconcile),
                sweeping.KIND: by_name(Sweeping(tools, queue.add).reconcile),
                lost_job_search.KIND: by_name(LostJobSearch(tools, queue.add).reconcile),
                BUDGET.kind: turns(budget),
                RESYNC.kind: resync.reconcile,
            },
            pause=lambda error, failures: pause(error, failures, random.random()),  # noqa: S311
            count=settings.workers,
        )

        def changed(key: Key, before: Raw | None, after: Raw | None) -> None:
            for each in affected(cache, key, before, after):
                queue.add(each)

        async def start() -> None:
            await clock.start()
            # Nothing is decided before everything that exists is known once.
            await resync.load()
            cache.listen(changed)
            for kind in OURS:
                for key in cache.keys(kind):
                    queue.add(key)
            queue.add_at(RESYNC, clock.now() + timedelta(minutes=settings.resync_minutes))
            workers.start()
            _log.info("started", cluster=tools.cluster, workers=settings.workers)

        async def stop() -> None:
            await workers.stop(_DRAIN_SECONDS)
            await clock.stop()
            _log.info("stopped")
            # All that is ours has come to its end. Kopf would wait five seconds more for a watch of its own that was
            # just opening.
            asyncio.get_running_loop().call_later(_KOPF_ENDS_WITHIN_SECONDS, operator.cancel)

        handlers = shell.registry(
            kube_connection,
            cache,
            start=start,
            stop=stop,
            health=lambda: None if workers.alive else "the workers have died",
        )
        # Kopf handles SIGTERM and SIGINT: it ends the watches and calls `stop`.
        operator = asyncio.create_task(shell.run(handlers, settings.probe_port), name="kopf")
        await asyncio.wait([operator])
        if not operator.cancelled():
            # Whatever ended it that was no signal: a watch that was refused for too long, a bug.
            operator.result()
