"""Instances that are configured: who is looked at with all others, when, and who by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from azdiskbackup.azure.gateways.resource_graph import InstanceRow
from azdiskbackup.azure.gateways.rows import Known
from azdiskbackup.azure.inventory.snapshot import InventorySnapshot
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.protected_disk.steps import PutInstance
from azdiskbackup.core.protected_disk.trust import LastGet
from azdiskbackup.core.rules.lookup import NOT_FOUND
from azdiskbackup.errors import RateLimited, Unavailable
from azdiskbackup.reconcilers.common.step_runner import PendingOperation
from azdiskbackup.reconcilers.protected_disk.inventory_reader import Configurations
from azdiskbackup.reconcilers.protected_disk.state import DiskState, Pass
from unit.core.protected_disk.disk_world import INSTANCE, NOW, VAULT_ID

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
FIRST_LOOK = NOW + 65 * SECOND


class Shown:
    """A sweep that shows some instances, and counts how often Azure was asked."""

    def __init__(self) -> None:
        self.now = NOW
        self.instances: list[AzureInstance] = []
        self.fails: Exception | None = None
        self.asked = 0
        self._last: InventorySnapshot | None = InventorySnapshot(NOW, {}, {})

    def is_known_absent(self, instance: ArmId) -> bool:
        return self._last is not None and self._last.is_absent(instance)

    async def read(self, vault: ArmId, not_older_than: datetime) -> InventorySnapshot:
        if self.fails is not None:
            raise self.fails
        if self._last is None or self._last.at < not_older_than:
            self.asked += 1
            self._last = self.seen(*self.instances)
        return self._last

    def seen(self, *instances: AzureInstance) -> InventorySnapshot:
        return InventorySnapshot(
            self.now, {str(each.id).lower(): Known(InstanceRow(each, None)) for each in instances}, {}
        )


def instance(number: int) -> AzureInstance:
    return replace(INSTANCE, id=VAULT_ID.child("backupInstances", f"d-{number}"))


def state(sent: datetime = NOW, look_at: datetime = FIRST_LOOK) -> DiskState:
    """Return what the pass left that asked for an instance."""
    found = DiskState()
    found.instance.last_get = LastGet(NOT_FOUND, NOW)
    found.steps.operation = PendingOperation("url", PutInstance, sent, look_at)
    return found


@pytest.fixture
def sweep() -> Shown:
    return Shown()


@pytest.fixture
def many(sweep: Shown) -> Configurations:
    """Five that were asked for at the same moment."""
    found = Configurations(sweep)  # type: ignore[arg-type] # all of a sweep that it uses
    for number in range(5):
        found.begin(instance(number).id, NOW)
    return found


async def look(
    many: Configurations, sweep: Shown, number: int = 0, now: datetime = FIRST_LOOK, known: DiskState | None = None
) -> Any:
    sweep.now = now
    return await many.look(_pass(known or state(), now), instance(number).id)


def _pass(known: DiskState, now: datetime) -> Pass:
    found: Any = SimpleNamespace(state=known, now=now)
    return found  # type: ignore[no-any-return] # all of a pass that it uses


async def test_one_look_serves_all(many: Configurations, sweep: Shown) -> None:
    sweep.instances = [instance(number) for number in range(5)]
    assert [await look(many, sweep, number) for number in range(5)] == sweep.instances
    assert sweep.asked == 1


async def test_few_are_looked_at_by_themselves(many: Configurations, sweep: Shown) -> None:
    many.end(instance(4).id)
    assert await look(many, sweep) is NOT_FOUND
    many.end(instance(3).id)
    assert await look(many, sweep) is None


async def test_after_ten_minutes_each_is_looked_at_by_itself(many: Configurations, sweep: Shown) -> None:
    sweep.instances = [replace(instance(0), state="ConfiguringProtection")]
    assert await look(many, sweep, now=NOW + 9 * MINUTE) is NOT_FOUND, "Azure is at it"
    assert await look(many, sweep, now=NOW + 10 * MINUTE) is None


async def test_who_is_not_shown_waits_for_the_next_look_and_no_longer_than_four_minutes(
    many: Configurations, sweep: Shown
) -> None:
    first, second = state(), state(look_at=FIRST_LOOK + SECOND)
    assert await look(many, sweep, 0, FIRST_LOOK, first) is NOT_FOUND
    assert await look(many, sweep, 1, FIRST_LOOK + SECOND, second) is NOT_FOUND
    assert sweep.asked == 1, "the second one's time had not come at that look, and there is one a minute"
    for each in (first, second):
        assert each.steps.operation is not None and each.steps.operation.look_at == FIRST_LOOK + MINUTE
    assert await look(many, sweep, 0, NOW + 4 * MINUTE, first) is None


async def test_one_that_was_shown_before_it_was_asked_for_is_looked_at_by_itself(sweep: Shown) -> None:
    """The row may be of one that was deleted."""
    sweep._last = sweep.seen(instance(0))
    found = Configurations(sweep)  # type: ignore[arg-type] # all of a sweep that it uses
    for number in range(6):
        found.begin(instance(number).id, NOW)
    assert await look(found, sweep, 0) is None and await look(found, sweep, 1) is NOT_FOUND


async def test_before_anything_was_swept_each_is_looked_at_by_itself(sweep: Shown) -> None:
    sweep._last = None
    found = Configurations(sweep)  # type: ignore[arg-type] # all of a sweep that it uses
    for number in range(5):
        found.begin(instance(number).id, NOW)
    assert await look(found, sweep) is None


async def test_while_azure_refuses_to_show_them_each_is_looked_at_by_itself(many: Configurations, sweep: Shown) -> None:
    sweep.fails = Unavailable("503", "It does not answer.")
    assert await look(many, sweep) is None


async def test_who_may_not_ask_now_waits_with_the_others_and_no_longer_than_four_minutes(
    many: Configurations, sweep: Shown
) -> None:
    sweep.fails, known = RateLimited("not our turn"), state()
    assert await look(many, sweep, known=known) is NOT_FOUND
    assert known.steps.operation is not None and known.steps.operation.look_at == FIRST_LOOK + MINUTE
    assert await look(many, sweep, now=NOW + 4 * MINUTE, known=known) is None


async def test_one_that_moves_to_another_policy_is_looked_at_by_itself(many: Configurations, sweep: Shown) -> None:
    known = state()
    known.instance.last_get = LastGet(instance(0), NOW)
    assert await look(many, sweep, known=known) is None
    known = state()
    known.steps.operation = None
    assert await look(many, sweep, known=known) is None


def test_the_first_look_is_pending_until_all_have_been_looked_at_once(many: Configurations) -> None:
    assert many.first_look_pending(_pass(state(), FIRST_LOOK + MINUTE - SECOND))
    assert not many.first_look_pending(_pass(state(), FIRST_LOOK + MINUTE))
    assert not many.first_look_pending(_pass(DiskState(), NOW))
