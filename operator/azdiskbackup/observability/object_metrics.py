"""What is told of each vault, policy, rule, disk and restore, and of PVCs, read by a scrape from what is in memory.

A disk has a handful of series with its namespace and name, and one with all that is words: few lines a disk, since
there may be thousands; or, by a setting, only a disk has them that needs attention. What belongs to an object goes with
it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from azdiskbackup.core.disk_restore.summary import RestoreSummary
from azdiskbackup.core.protected_disk.summary import DiskSummary, needs_attention
from azdiskbackup.observability.operator_metrics import gauge

_DISK = _RESTORE = ("namespace", "name")
# Series of one value a disk: the name after `azdiskbackup_disk_`, what it is, and how it is had; None is left out.
_OF_A_DISK: tuple[tuple[str, str, Callable[[DiskSummary], float | None]], ...] = (
    (
        "protected",
        "Whether Azure reports the disk as protected, or as suspended or stopped if that is desired.",
        lambda disk: disk.protected,
    ),
    ("created_timestamp_seconds", "When the ProtectedDisk was created.", lambda disk: disk.created),
    (
        "last_success_timestamp_seconds",
        "When the newest successful backup was taken; absent before the first.",
        lambda disk: disk.last_success,
    ),
    (
        "last_failure_timestamp_seconds",
        "When the newest backup of the last seven days failed; absent if none did.",
        lambda disk: disk.last_failure,
    ),
    (
        "next_backup_timestamp_seconds",
        "When the next scheduled backup is due; absent while none is.",
        lambda disk: disk.next_backup,
    ),
    (
        "backup_expected_by_timestamp_seconds",
        "By when the next backup must have succeeded; in the past if it is overdue. Absent while none is due.",
        lambda disk: disk.expected_by,
    ),
    (
        "restore_points",
        "Number of restore points; absent before they were read.",
        lambda disk: disk.restore_points,
    ),
    (
        "other_snapshots",
        "Incremental snapshots that others took of the disk, which share Azure's limit; absent if there are none.",
        lambda disk: disk.other_snapshots,
    ),
    ("size_bytes", "Size of the disk.", lambda disk: disk.size_bytes),
)


@dataclass(frozen=True, slots=True)
class Usable:
    """Whether a vault or a policy can be used, and why not.

    Attributes:
        orphaned: of a vault, how many backup instances have lost their ProtectedDisk; None while that is not known.
    """

    ready: bool
    reason: str
    vault: str = ""
    orphaned: int | None = None


class ObjectMetrics(Collector):
    """All vaults, policies, rules, disks and restores, and PVCs by what rules mean for them.

    Args:
        now: the time.
        restore_point_limit: how many restore points of one disk Azure keeps.
        claims: rule, state and reason of PVCs, and how many there are.
        all_disks: whether each disk has its series, and not only those that need attention.
    """

    def __init__(
        self,
        now: Callable[[], float],
        restore_point_limit: int,
        claims: Callable[[], Iterable[tuple[tuple[str, str, str], int]]] = tuple,
        *,
        all_disks: bool = True,
    ) -> None:
        self._now = now
        self._limit = restore_point_limit
        self._claims = claims
        self._all_disks = all_disks
        self.rules: dict[str, Usable] = {}
        self.disks: dict[tuple[str, str], DiskSummary] = {}
        self.restores: dict[tuple[str, str], RestoreSummary] = {}
        self.vaults: dict[str, Usable] = {}
        self.policies: dict[str, Usable] = {}

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are at this moment."""
        yield from self._of_disks()
        yield from self._of_restores()
        yield from self._of_usables()
        yield from self._of_rules()
        yield from self._sums()

    def _of_disks(self) -> Iterator[Metric]:
        now, disks = self._now(), self.disks
        if not self._all_disks:
            disks = {key: disk for key, disk in disks.items() if needs_attention(disk, now, self._limit)}
        yield gauge(
            "disk_info",
            "Always 1; labels carry policy, vault, mode, reason and stalled.",
            (*_DISK, "policy", "vault", "mode", "reason", "stalled"),
            (
                ((*key, disk.policy, disk.vault, disk.mode, disk.reason, _flag(disk.stalled)), 1)
                for key, disk in disks.items()
            ),
        )
        for name, text, value in _OF_A_DISK:
            yield _of_each(disks, name, text, value)
        yield _of_each(
            disks,
            "backup_overdue_seconds",
            "For how long a backup has been overdue; absent while none is.",
            lambda disk: now - disk.expected_by if disk.expected_by is not None and now > disk.expected_by else None,
        )
        limit = "azdiskbackup_disk_restore_points_limit"
        yield GaugeMetricFamily(limit, "Limit of restore points of one disk in Azure.", value=self._limit)

    def _of_restores(self) -> Iterator[Metric]:
        counts = Counter((namespace, each.outcome) for (namespace, _), each in self.restores.items())
        yield gauge(
            "restores",
            "DiskRestores, by outcome: running, stalled, succeeded, failed, not_repeated.",
            ("namespace", "outcome"),
            counts.items(),
        )
        yield gauge(
            "restore_duration_seconds",
            "How long the job of a DiskRestore ran; absent before its end.",
            _RESTORE,
            ((key, each.seconds) for key, each in self.restores.items() if each.seconds is not None),
        )

    def _of_usables(self) -> Iterator[Metric]:
        yield gauge(
            "vault_ready",
            "Whether a BackupVault is ready, and its reason.",
            ("vault", "reason"),
            (((name, each.reason), each.ready) for name, each in self.vaults.items()),
        )
        yield gauge(
            "vault_orphaned_backup_instances",
            "Backup instances of a vault whose ProtectedDisk in this cluster no longer exists; absent while unknown.",
            ("vault",),
            (((name,), each.orphaned) for name, each in self.vaults.items() if each.orphaned is not None),
        )
        yield gauge(
            "policy_ready",
            "Whether a DiskBackupPolicy is ready, and its reason.",
            ("policy", "vault", "reason"),
            (((name, each.vault, each.reason), each.ready) for name, each in self.policies.items()),
        )

    def _of_rules(self) -> Iterator[Metric]:
        yield gauge(
            "rule_ready",
            "Whether a DiskProtectionRule is ready, and its reason.",
            ("rule", "reason"),
            (((name, each.reason), each.ready) for name, each in self.rules.items()),
        )
        yield gauge(
            "claims",
            "PVCs by the rule that selects them (empty for none), state (protected, pending, skipped, unselected, "
            "kept) and reason; rules with `mode: DryRun` count the same PVCs once more.",
            ("rule", "state", "reason"),
            self._claims(),
        )

    def _sums(self) -> Iterator[Metric]:
        disks = self.disks.items()
        yield from _sums("namespace", ("namespace",), (((namespace,), disk) for (namespace, _), disk in disks))
        yield from _sums("policy", ("vault", "policy"), (((disk.vault, disk.policy), disk) for _, disk in disks))
        yield from _sums("vault", ("vault",), (((disk.vault,), disk) for _, disk in disks if disk.vault))


