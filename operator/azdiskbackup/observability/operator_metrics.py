"""What the operator counts of its own work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeAlias

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from azdiskbackup import __version__

# Who waits for our share of one of Azure's limits: subscription, limit, how many, and seconds since the first of them.
Waiting: TypeAlias = tuple[str, str, int, float]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class OperatorMetrics:
    """Counters and histograms.

    Args:
        registry: where they are read.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        # When a counter began is of no use here, and as many series again.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library has no hints here
        counter = partial(Counter, registry=registry)
        histogram = partial(Histogram, registry=registry, buckets=_SECONDS)
        self._passes = counter(
            "azdiskbackup_reconcile_total",
            "Reconciles, by kind and outcome: success, error, rate_limited.",
            ("kind", "outcome"),
        )
        self._took = histogram(
            "azdiskbackup_reconcile_duration_seconds", "Duration of a reconcile.", ("kind", "outcome")
        )
        self._waited = histogram(
            "azdiskbackup_reconcile_wait_seconds", "Time that an object waited in the queue.", ("kind",)
        )
        self._requests = counter(
            "azdiskbackup_azure_requests_total",
            "Requests to Azure, by operation and HTTP status; 0 without a response.",
            ("operation", "status"),
        )
        self._answers = histogram(
            "azdiskbackup_azure_request_duration_seconds", "Duration of a request to Azure.", ("operation",)
        )
        self._throttled = counter(
            "azdiskbackup_azure_throttled_seconds_total",
            "Seconds for which Azure throttled a class of requests.",
            ("subscription", "operation"),
        )

    def passed(self, kind: str, outcome: str, waited: float, took: float) -> None:
        """Count a pass; waiting and work in seconds."""
        self._passes.labels(kind, outcome).inc()
        self._waited.labels(kind).observe(waited)
        self._took.labels(kind, outcome).observe(took)

    def asked(self, operation: str, status: int, took: float) -> None:
        """Count a request to Azure; 0 is the status of one without an answer."""
        self._requests.labels(operation, str(status)).inc()
        self._answers.labels(operation).observe(took)

    def throttled(self, subscription: str, operation: str, seconds: float) -> None:
        """Count how long Azure asked us to wait."""
        self._throttled.labels(subscription, operation).inc(seconds)


@dataclass(frozen=True, slots=True)
class EngineState:
    """How the engine is at this moment.

    Attributes:
        queued: objects that wait for their pass, by kind; running likewise, in work.
        waiting: who waits for Azure's limits.
        left: how many requests of our share are left, by subscription and limit.
        sweeps: when each subscription was read last, and how many of its backup instances are of interest.
        operations: operations that Azure works on, by kind of object.
        unrecognized: how often each error code of Azure came that the operator has no entry for.
        abandoned: how often an object was let go without Azure, by its kind, namespace and name.
        lag: seconds by which the event loop was late, at most, since a while.
    """

    queued: Mapping[str, int] = field(default_factory=dict)
    running: Mapping[str, int] = field(default_factory=dict)
    waiting: Iterable[Waiting] = ()
    left: Iterable[tuple[str, str, float]] = ()
    sweeps: Iterable[tuple[str, datetime, int]] = ()
    operations: Mapping[str, int] = field(default_factory=dict)
    unrecognized: Mapping[str, int] = field(default_factory=dict)
    abandoned: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    lag: float = 0.0


def gauge(
    name: str, text: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    """Return a metric of ours with its samples: the values of the labels, and the number."""
    family = GaugeMetricFamily(f"azdiskbackup_{name}", text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


class StateCollector(Collector):
    """Reads the state at a scrape.

    Args:
        leads: whether this replica leads.
        state: the state of the engine, None while it does not work.
    """

    def __init__(self, leads: Callable[[], bool], state: Callable[[], EngineState | None]) -> None:
        self._leads = leads
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are at this moment."""
        yield InfoMetricFamily("azdiskbackup_build", "The version.", value={"version": __version__})
        yield GaugeMetricFamily("azdiskbackup_leader", "Whether this replica is the leader.", value=self._leads())
        state = self._state() or EngineState()
        lag = "Maximum lag of the event loop in the last minute."
        yield GaugeMetricFamily("azdiskbackup_event_loop_lag_seconds", lag, value=state.lag)
        for name, text, counts in (
            ("reconcile_queue_depth", "Objects in the queue.", state.queued),
            ("reconcile_running", "Objects that are being reconciled.", state.running),
            ("azure_operations_in_flight", "Operations of the operator in progress in Azure.", state.operations),
        ):
            yield gauge(name, text, ("kind",), (((kind,), count) for kind, count in counts.items()))
        codes = "Errors of Azure with a code that the operator has no entry for, by code; beyond 50 codes `other`."
        unrecognized = CounterMetricFamily("azdiskbackup_azure_unrecognized_errors", codes, labels=("code",))
        for code, count in state.unrecognized.items():
            unrecognized.add_metric((code,), count)
        yield unrecognized
        text = "Objects that were deleted while what they stand for was left in Azure, as their annotation said."
        abandoned = CounterMetricFamily("azdiskbackup_abandoned", text, labels=("kind", "namespace", "name"))
        for labels, count in state.abandoned.items():
            abandoned.add_metric(labels, count)
        yield abandoned
        yield from _limits(state)
        yield from _sweeps(state)


def _limits(state: EngineState) -> Iterator[Metric]:
    labels = ("subscription", "limit")
    name = "azdiskbackup_azure_requests_waiting"
    count = GaugeMetricFamily(name, "Requests queued for the operator's share of a limit of Azure.", labels=labels)
    age = GaugeMetricFamily(f"{name}_seconds", "How long the oldest of them has been queued.", labels=labels)
    for subscription, limit, number, seconds in state.waiting:
        count.add_metric((subscription, limit), number)
        age.add_metric((subscription, limit), seconds)
    left = (((subscription, limit), requests) for subscription, limit, requests in state.left)
    text = "Requests left in the operator's share of a limit of Azure."
    yield from (count, age, gauge("azure_requests_left", text, labels, left))


def _sweeps(state: EngineState) -> Iterator[Metric]:
    last = GaugeMetricFamily(
        "azdiskbackup_sweep_last_success_timestamp_seconds",
        "Time of the last successful sweep of a subscription; before the first, when it was first attempted.",
        labels=("subscription",),
    )
    size = GaugeMetricFamily(
        "azdiskbackup_sweep_instances",
        "Backup instances of this cluster in the last sweep of a subscription.",
        labels=("subscription",),
    )
    for subscription, when, count in state.sweeps:
        last.add_metric((subscription,), when.timestamp())
        size.add_metric((subscription,), count)
    yield from (last, size)
