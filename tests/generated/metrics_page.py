"""docs/metrics.md: every metric as the code has it."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from azdiskbackup.core.disk_restore.summary import RestoreSummary
from azdiskbackup.core.protected_disk.summary import DiskSummary
from azdiskbackup.observability.object_metrics import ObjectMetrics, Usable
from azdiskbackup.observability.operator_metrics import EngineState, OperatorMetrics, StateCollector

_EPOCH = datetime.fromtimestamp(0, UTC)
_HEAD = """# Metrics

Served on port 8081 at `/metrics`, in Prometheus' text format or OpenMetrics, whichever is requested. Times are seconds
since the epoch. Only the leader exposes metrics of objects; a replica on standby reports that it is not the leader.
The series of an object disappear with it.

A disk has eight series, and one more each while a backup is overdue, after one has failed, and where others took
snapshots of it: with 2,000 disks these are 16,000 series, 22,000 at most, and about 2 MB a scrape. With
`metrics.disks: NeedingAttention` only a disk has them about which an alert may be (not protected, stalled, its newest
backup failed or overdue, close to Azure's limit of snapshots), so that a scrape of ten thousand good ones is as small
as one of ten; alerts stay as they are, and the sums over namespaces, policies and vaults count all. The dashboard's
*Disks by reason* and *Age of the newest successful backup* then show those disks alone.

A namespace has four series of sums. A DiskRestore has one once its job has ended. All other labels have values of the
operator (kinds, outcomes, operations of Azure, limits) or of the platform team (vaults, policies, rules,
subscriptions): some hundreds of series.

The chart brings a ServiceMonitor or a PodMonitor (`metrics.serviceMonitor.enabled`, `metrics.podMonitor.enabled`), both
with `honorLabels`, so that `namespace` is that of the disk, and [alerts](../charts/azdiskbackup/files/alerts.yaml)
(`metrics.prometheusRule.enabled`), each with its page in [runbooks](runbooks).

So does the dashboard for Grafana (`metrics.grafanaDashboard.enabled`), in three rows: the fleet, one disk, the
operator. Here `make picture` drew its panels from what a Prometheus answers to their queries:

![The dashboard](dashboard.png)

| metric | type | labels | what it is |
| --- | --- | --- | --- |
"""


def families() -> list[Metric]:
    """Return every metric family, from a registry in which something of each was counted."""
    registry = CollectorRegistry()
    meters = OperatorMetrics(registry)
    meters.passed("ProtectedDisk", "success", 0, 0)
    meters.asked("GET x", 200, 0)
    meters.throttled("s", "read x", 1)
    fleet = ObjectMetrics(lambda: 2, 500, lambda: [(("r", "protected", "Protected"), 1)])
    fleet.vaults["v"] = fleet.policies["p"] = fleet.rules["r"] = Usable(True, "Ready", "v")
    fleet.disks["ns", "d"] = DiskSummary("p", "v", "Active", "Protected", False, True, 0, *[1] * 7)
    fleet.restores["ns", "r"] = RestoreSummary("succeeded", 1)
    registry.register(fleet)
    counts = {"ProtectedDisk": 1}
    state = EngineState(counts, counts, [("s", "l", 1, 1)], [("s", "l", 1)], [("s", _EPOCH, 1)], counts, {"c": 1})
    registry.register(StateCollector(lambda: True, lambda: state))
    return sorted(registry.collect(), key=lambda family: family.name)


def page() -> str:
    """Return the page."""
    return _HEAD + "".join(_row(family) for family in families())


def _row(family: Metric) -> str:
    suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
    labels = {label for sample in family.samples for label in sample.labels} - {"le"}
    names = ", ".join(f"`{label}`" for label in sorted(labels))
    return f"| `{family.name}{suffix}` | {family.type} | {names} | {family.documentation} |\n"
