"""Times, spans and lists in words."""

from datetime import UTC, datetime, timedelta

from azdiskbackup.core import formatting

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def test_words() -> None:
    assert formatting.clock_time(NOW) == "2026-01-05 09:00 UTC"
    spans = [timedelta(seconds=20), timedelta(minutes=12), timedelta(hours=3), timedelta(hours=3, minutes=5)]
    assert [formatting.span(each) for each in spans] == ["0 min", "12 min", "3 h", "3 h 5 min"]
    assert formatting.listing(["a", "b"]) == "a, b" and formatting.listing(list("abcde")) == "a, b, c and 2 more"
