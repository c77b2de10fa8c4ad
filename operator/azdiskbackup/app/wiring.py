"""How the parts are put together: one engine, with everything it works with."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

import structlog

from azdiskbackup.azure.client.connection import AzureConnection
from azdiskbackup.azure.client.error_table import UNRECOGNIZED
from azdiskbackup.azure.client.identity import log_in
from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.azure.inventory.job_search import JobSearch
from azdiskbackup.azure.inventory.role_grants import RoleGrants
from azdiskbackup.azure.inventory.sweep import Sweep
from azdiskbackup.azure.transport.fence import Fence
from azdiskbackup.azure.transport.https_network import HttpsNetwork
from azdiskbackup.azure.transport.network import Network
from azdiskbackup.azure.transport.rate_limiter import RateLimiter
from azdiskbackup.azure.transport.request_scope import Requester, request_scope
from azdiskbackup.core.formatting import span
from azdiskbackup.core.rules.backoff import pause
from azdiskbackup.engine.cache import Cache, Key, Raw, key_of
from azdiskbackup.engine.clock import Clock, SystemClock
from azdiskbackup.engine.queue import WorkQueue
from azdiskbackup.engine.simulated_clock import SimulatedClock
from azdiskbackup.engine.workers import STUCK_AFTER, Reconcile, Workers
from azdiskbackup.kube.client import KubeClient
from azdiskbackup.kube.watched import WatchedResource
from azdiskbackup.observability.object_metrics import ObjectMetrics
from azdiskbackup.observability.operator_metrics import EngineState, OperatorMetrics
from azdiskbackup.reconcilers.background.sweeps import (
    JOB_SEARCH,
    SWEEP,
    Background,
    expected,
    is_orphaned,
    is_ours,
    is_used,
    search_of,
    sweep_of,
)
from azdiskbackup.reconcilers.backup_vault.controller import BackupVaultKind
from azdiskbackup.reconcilers.common.context import Deadlines, OwnedInstances, ReconcileContext
from azdiskbackup.reconcilers.common.reconciler import Reconciler
from azdiskbackup.reconcilers.common.status_writer import StatusWriter
from azdiskbackup.reconcilers.disk_backup_policy.controller import DiskBackupPolicyKind
from azdiskbackup.reconcilers.disk_protection_rule.assessments import ASSESSMENT, Assessments
from azdiskbackup.reconcilers.disk_protection_rule.controller import DiskProtectionRuleKind
from azdiskbackup.reconcilers.disk_restore.controller import DiskRestoreKind
from azdiskbackup.reconcilers.on_demand_backup.controller import OnDemandBackupKind
from azdiskbackup.reconcilers.protected_disk.controller import ProtectedDiskKind
from azdiskbackup.reconcilers.watch.indices import DISKS_OF_RULES, INDICES, QUEUES, place
from azdiskbackup.reconcilers.watch.metrics_feed import MetricsFeed
from azdiskbackup.reconcilers.watch.resync import RESYNC, Resync
from azdiskbackup.reconcilers.watch.triggers import OURS, enqueues
from azdiskbackup.settings import Settings

# What Resource Graph lacks for longer it has lost, or does not show to us.
SHOWN_WITHIN = timedelta(minutes=30)
LIMITER = Key("RateLimiter", "", "all")
_WATCHES_RUN_AFTER = timedelta(minutes=1)
# The others are for what happens while a new leader looks at everything once.
_WORKERS_FOR_ONE_OF_BACKLOG = 4

_log = structlog.get_logger("azdiskbackup")


def by_name(reconcile: Reconcile, in_background: Callable[[Key], bool] = lambda key: False) -> Reconcile:
    """Have what a reconciler asks of Azure counted in the name of its object; those of a namespace share turns."""

    async def reconcile_by_name(key: Key) -> datetime | None:
        with request_scope(Requester(key, (key.kind, key.namespace), background=in_background(key))):
            return await reconcile(key)

    return reconcile_by_name


def clock_of(settings: Settings) -> Clock:
    """Return the clock that the settings name."""
    if settings.clock == "system":
        return SystemClock()
    return SimulatedClock(settings.clock.removeprefix("simulated:"), settings.ca_file)


class Engine:
    """The engine of the process that leads.

    Attributes:
        cache: what the watches see goes here.
        connection: the way to Azure; it has to be open while the engine runs.

    Args:
        settings: all of them.
        kube: the API server.
        fence: whether Azure may be written to.
        cluster: the id of this cluster.
        meters: count what is done.
        clock: where time comes from; without one, the clock that the settings name.
        network: carries requests to Azure; without one, the network of this machine.
        jitter: uniformly random from 0 to 1.
        lag: by how many seconds the event loop was late.
    """

    def __init__(
        self,
        settings: Settings,
        kube: KubeClient,
        fence: Fence,
        cluster: str,
        meters: OperatorMetrics,
        *,
        clock: Clock | None = None,
        network: Network | None = None,
        jitter: Callable[[], float] = random.random,
        lag: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._clock = clock = clock or clock_of(settings)
        self._settings = settings
        self._cluster = cluster
        backlog_at_once = max(1, settings.workers // _WORKERS_FOR_ONE_OF_BACKLOG)
        self._queue = queue = WorkQueue[Key](clock, lambda: fence.holds_back, backlog_at_once=backlog_at_once)
        self._limiter = RateLimiter(
            clock.now,
            settings.azure_share_percent / 100,
            wake=self.wake,
            later=lambda when: queue.add_at(LIMITER, when),
        )
        self.connection = AzureConnection(
            settings,
            clock.now,
            network or HttpsNetwork(settings),
            log_in,
            self._limiter,
            fence,
            asked=meters.asked,
            throttled=meters.throttled,
        )
        self.cache = cache = Cache(INDICES, QUEUES)
        azure = Azure(self.connection)
        self._sweep = Sweep(
            azure,
            clock.now,
            ours=lambda key: is_ours(cache, key),
            expected=lambda vault: expected(cache, vault, clock.now() - SHOWN_WITHIN),
            on_new_subscription=lambda subscription: queue.add_at(
                sweep_of(subscription), clock.now() + settings.observe_every
            ),
            requester_for=lambda subscription: Requester(sweep_of(subscription), SWEEP, background=True),
            is_used=lambda vault: is_used(cache, vault),
            is_orphaned=lambda instance, tags: is_orphaned(cache, cluster, instance, tags),
        )
        self._status_writer = StatusWriter(kube, cache, clock)
        context = ReconcileContext(
            kube=kube,
            cache=cache,
            status_writer=self._status_writer,
            azure=azure,
            sweep=self._sweep,
            job_search=JobSearch(azure.backups, clock.now, wake=lambda vault: queue.add(search_of(vault))),
            clock=clock,
            settings=settings,
            cluster=cluster,
            jitter=jitter,
            deadlines=Deadlines(),
            grants=RoleGrants(azure.roles),
            owned=OwnedInstances(),
        )
        background = Background(context, queue.add)
        self._resync = Resync(kube, cache, clock, timedelta(minutes=settings.resync_minutes))
        self.assessments = Assessments(cache, clock, queue.add_at)
        self._reconcilers: dict[str, Reconciler[Any, Any, Any, Any]] = {
            "BackupVault": Reconciler(BackupVaultKind(context), context),
            "DiskBackupPolicy": Reconciler(DiskBackupPolicyKind(context), context),
            "ProtectedDisk": Reconciler(ProtectedDiskKind(context), context),
            "OnDemandBackup": Reconciler(OnDemandBackupKind(context), context),
            "DiskRestore": Reconciler(DiskRestoreKind(context), context),
            "DiskProtectionRule": Reconciler(DiskProtectionRuleKind(context, self.assessments), context),
        }
        self._workers = Workers(
            queue,
            clock,
            {
                **{kind: by_name(each.reconcile, self._is_of_a_rule) for kind, each in self._reconcilers.items()},
                ASSESSMENT.kind: self.assessments.reconcile,
                SWEEP: by_name(background.sweep),
                JOB_SEARCH: by_name(background.search_jobs),
                LIMITER.kind: self._release_due,
                RESYNC.kind: self._resync.reconcile,
            },
            pause=lambda error, failures: pause(error, failures, jitter()),
            count=settings.workers,
            passed=meters.passed,
        )
        self.fleet = ObjectMetrics(
            lambda: clock.now().timestamp(),
            settings.snapshot_limit,
            self.assessments.tallies.samples,
            all_disks=settings.metrics_disks == "All",
        )
        self._fleet_watch = MetricsFeed(cache, self.fleet)
        self._lag = lag

    def wake(self, key: object) -> None:
        """Have an object looked at now."""
        self._queue.add(cast(Key, key))

    def _is_of_a_rule(self, key: Key) -> bool:
        """Return whether a rule made an object: what people wrote themselves goes first."""
        return key.kind == "ProtectedDisk" and self.cache.knows(DISKS_OF_RULES, place(key.namespace, key.name))

    async def _release_due(self, key: Key) -> datetime | None:
        return self._limiter.release_due()

    def on_watch_event(self, resource: WatchedResource, how: str, raw: Raw) -> None:
        """Take what a watch tells into the cache.

        Args:
            resource: what is watched.
            how: ADDED, MODIFIED or DELETED; empty for what Kopf lists at the start of a watch.
            raw: the object.
        """
        self._resync.on_watch_event(resource.kind)
        if how == "DELETED":
            self.cache.remove(key_of(resource.kind, raw), raw["metadata"].get("uid"))
        else:
            self.cache.put(resource.kind, resource.trim(raw))

    def state(self) -> EngineState:
        """Return how the engine is at this moment."""
        operations = {
            kind: sum(state.steps.operation is not None for state in reconciler.states.all())
            for kind, reconciler in self._reconcilers.items()
        }
        nothing = dict.fromkeys(self._reconcilers, 0)
        return EngineState(
            queued=nothing | Counter(key.kind for key in self._queue.ready),
            running=nothing | Counter(key.kind for key in self._workers.running),
            waiting=self._limiter.waiting(),
            left=self._limiter.left(),
            sweeps=self._sweep.last_read(),
            operations=operations,
            unrecognized=UNRECOGNIZED,
            abandoned=self._status_writer.abandoned,
            lag=self._lag(),
        )

    def unhealthy_reason(self) -> str | None:
        """Return what is broken so that only a restart helps, None when nothing is."""
        if not self._workers.alive:
            return "the workers have ended"
        stuck = self._workers.stuck_key
        if stuck is not None:
            return f"reconcile of {stuck} has been running for more than {span(STUCK_AFTER)}"
        if self._resync.silent_watch is not None:
            return f"the watch on {self._resync.silent_watch} delivers no events"
        return None

    async def load(self) -> None:
        """Learn what there is: nothing is decided before everything that exists is known once."""
        await self._resync.load()

    @property
    def has_objects(self) -> bool:
        """Return whether there is any object of ours."""
        return any(self.cache.keys(kind) for kind in self._reconcilers)

    async def start(self) -> None:
        """Begin to work."""
        await self._clock.start()
        self._fleet_watch.load()
        self.assessments.load()
        self.cache.listen(self._changed)
        # Whatever a person changes meanwhile comes before: to look at thousands takes a minute.
        for kind in OURS:
            for key in sorted(self.cache.keys(kind)):
                self._queue.add_backlog(key)
        # A first watch that had to list again told of no deletion.
        self._queue.add_at(RESYNC, self._clock.now() + _WATCHES_RUN_AFTER)
        self._workers.start()
        _log.info("started", cluster=self._cluster, workers=self._settings.workers)

    def _changed(self, key: Key, before: Raw | None, after: Raw | None) -> None:
        now = self._clock.now()
        for each in enqueues(self.cache, key, before, after):
            self._queue.add_at(each.key, now + each.delay)

    async def stop(self, seconds: float) -> None:
        """Take no more work, and let what is in work come to its end, for a while."""
        await self._workers.stop(seconds)
        await self._clock.stop()
        _log.info("stopped")