def _of_each(
    disks: Mapping[tuple[str, str], DiskSummary], name: str, text: str, value: Callable[[DiskSummary], float | None]
) -> Metric:
    values = ((key, value(disk)) for key, disk in disks.items())
    return gauge(f"disk_{name}", text, _DISK, ((key, found) for key, found in values if found is not None))


def _sums(what: str, labels: tuple[str, ...], disks: Iterable[tuple[tuple[str, ...], DiskSummary]]) -> Iterator[Metric]:
    """Yield what is summed up over the disks of each namespace, policy or vault, whose labels stand before them."""
    counts: Counter[tuple[str, ...]] = Counter()
    points: Counter[tuple[str, ...]] = Counter()
    sizes: Counter[tuple[str, ...]] = Counter()
    for place, disk in disks:
        counts[*place, _flag(disk.protected)] += 1
        points[place] += disk.restore_points or 0
        sizes[place] += disk.size_bytes or 0 if disk.protected else 0
    for name, text, names, sums in (
        ("disks", f"ProtectedDisks of a {what}, by whether they are protected.", (*labels, "protected"), counts),
        ("restore_points", f"Restore points of all disks of a {what}.", labels, points),
        ("protected_bytes", f"Size of all disks of a {what} that are protected.", labels, sizes),
    ):
        yield gauge(f"{what}_{name}", text, names, sums.items())


def _flag(value: bool) -> str:
    return "true" if value else "false"
