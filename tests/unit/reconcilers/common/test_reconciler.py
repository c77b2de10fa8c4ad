"""The pass itself: facts are fetched once, and every fact has exactly one fetcher."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any, cast

import pytest

from azdiskbackup.api.v1alpha1.backup_vault import BackupVaultStatus
from azdiskbackup.core.backup_vault.observed import Fact as VaultFact
from azdiskbackup.core.disk_backup_policy.observed import Fact as PolicyFact
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.on_demand_backup.observed import Fact as BackupFact
from azdiskbackup.core.protected_disk.observed import Fact as DiskFact
from azdiskbackup.core.rules.lookup import NOT_FOUND, FetchFailed, NotFound
from azdiskbackup.core.rules.verdicts import Plan, Verdict, need, satisfied, stalled
from azdiskbackup.engine.cache import Cache, Key
from azdiskbackup.errors import Unavailable
from azdiskbackup.reconcilers.backup_vault.controller import BackupVaultKind
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.common.reconciler import KindController, KindState, NothingNew, Pass, Reconciler
from azdiskbackup.reconcilers.disk_backup_policy.controller import DiskBackupPolicyKind
from azdiskbackup.reconcilers.on_demand_backup.controller import OnDemandBackupKind
from azdiskbackup.reconcilers.protected_disk.controller import ProtectedDiskKind
from azdiskbackup.settings import Settings
from harness.objects import SUBSCRIPTION, vault

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class Anything:
    """Stands in for what is only kept, and never asked."""

    def __getattr__(self, name: str) -> Anything:
        return self


def context(**given: Any) -> ReconcileContext:
    names = ReconcileContext.__dataclass_fields__
    settings = Settings(subscription_id=SUBSCRIPTION)
    return ReconcileContext(**{name: cast(Any, Anything()) for name in names} | {"settings": settings} | given)


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (BackupVaultKind, VaultFact),
        (DiskBackupPolicyKind, PolicyFact),
        (ProtectedDiskKind, DiskFact),
        (OnDemandBackupKind, BackupFact),
    ],
)
def test_every_fact_has_exactly_one_fetcher(kind: Any, facts: type[Enum]) -> None:
    fetchers = kind(context()).fetchers
    assert set(fetchers) == set(facts)
    assert len(set(fetchers.values())) == len(facts)


class Fact(Enum):
    TEA = auto()


class StandingClock:
    def now(self) -> datetime:
        return NOW


class Thirsty(KindController[str, int, Any, KindState]):
    """A kind whose one rule wants two cups, of which each fetch brings one, or none."""

    status_model = BackupVaultStatus
    state_model = KindState

    def __init__(self, brings: int) -> None:
        self._brings = brings
        self.fetched: list[int] = []
        self.fetchers = {Fact.TEA: self._tea}

    def read_desired(self, resource: Resource) -> str:
        return "tea"

    def rules(self, pass_: Pass[str, KindState]) -> Any:
        return (("Ready", self._enough),)

    def _enough(self, desired: str, observed: int, now: datetime) -> Verdict[Any]:
        if observed < 2:
            raise need(Fact.TEA, observed)
        return satisfied("Enough", "Enough.")

    def from_cache(self, pass_: Pass[str, KindState]) -> int:
        return 0

    async def _tea(self, pass_: Pass[str, KindState], observed: int, cups: int) -> int:
        if self._brings < 0:
            raise NothingNew(NOW)
        self.fetched.append(cups)
        return observed + self._brings

    async def act(self, pass_: Pass[str, KindState], step: Any) -> str | None:
        raise AssertionError("no rule wants a step")

    def build_status(self, pass_: Pass[str, KindState], observed: int, plan: Plan[Any]) -> BackupVaultStatus:
        return BackupVaultStatus()

    def is_status_due(self, pass_: Pass[str, KindState], plan: Plan[Any]) -> bool:
        return False

    def finish(self, pass_: Pass[str, KindState], observed: int, plan: Plan[Any], status: Any) -> None:
        assert observed == 2 and plan.ready


KEY = Key("BackupVault", "", "demo")


class Writer:
    async def ensure_finalizer(self, resource: Resource) -> Resource:
        return resource


def reconciler(kind: Thirsty) -> Reconciler[str, int, Any, KindState]:
    cache = Cache(())
    raw = vault()
    raw["metadata"] |= {"uid": "u", "resourceVersion": "1", "generation": 1}
    cache.put("BackupVault", raw)
    given = {"cache": cache, "clock": StandingClock(), "status_writer": Writer(), "jitter": lambda: 0.0}
    return Reconciler(kind, context(**given))


async def test_facts_are_fetched_until_the_rules_ask_for_no_more() -> None:
    kind = Thirsty(brings=1)
    assert await reconciler(kind).reconcile(KEY) is None
    assert kind.fetched == [0, 1]


async def test_a_rule_that_asks_for_what_is_there_fails_the_pass_and_does_not_turn_in_circles() -> None:
    kind = Thirsty(brings=0)
    with pytest.raises(AssertionError, match="asks again"):
        await reconciler(kind).reconcile(KEY)
    assert kind.fetched == [0]


async def test_a_pass_that_learns_nothing_new_ends_without_a_word() -> None:
    assert await reconciler(Thirsty(brings=-1)).reconcile(KEY) == NOW


def test_what_was_there_is_gone_at_the_second_look_only() -> None:
    state, first = KindState(), datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    state.prove_absence("/A", NOT_FOUND, first, was_there=False)
    with pytest.raises(NothingNew) as again:
        state.prove_absence("/A", NOT_FOUND, first, was_there=True)
    assert again.value.requeue_at == first + timedelta(minutes=2)
    # An error says nothing of it; the thing itself says everything.
    state.prove_absence("/a", FetchFailed(Unavailable("c", "m")), first + timedelta(minutes=1), was_there=True)
    state.prove_absence("/a", NOT_FOUND, first + timedelta(minutes=2), was_there=True)
    state.prove_absence("/a", object(), first + timedelta(minutes=3), was_there=True)
    with pytest.raises(NothingNew):
        state.prove_absence("/a", NOT_FOUND, first + timedelta(minutes=4), was_there=True)


async def test_a_list_that_contradicts_a_get_is_believed_when_no_get_finds_it_for_a_while() -> None:
    @dataclass(frozen=True)
    class Row:
        id: ArmId

    shown = [Row(ArmId.parse("/subscriptions/1/resourceGroups/g/providers/N/t/a"))]

    async def listed() -> list[Row]:
        return shown

    async def look(minutes: int) -> Row | NotFound | FetchFailed:
        now = NOW + timedelta(minutes=minutes)
        return await state.prove_absence_by_list(row.id, NOT_FOUND, listed, now, was_there=True)

    state, row = KindState(), shown[0]
    for minutes in (0, 2, 8):
        with pytest.raises(NothingNew) as again:
            await look(minutes)
        assert again.value.requeue_at == NOW + timedelta(minutes=minutes + 2)
    assert await look(10) is row
    shown.clear()
    assert await look(12) == NOT_FOUND


def test_a_look_again_is_put_off_while_the_same_lasts_and_begins_anew_with_anything_else() -> None:
    state, hour = KindState(), timedelta(hours=1)
    verdict: Verdict[Any] = stalled("GroupMissing", "It is not there.")

    def pause(verdict: Verdict[Any], now: datetime, generation: int = 1) -> timedelta | None:
        again = state.recheck_at(verdict, generation, now)
        return again - now if again is not None else None

    first, long = timedelta(minutes=5), timedelta(minutes=30)
    assert pause(verdict, NOW) == first and pause(verdict, NOW + 6 * hour) == long
    assert pause(verdict, NOW + 6 * hour, generation=2) == first, "a person has edited it"
    assert pause(verdict, NOW + 12 * hour, generation=2) == long
    assert pause(stalled("Other", "Something else."), NOW + 12 * hour, generation=2) == first
    assert pause(satisfied("Fine", "All is well."), NOW + 13 * hour, generation=2) is None
    assert pause(stalled("Other", "Once more."), NOW + 24 * hour, generation=2) == first
