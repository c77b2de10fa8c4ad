"""Quantities of storage."""

from __future__ import annotations

import pytest

from azdiskbackup.core.objects.quantity import bytes_of, is_smaller


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("32Gi", 32 * 1024**3),
        ("1.5Ti", 1.5 * 1024**4),
        ("100G", 100e9),
        ("5k", 5000),
        ("5Ki", 5120),
        ("1e9", 1e9),
        ("12E6", 12e6),
        ("2E", 2e18),
        ("1500m", 1.5),
        (".5Gi", 0.5 * 1024**3),
        ("34359738368", 34359738368),
        ("", 0),
        ("many", 0),
        ("1.2.3", 0),
    ],
)
def test_how_many_bytes(text: str, expected: float) -> None:
    assert bytes_of(text) == expected


def test_which_is_smaller() -> None:
    assert is_smaller("31Gi", "32Gi") and not is_smaller("32Gi", "32Gi")
