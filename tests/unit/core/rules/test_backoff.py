"""How long to wait after a failure."""

from datetime import timedelta

from azdiskbackup.core.rules import backoff
from azdiskbackup.errors import (
    AccessDenied,
    Conflict,
    IdentityNotFound,
    InvalidRequest,
    NoEffectYet,
    PermissionsMissing,
    ServiceFloodGuard,
    Throttled,
    Unavailable,
)


def seconds(error: BaseException, failures: int, jitter: float = 1.0) -> float:
    return backoff.pause(error, failures, jitter).total_seconds()


def test_what_heals_soon_is_tried_soon_and_ever_more_rarely() -> None:
    error = Unavailable("Down", "no answer")
    assert [seconds(error, n) for n in (1, 2, 3, 4, 20)] == [1, 2, 4, 8, 300]
    assert seconds(error, 4, jitter=0.0) == 4, "jitter takes half at most"
    assert seconds(ValueError(), 1) == 1, "a bug is retried like anything else"


def test_nothing_is_tried_before_the_time_that_the_service_asks_for() -> None:
    down = Unavailable("Down", "busy", retry_after=timedelta(seconds=100))
    assert [seconds(down, n, jitter=0.0) for n in (1, 4, 20)] == [100, 100, 150], "and ever more rarely all the same"
    assert backoff.retry_interval(down, 10) == "every 5 min"
    long = Unavailable("Down", "busy", retry_after=timedelta(minutes=20))
    assert seconds(long, 20, jitter=0.0) == 1200 and backoff.retry_interval(long, 20) is None


def test_what_a_person_must_heal_is_tried_slowly() -> None:
    for error in (AccessDenied("x", "y"), PermissionsMissing("x", "y")):
        assert [seconds(error, n) for n in (1, 2, 50)] == [30, 60, 600]
        for hours, most in ((2, 600), (6, 1800), (12, 3600), (48, 3600)):
            assert backoff.pause(error, 50, 1.0, timedelta(hours=hours)).total_seconds() == most, "ever more rarely"


def test_what_heals_by_itself_is_tried_as_often_however_long_it_lasts() -> None:
    assert backoff.pause(Unavailable("Down", "no answer"), 50, 1.0, timedelta(hours=48)) == timedelta(minutes=5)


def test_an_identity_that_the_directory_does_not_show_yet_is_tried_soon_and_one_that_is_gone_rarely() -> None:
    assert [seconds(IdentityNotFound("x", "y"), n) for n in (1, 2, 50)] == [1, 2, 3600]


def test_what_nobody_can_heal_is_parked() -> None:
    assert seconds(InvalidRequest("x", "y"), 1) == 3600


def test_the_service_is_obeyed_when_it_names_a_time() -> None:
    throttled = Throttled("429", "slow down", retry_after=timedelta(seconds=40))
    assert 40 <= seconds(throttled, 1, 0.5) <= 44
    assert seconds(Throttled("429", "slow down"), 1) == 1


def test_what_is_in_the_way_or_flooded_or_without_effect_has_its_own_pace() -> None:
    busy, flooded, idle = Conflict("Busy", "."), ServiceFloodGuard("Flood", "."), NoEffectYet("Idle", ".")
    assert [seconds(busy, failures) for failures in (1, 2, 9)] == [20, 40, 300]
    assert [seconds(flooded, failures) for failures in (1, 2, 3, 9)] == [3600, 7200, 14400, 14400]
    assert [seconds(idle, failures) for failures in (1, 2, 99)] == [30, 60, 3600]


def test_what_is_held_up_for_long_is_looked_at_ever_more_rarely() -> None:
    every, hour = timedelta(minutes=5), timedelta(hours=1)
    assert backoff.recheck_pause(every, timedelta()) == every
    assert backoff.recheck_pause(every, hour) == every, "a person who mends it within the hour waits five minutes"
    assert backoff.recheck_pause(every, 6 * hour) == timedelta(minutes=30)
    assert backoff.recheck_pause(every, 100 * hour) == hour
    assert backoff.recheck_pause(timedelta(seconds=20), timedelta(seconds=65)) == timedelta(seconds=20)
