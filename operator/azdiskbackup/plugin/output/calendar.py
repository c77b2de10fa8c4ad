"""The days of a disk: on which of them it was backed up as its schedule asks. Days are those of UTC."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from azdiskbackup.api.v1alpha1.disk_backup_policy import Schedule
from azdiskbackup.core.protected_disk.health import USUAL_JOB_TIME
from azdiskbackup.core.schedule.backup_times import START_WINDOW, next_backup
from azdiskbackup.plugin.output.formatting import Signed

_DAY = timedelta(days=1)
# A restore point is taken within this time of the moment at which its backup was due.
_LATE = START_WINDOW + USUAL_JOB_TIME


class DayState(Signed):
    """How a day went."""

    GOOD = "GOOD", "■", "#", "green", "every backup that was due is there"
    SOME = "SOME", "◪", "/", "yellow", "some backups that were due are missing"
    MISSED = "MISSED", "□", "o", "red", "no backup, though one was due"
    FAILED = "FAILED", "✗", "x", "red", "a backup failed, and none succeeded"
    KEPT = "KEPT", "▪", "+", "green", "a backup is there; whether all are is not known any more"
    UNKNOWN = "UNKNOWN", "·", ".", "dim", "none was due, or nothing is known any more"


@dataclass(frozen=True, slots=True)
class KnownBackups:
    """What is known of the backups of a disk.

    Attributes:
        points: times of the restore points, oldest first; the other times likewise.
        failures: ends of backups that failed.
        failed_starts: starts of the scheduled ones among them: what was due then does not come any more.
        schedule: when backups are due; None where the policy cannot be read.
        since: since when they are; None while they are not.
        kept: for how long every restore point is kept, by the policy.
        complete_since: since when all restore points are known; None for all of them.
    """

    points: Sequence[datetime]
    failures: Sequence[datetime]
    failed_starts: Sequence[datetime]
    schedule: Schedule | None
    since: datetime | None
    kept: timedelta | None
    complete_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a disk.

    Attributes:
        good: backups that were due on it and are there; restore points of the day where the schedule is not known.
        failed: backups that failed on it.
        due: backups that were due on it and should be there by now; None where that is not known.
    """

    date: date
    verdict: DayState
    good: int
    failed: int
    due: int | None


def days(known: KnownBackups, now: datetime, count: int) -> list[Day]:
    """Return the last days, today last."""
    today = now.astimezone(UTC).date()
    return [_day(known, today - timedelta(days=back), now) for back in range(count - 1, -1, -1)]


def _day(known: KnownBackups, day: date, now: datetime) -> Day:
    begins = datetime.combine(day, time(), tzinfo=UTC)
    points = _within(known.points, begins, begins + _DAY)
    failed = _within(known.failures, begins, begins + _DAY)
    if not _all_is_known(known, begins, now):
        verdict = DayState.FAILED if failed and not points else DayState.KEPT if points else DayState.UNKNOWN
        return Day(day, verdict, points, failed, None)
    if known.schedule is None:
        return Day(day, _verdict(points, failed, 0, points), points, failed, None)
    there = list(_kept_times(known, begins, now))
    return Day(day, _verdict(sum(there), failed, len(there), points), sum(there), failed, len(there))


def _verdict(good: int, failed: int, due: int, points: int) -> DayState:
    if good < due:
        return DayState.SOME if good else DayState.FAILED if failed else DayState.MISSED
    if failed and not points:
        return DayState.FAILED
    return DayState.GOOD if points or due else DayState.UNKNOWN


def _within(times: Sequence[datetime], first: datetime, end: datetime) -> int:
    """Return how many times there are from the first one until before the end."""
    return bisect_left(times, end) - bisect_left(times, first)


def _all_is_known(known: KnownBackups, begins: datetime, now: datetime) -> bool:
    """Return whether every restore point of a day would still be there, and seen."""
    expired = known.kept is not None and begins < now - known.kept
    return not expired and (known.complete_since is None or begins >= known.complete_since)


def _kept_times(known: KnownBackups, begins: datetime, now: datetime) -> Iterator[bool]:
    """Yield, for each time of a day at which a backup was due, whether it is there; one that may yet come is left out.

    A backup is there if a restore point was taken before the next one was due.
    """
    if known.schedule is None or known.since is None:
        return
    due = next_backup(known.schedule, begins - timedelta(seconds=1))
    while due < begins + _DAY and due <= now:
        following = next_backup(known.schedule, due)
        there, failed = _within(known.points, due, following), _within(known.failed_starts, due, following)
        if due > known.since and (there or failed or due + _LATE <= now):
            yield there > 0
        due = following
