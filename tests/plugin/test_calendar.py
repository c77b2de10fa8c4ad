"""How a day is judged."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from azdiskbackup.api.v1alpha1.disk_backup_policy import DiskBackupPolicySpec, Schedule
from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.plugin.commands.restore_points import of_status
from azdiskbackup.plugin.commands.timeline import known_of
from azdiskbackup.plugin.output.calendar import Day, DayState, KnownBackups, days
from plugin import world
from plugin.world import NOW

HOURLY = Schedule(frequency="Hourly", interval_hours=6, start_time="00:00")
LATE = Schedule(frequency="Hourly", interval_hours=6, start_time="05:00")
LONG = timedelta(days=30)


def at(day: int, hour: int, minute: int = 5) -> datetime:
    return NOW.replace(day=day, hour=hour, minute=minute)


def judged(known: KnownBackups, count: int = 3) -> dict[date, Day]:
    return {each.date: each for each in days(known, NOW, count)}


def known(
    points: list[datetime],
    failures: list[datetime] | None = None,
    schedule: Schedule | None = HOURLY,
    since: datetime | None = NOW - LONG,
    kept: timedelta | None = LONG,
    complete_since: datetime | None = None,
    failed_starts: list[datetime] | None = None,
) -> KnownBackups:
    return KnownBackups(points, failures or [], failed_starts or [], schedule, since, kept, complete_since)


ALL = [at(21, hour) for hour in (0, 6, 12, 18)]


@pytest.mark.parametrize(
    ("what", "verdict", "good", "due"),
    [
        (known(ALL), DayState.GOOD, 4, 4),
        (known(ALL[:3]), DayState.SOME, 3, 4),
        (known([]), DayState.MISSED, 0, 4),
        (known([], [at(21, 6)]), DayState.FAILED, 0, 4),
        (known(ALL[:1], [at(21, 6)]), DayState.SOME, 1, 4),
        # What came after midnight is the one of midnight, not that of 18:00.
        (known([*ALL[:3], at(22, 1)]), DayState.SOME, 3, 4),
        # The one of 23:00 came after midnight, within the time in which Azure may start it.
        (known([at(21, 5), at(21, 11), at(21, 17), at(22, 1)], schedule=LATE), DayState.GOOD, 4, 4),
        # One that somebody asked for at noon stands for that of noon.
        (known([ALL[0], ALL[1], at(21, 15), ALL[3]]), DayState.GOOD, 4, 4),
        (known([], since=None), DayState.UNKNOWN, 0, 0),
        (known([at(21, 15)], since=None), DayState.GOOD, 0, 0),
        (known(ALL[2:], since=at(21, 7)), DayState.GOOD, 2, 2),
        (known(ALL[:1], schedule=None), DayState.GOOD, 1, None),
        (known([], schedule=None), DayState.UNKNOWN, 0, None),
        (known([], [at(21, 6)], schedule=None), DayState.FAILED, 0, None),
        (known(ALL[:1], kept=timedelta(hours=12)), DayState.KEPT, 1, None),
        (known([], kept=timedelta(hours=12)), DayState.UNKNOWN, 0, None),
        (known([], [at(21, 6)], kept=timedelta(hours=12)), DayState.FAILED, 0, None),
        (known(ALL[2:], complete_since=ALL[2]), DayState.KEPT, 2, None),
    ],
)
def test_a_day_that_is_over(what: KnownBackups, verdict: DayState, good: int, due: int | None) -> None:
    day = judged(what)[date(2026, 11, 21)]
    assert (day.verdict, day.good, day.due) == (verdict, good, due)


def test_today_counts_what_is_there_and_what_should_be() -> None:
    # It is noon: the backup of noon may come until half past two.
    today = date(2026, 11, 22)
    there = [at(22, 0), at(22, 6)]
    assert judged(known([*ALL, *there]))[today] == Day(today, DayState.GOOD, 2, 0, 2)
    soon = [*ALL, *there, NOW]
    assert judged(known(soon))[today] == Day(today, DayState.GOOD, 3, 0, 3)
    assert judged(known([*ALL, at(22, 0)]))[today] == Day(today, DayState.SOME, 1, 0, 2)


def test_the_days_end_with_today() -> None:
    assert list(judged(known([]), 4)) == [date(2026, 11, day) for day in (19, 20, 21, 22)]


# --- from what status tells ---------------------------------------------------------------------------


def verdicts(status: dict[str, Any], count: int = 3) -> list[DayState]:
    made = Resource({**world.good(), "status": world.good()["status"] | status})
    policy = DiskBackupPolicySpec.model_validate(world.GOLD["spec"])
    found = known_of(made, policy, of_status(parse_status(ProtectedDiskStatus, made), "data"), NOW)
    return [each.verdict for each in days(found, NOW, count)]


def test_backups_of_which_the_restore_points_were_not_read_yet_are_there() -> None:
    jobs = {"completed": 10, "failed": 0, "inProgress": 0, "recent": [world.job(n, 2 + 4 * n) for n in range(10)]}
    assert verdicts({"jobs": jobs, "restorePoints": None}) == [DayState.KEPT, DayState.GOOD, DayState.GOOD]
    # Read a day and a half ago: the newer ones are known by their jobs.
    read_then = world.points([NOW - timedelta(hours=34 + 4 * n) for n in range(9)])
    assert verdicts({"jobs": jobs, "restorePoints": read_then}) == [DayState.GOOD] * 3
    # Between that list and the oldest job that is listed others may have been.
    hourly = {**jobs, "recent": [world.job(n, 1 + n) for n in range(10)]}
    assert DayState.MISSED not in verdicts({"jobs": hourly, "restorePoints": read_then})
    assert verdicts({"jobs": None, "restorePoints": None}) == [DayState.UNKNOWN] * 3


def test_a_day_without_any_backup_is_missed_also_when_newer_jobs_are_known() -> None:
    jobs = {"completed": 2, "failed": 0, "inProgress": 0, "recent": [world.job(0, 2), world.job(1, 6)]}
    old = world.points([NOW - timedelta(days=2, hours=2 + 4 * n) for n in range(6)])
    assert verdicts({"jobs": jobs, "restorePoints": old}, 2) == [DayState.MISSED, DayState.SOME]
