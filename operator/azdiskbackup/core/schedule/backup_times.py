"""When scheduled backups are due."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from tzlocal.windows_tz import tz_win

from azdiskbackup.api.v1alpha1.disk_backup_policy import Schedule

# Azure may start a scheduled backup this much after its time (support matrix).
START_WINDOW = timedelta(hours=2)


def windows_zone(iana: str) -> str | None:
    """Return the Windows name of a time zone, which is what Azure wants; None if there is none.

    A few old names in the table stand for zones that the time zone database no longer has.
    """
    zone: str | None = tz_win.get(iana)
    return zone if iana in _zones() else None


def standard_offset(iana: str, year: int) -> str:
    """Return the offset of a time zone outside of daylight saving time in a year, such as ``+01:00``."""
    # The lesser one of both halves of the year: daylight saving time goes forward, in the south in January.
    offset = min(datetime(year, month, 1, tzinfo=ZoneInfo(iana)).utcoffset() or timedelta() for month in (1, 7))
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


@cache
def _zones() -> set[str]:
    return available_timezones()


def backups_per_day(schedule: Schedule) -> int:
    """Return how many backups are scheduled a day."""
    return 24 // schedule.interval_hours if schedule.interval_hours else 1


def next_backup(schedule: Schedule, after: datetime) -> datetime:
    """Return the first time strictly after another at which a backup is due.

    The times of day stand on the wall clock of the schedule's time zone. One that a change to summer time skips is
    taken with the offset before the change, as the clock itself would have gone on.
    """
    local_day = after.astimezone(ZoneInfo(schedule.time_zone)).date()
    due = _due_around(schedule.start_time, schedule.interval_hours or 24, schedule.time_zone, local_day)
    return due[bisect_right(due, after)]


# Many disks have one schedule, and a report asks for each of their days.
@lru_cache(maxsize=1024)
def _due_around(first_time: str, step_hours: int, time_zone: str, local_day: date) -> tuple[datetime, ...]:
    """Return the times in UTC at which backups are due from the day before a day to two days after it, in order."""
    first, zone = time.fromisoformat(first_time), ZoneInfo(time_zone)
    minutes = [(first.hour * 60 + first.minute + 60 * step_hours * i) % 1440 for i in range(24 // step_hours)]
    due = (
        datetime.combine(local_day + timedelta(days=days), time(minute // 60, minute % 60), tzinfo=zone).astimezone(UTC)
        for days in (-1, 0, 1, 2)
        for minute in minutes
    )
    return tuple(sorted(due))
