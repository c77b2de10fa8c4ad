"""Whom to believe about an instance: the snapshot, the last GET, or only a new one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.protected_disk.trust import LastGet, Trust, trusted_source
from azdiskbackup.core.rules.lookup import NOT_FOUND
from unit.core.protected_disk.disk_world import INSTANCE, NOW

STOPPED = replace(INSTANCE, state="ProtectionStopped")
CHANGING = replace(INSTANCE, state="UpdatingProtection")
BEFORE, AFTER = NOW - timedelta(minutes=1), NOW + timedelta(minutes=1)


def get(instance: AzureInstance | None) -> LastGet:
    return LastGet(instance or NOT_FOUND, NOW)


@pytest.mark.parametrize(
    ("shown", "at", "last_get", "is_listed", "is_converged", "expected"),
    [
        # A snapshot that is older than the last GET says less.
        (STOPPED, BEFORE, get(INSTANCE), True, True, Trust.LAST_GET),
        (None, BEFORE, get(INSTANCE), False, False, Trust.LAST_GET),
        (INSTANCE, BEFORE, get(None), False, True, Trust.LAST_GET),
        # A row that is missing proves nothing.
        (None, AFTER, None, True, False, Trust.NEW_GET),
        (None, AFTER, get(INSTANCE), True, False, Trust.NEW_GET),
        # The vault's own list does not lag, but for what changes.
        (STOPPED, AFTER, None, True, False, Trust.SNAPSHOT),
        (STOPPED, AFTER, get(INSTANCE), True, False, Trust.SNAPSHOT),
        (CHANGING, AFTER, get(CHANGING), True, False, Trust.LAST_GET),
        (CHANGING, AFTER, None, True, False, Trust.NEW_GET),
        # An index is believed where nothing has to be done about what it shows.
        (INSTANCE, AFTER, None, False, True, Trust.SNAPSHOT),
        (STOPPED, AFTER, None, False, False, Trust.NEW_GET),
        # It has caught up with the last GET; nothing of that is kept, unless something has to be done about it.
        (INSTANCE, AFTER, get(INSTANCE), False, True, Trust.SNAPSHOT_FROM_NOW_ON),
        (STOPPED, AFTER, get(STOPPED), False, False, Trust.LAST_GET),
        # It says otherwise than the last GET: it may be newer, or still be behind.
        (STOPPED, AFTER, get(INSTANCE), False, True, Trust.NEW_GET),
        (INSTANCE, AFTER, get(None), False, True, Trust.NEW_GET),
    ],
)
def test_whom_to_believe(
    shown: AzureInstance | None,
    at: datetime,
    last_get: LastGet | None,
    is_listed: bool,
    is_converged: bool,
    expected: Trust,
) -> None:
    found = trusted_source(shown, at, last_get, is_listed=is_listed, is_converged=is_converged)
    assert found is expected
