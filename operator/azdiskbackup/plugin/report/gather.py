"""From the objects of a cluster to a report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from azdiskbackup.api.v1alpha1.disk_backup_policy import DiskBackupPolicySpec, Schedule
from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.core.disk_protection_rule.disk_view import Progress, disk_view
from azdiskbackup.core.objects.resource import Invalid, Resource, parse_spec, parse_status
from azdiskbackup.core.protected_disk.health import USUAL_JOB_TIME
from azdiskbackup.core.reason_catalog import REASON_CATALOG
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.schedule.backup_times import START_WINDOW
from azdiskbackup.plugin.cluster.client import claim_of, policy_name, protected_of
from azdiskbackup.plugin.cluster.coverage import Volumes, volume_of
from azdiskbackup.plugin.cluster.protection_rules import RulesOfCluster
from azdiskbackup.plugin.cluster.restores import restore
from azdiskbackup.plugin.commands.restore_points import Read, of_status
from azdiskbackup.plugin.commands.timeline import known_of
from azdiskbackup.plugin.output.calendar import DayState, KnownBackups, days
from azdiskbackup.plugin.report.days import Known, volume_days
from azdiskbackup.plugin.report.shapes import CoverageAt, DayTotal, Report, RestoreDone, Total, Volume, VolumeDay

SNAPSHOT_LIMIT = 500
_NOTHING = KnownBackups([], [], [], None, None, None)


@dataclass(frozen=True, slots=True)
class Found:
    """What was read.

    Attributes:
        rules: None where the caller may not read them.
        restores: DiskRestores; empty where the caller may not read them.
        successes: by namespace and name of a ProtectedDisk, its newest success at the end of each day.
        points: by namespace and name of a ProtectedDisk, its restore points as they were read from Azure.
    """

    claims: list[Resource]
    disks: list[Resource]
    volumes: Volumes
    policies: list[Resource]
    rules: RulesOfCluster | None
    restores: list[Resource]
    successes: Mapping[tuple[str, str], dict[date, datetime]]
    coverage: list[CoverageAt] | None
    points: Mapping[tuple[str, str], Read]


def report(found: Found, cluster: str, first: date, last: date, now: datetime, sources: list[str]) -> Report:
    """Return the report of some days."""
    volumes = sorted(_Volumes(found, first, last, now).all(), key=lambda each: (each.namespace, each.name))
    return Report(
        generated=now.replace(microsecond=0),
        cluster=cluster,
        first=first,
        last=last,
        snapshot_limit=SNAPSHOT_LIMIT,
        sources=sources,
        volumes=volumes,
        by_namespace=_totals(volumes, lambda each: each.namespace),
        by_policy=_totals([each for each in volumes if each.policy], lambda each: each.policy or ""),
        days=_day_totals(volumes, first, last),
        restores=[_restore(each) for each in found.restores],
        coverage=found.coverage,
    )


class _Volumes:
    """Builds the volumes of a report."""

    def __init__(self, found: Found, first: date, last: date, now: datetime) -> None:
        self._found, self._first, self._last, self._now = found, first, last, now
        self._specs: dict[str, DiskBackupPolicySpec] = {}
        for each in found.policies:
            spec = parse_spec(DiskBackupPolicySpec, each)
            if not isinstance(spec, Invalid):
                self._specs[each.name] = spec
        self._by_disk = {known.disk_id: each for each in found.disks if (known := protected_of(each)) is not None}
        self._by_claim = {(each.namespace, claim_of(each)): each for each in found.disks if protected_of(each) is None}
        # Where volumes cannot be read, by the name of the PVC.
        self._named = {(each.namespace, claim_of(each)): each for each in found.disks}
        # When restores succeeded: by ProtectedDisk, and the name of its disk in Azure where they name one.
        self._restored: dict[tuple[str, str, str], list[datetime]] = defaultdict(list)
        for each in found.restores:
            tried, source = restore(each), each.spec.get("source") or {}
            named = str((source.get("protectedDiskRef") or {}).get("disk") or "")
            if tried.succeeded and tried.disk is not None and tried.completion_time is not None:
                self._restored[tried.namespace, tried.disk, named].append(tried.completion_time)

    def all(self) -> Iterable[Volume]:
        """Yield the PVCs on Azure disks, then the ProtectedDisks whose PVC is gone."""
        used: set[str] = set()
        for claim in self._found.claims:
            of_azure, disk_id = self._found.volumes.disk_of(claim)
            if not of_azure or claim.deleting:
                continue
            disk = self._disk_of(claim, disk_id)
            if disk is not None:
                used.add(disk.uid)
            yield self._volume(claim, disk)
        for disk in self._found.disks:
            if disk.uid not in used and not disk.deleting:
                yield self._volume(None, disk)

    def _disk_of(self, claim: Resource, disk_id: str | None) -> Resource | None:
        waiting = self._by_claim.get((claim.namespace, claim.name))
        if disk_id is None:
            return self._named.get((claim.namespace, claim.name))
        return self._by_disk.get(disk_id.lower()) or waiting

    def _volume(self, claim: Resource | None, disk: Resource | None) -> Volume:
        reason = self._reason(claim, disk)
        entry = REASON_CATALOG.get(reason)
        about = claim if claim is not None else disk
        assert about is not None, "one of the two is there"
        status = parse_status(ProtectedDiskStatus, disk) if disk is not None else ProtectedDiskStatus()
        spec = self._specs.get(policy_name(disk)) if disk is not None else None
        newest = status.restore_points.newest if status.restore_points is not None else None
        newest = max((each for each in (newest, status.last_successful_backup_time) if each), default=None)
        promised = _promised(spec.schedule) if spec is not None and _is_active(disk) else None
        is_protected = disk is not None and disk_view(disk).progress is Progress.PROTECTED
        age = self._now - newest if newest is not None else None
        known_disk = status.disk
        return Volume(
            namespace=about.namespace,
            claim=claim.name if claim is not None else None,
            created=about.created,
            size=_size(claim) if claim is not None else f"{known_disk.size_gib or '?'}Gi" if known_disk else "",
            storage_class=str(claim.spec.get("storageClassName") or "") if claim is not None else "",
            disk=known_disk.name if known_disk is not None else None,
            is_protected=is_protected,
            reason=reason,
            explanation=entry.cause if entry is not None else "",
            remediation=entry.remediation if entry is not None else "",
            protected_disk=disk.name if disk is not None else None,
            rule=disk_view(disk).rule if disk is not None else None,
            policy=policy_name(disk) if disk is not None else None,
            vault=status.vault,
            newest_restore_point=newest,
            point_age_hours=round(age.total_seconds() / 3600, 1) if age is not None else None,
            promised_hours=promised.total_seconds() / 3600 if promised is not None else None,
            is_late=promised is not None and is_protected and age is not None and age > promised,
            restore_points=status.restore_points.count if status.restore_points is not None else None,
            last_restored=self._last_restored(disk, known_disk.name) if disk is not None and known_disk else None,
            last_error=_last_error(status),
            days=self._days(about, disk, spec, reason, _last_error(status)),
        )

    def _last_restored(self, disk: Resource, name: str) -> datetime | None:
        """Return when a restore of the present disk of an object succeeded, and not of an earlier object or disk."""
        times = [when for named in ("", name) for when in self._restored.get((disk.namespace, disk.name, named), ())]
        return max((when for when in times if when >= disk.created), default=None)

    def _reason(self, claim: Resource | None, disk: Resource | None) -> str:
        if disk is not None:
            ready, healthy = disk.condition(reasons.READY), disk.condition(reasons.BACKUP_HEALTHY)
            bad = healthy.get("status") == "False" and ready.get("status") == "True"
            return str((healthy if bad else ready).get("reason") or reasons.NOT_YET_KNOWN)
        rules = self._found.rules
        if rules is None or claim is None:
            return reasons.NO_RULE
        seen = rules.read(claim, self._found.volumes, self._found.volumes.get(volume_of(claim)))
        return rules.assess(seen).reason

    def _days(
        self, about: Resource, disk: Resource | None, spec: DiskBackupPolicySpec | None, reason: str, error: str
    ) -> list[VolumeDay]:
        known = None
        if disk is not None:
            place = disk.namespace, disk.name
            read = self._found.points.get(place) or of_status(parse_status(ProtectedDiskStatus, disk), disk.name)
            known = known_of(disk, spec, read, self._now)
        successes = dict(self._found.successes.get((disk.namespace, disk.name), {})) if disk is not None else {}
        back = (self._now.date() - self._first).days + 1
        found = [each for each in days(known or _NOTHING, self._now, back) if each.date <= self._last]
        told = Known(about.created, known, successes, f"not protected ({reason})", error)
        return volume_days(told, found, self._now)


def _is_active(disk: Resource | None) -> bool:
    return disk is not None and disk.spec.get("protection", "Active") == "Active"


def _promised(schedule: Schedule) -> timedelta:
    """Return how old the newest restore point may be: the interval, and what Azure takes to start and to finish."""
    interval = timedelta(hours=schedule.interval_hours) if schedule.interval_hours is not None else timedelta(days=1)
    return interval + START_WINDOW + USUAL_JOB_TIME


def _size(claim: Resource) -> str:
    capacity = claim.status.get("capacity") or (claim.spec.get("resources") or {}).get("requests") or {}
    return str(capacity.get("storage", ""))


def _last_error(status: ProtectedDiskStatus) -> str:
    recent = status.jobs.recent if status.jobs is not None else []
    error = next((job.error for job in recent if job.error is not None), None)
    return f"{error.code}: {error.message}" if error is not None else ""


def _totals(volumes: list[Volume], name: Callable[[Volume], str]) -> list[Total]:
    groups: dict[str, list[Volume]] = defaultdict(list)
    for each in volumes:
        groups[name(each)].append(each)
    return [
        Total(
            name=group,
            volumes=len(members),
            protected=sum(each.is_protected for each in members),
            late=sum(each.is_late for each in members),
            days_missed=sum(each.count(DayState.MISSED, DayState.SOME) for each in members),
            days_failed=sum(each.count(DayState.FAILED) for each in members),
        )
        for group, members in sorted(groups.items())
    ]


def _day_totals(volumes: list[Volume], first: date, last: date) -> list[DayTotal]:
    by_day: dict[date, list[tuple[str, bool | None]]] = {
        first + timedelta(days=number): [] for number in range((last - first).days + 1)
    }
    for volume in volumes:
        for each in volume.days:
            by_day[each.date].append((volume.name, each.restorable))
    return [
        DayTotal(
            date=day,
            restorable=sum(restorable is True for _, restorable in found),
            unknown=sum(restorable is None for _, restorable in found),
            not_restorable=[name for name, restorable in found if restorable is False],
        )
        for day, found in by_day.items()
    ]


def _restore(resource: Resource) -> RestoreDone:
    found = restore(resource)
    return RestoreDone(
        namespace=found.namespace,
        name=found.name,
        disk=found.disk,
        restore_point_time=found.restore_point_time,
        completion_time=found.completion_time,
        succeeded=found.succeeded,
        claim=found.persistent_volume_claim,
    )
