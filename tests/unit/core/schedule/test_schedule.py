import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tzlocal.windows_tz import tz_win

from azdiskbackup.api.v1alpha1.disk_backup_policy import DiskBackupPolicySpec, Retention, RetentionRule, Schedule
from azdiskbackup.core.objects.policy_content import content
from azdiskbackup.core.schedule.backup_times import backups_per_day, next_backup, standard_offset, windows_zone
from azdiskbackup.core.schedule.retention import expected_restore_points

TIMES = st.integers(0, 2 * 365 * 24 * 60).map(
    lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


def hourly(hours: int, start: str = "02:00", zone: str = "UTC") -> Schedule:
    return Schedule(frequency="Hourly", interval_hours=hours, start_time=start, time_zone=zone)


def daily(start: str = "02:00", zone: str = "UTC") -> Schedule:
    return Schedule(frequency="Daily", start_time=start, time_zone=zone)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "now", "due"),
    [
        (hourly(4), "2026-01-05T09:00", "2026-01-05T10:00"),
        (hourly(4), "2026-01-05T10:00", "2026-01-05T14:00"),
        (hourly(4), "2026-01-05T23:30", "2026-01-06T02:00"),
        (hourly(12, "13:30"), "2026-01-05T02:00", "2026-01-05T13:30"),
        (daily(), "2026-01-05T01:59", "2026-01-05T02:00"),
        (daily(), "2026-01-05T02:00", "2026-01-06T02:00"),
        (daily("02:00", "Europe/Berlin"), "2026-01-05T00:30", "2026-01-05T01:00"),
        # Summer time begins on 29 March 2026 at 02:00, so 02:30 does not exist that day.
        (daily("02:30", "Europe/Berlin"), "2026-03-28T12:00", "2026-03-29T01:30"),
        (daily("02:30", "Europe/Berlin"), "2026-03-29T12:00", "2026-03-30T00:30"),
        # It ends on 25 October 2026 at 03:00; the first 02:30 of the day counts.
        (daily("02:30", "Europe/Berlin"), "2026-10-24T12:00", "2026-10-25T00:30"),
        (daily("23:45", "Asia/Kolkata"), "2026-01-05T18:14", "2026-01-05T18:15"),
    ],
)
def test_next_backup(schedule: Schedule, now: str, due: str) -> None:
    assert next_backup(schedule, at(now)) == at(due)


@given(TIMES, st.sampled_from([1, 2, 4, 6, 8, 12]), st.integers(0, 23), st.integers(0, 59))
def test_hourly_backups_in_utc_are_an_interval_apart(now: datetime, hours: int, hour: int, minute: int) -> None:
    schedule = hourly(hours, f"{hour:02d}:{minute:02d}")
    due = [next_backup(schedule, now)]
    for _ in range(30):
        due.append(next_backup(schedule, due[-1]))
    assert now < due[0] <= now + timedelta(hours=hours)
    assert {b - a for a, b in pairwise(due)} == {timedelta(hours=hours)}


@given(TIMES, st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]))
def test_daily_backups_are_about_a_day_apart_everywhere(now: datetime, zone: str) -> None:
    first = next_backup(daily(zone=zone), now)
    second = next_backup(daily(zone=zone), first)
    assert timedelta(hours=22) < second - first < timedelta(hours=26)


@pytest.mark.parametrize(
    ("iana", "windows"),
    [
        ("UTC", "UTC"),
        ("Europe/Berlin", "W. Europe Standard Time"),
        ("Asia/Kolkata", "India Standard Time"),
        ("Mars/Olympus", None),
        ("../etc/passwd", None),
        ("W. Europe Standard Time", None),
    ],
)
def test_windows_names_of_time_zones(iana: str, windows: str | None) -> None:
    assert windows_zone(iana) == windows


@pytest.mark.parametrize(
    ("zone", "offset"),
    [
        ("UTC", "+00:00"),
        ("Europe/Berlin", "+01:00"),
        ("America/New_York", "-05:00"),
        ("America/St_Johns", "-03:30"),
        ("Asia/Kolkata", "+05:30"),
        # Daylight saving time in January, and a zone whose law calls the summer standard.
        ("Australia/Sydney", "+10:00"),
        ("Europe/Dublin", "+00:00"),
    ],
)
def test_the_offset_outside_of_daylight_saving_time(zone: str, offset: str) -> None:
    assert standard_offset(zone, 2024) == offset


@pytest.mark.parametrize(
    ("zone", "repeats", "name"),
    [
        ("UTC", "R/2024-01-01T02:00:00+00:00/P1D", "gold-52838742"),
        ("Europe/Berlin", "R/2024-01-01T02:00:00+01:00/P1D", "gold-6e34ba47"),
        ("America/New_York", "R/2024-01-01T02:00:00-05:00/P1D", "gold-c833012b"),
    ],
)
def test_a_policy_keeps_its_name_whatever_its_offset_is(zone: str, repeats: str, name: str) -> None:
    """A policy of another name is another one: every disk would be migrated to it."""
    spec = DiskBackupPolicySpec.model_validate(
        {"vaultRef": {"name": "demo"}, "schedule": {"frequency": "Daily", "startTime": "02:00", "timeZone": zone}}
    )
    found = content(spec)
    assert found is not None and (found.repeats, found.name("gold")) == (repeats, name)


def test_every_zone_with_a_windows_name_can_be_computed_with() -> None:
    known = [name for name in tz_win if windows_zone(name)]
    assert len(known) > 400
    for name in known:
        next_backup(daily(zone=name), at("2026-01-05T00:00"))
        assert re.fullmatch(r"[+-]\d\d:\d\d", standard_offset(name, 2024))


def rule(days: int) -> RetentionRule:
    return RetentionRule(days=days)


@pytest.mark.parametrize(
    ("schedule", "retention", "count", "sum_"),
    [
        (hourly(4), Retention(), 42, "42 (6 a day for 7 days)"),
        (hourly(1), Retention(default=rule(18)), 432, "432 (24 a day for 18 days)"),
        (
            hourly(4),
            Retention(default=rule(7), daily=rule(30), weekly=rule(84)),
            84,
            "42 (6 a day for 7 days) + 30 (1 a day for 30 days) + 12 (1 a week for 84 days) = 84",
        ),
        (daily(), Retention(default=rule(365)), 365, "365 (1 a day for 365 days)"),
        (
            daily(),
            Retention(default=rule(1), weekly=rule(8)),
            3,
            "1 (1 a day for 1 days) + 2 (1 a week for 8 days) = 3",
        ),
    ],
)
def test_expected_restore_points(schedule: Schedule, retention: Retention, count: int, sum_: str) -> None:
    expected = expected_restore_points(schedule, retention)
    assert (expected.count, expected.sum) == (count, sum_)


def test_backups_per_day() -> None:
    assert [backups_per_day(hourly(h)) for h in (1, 2, 4, 6, 8, 12)] == [24, 12, 6, 4, 3, 2]
    assert backups_per_day(daily()) == 1
