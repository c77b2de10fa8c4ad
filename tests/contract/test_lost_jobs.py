"""The search for jobs of requests whose answers were lost: one for all who wait, page by page as turns come."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.azure.gateways.backups import Backups
from azdiskbackup.azure.inventory.job_search import JobSearch
from azdiskbackup.azure.transport.rate_limiter import RateLimiter
from azdiskbackup.azure.transport.request_scope import Requester, page_by_page, request_scope
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureJob
from azdiskbackup.core.rules.lookup import NOT_FOUND, FetchFailed
from azdiskbackup.errors import RateLimited, Throttled
from azure_simulator.client import Simulator
from contract.azure_world import protected, quiet_hours

LIST = "backupJobs.list"
START = datetime(2026, 1, 5, tzinfo=UTC)


def searches(azure: Azure, simulator: Simulator, woken: list[ArmId] | None = None) -> JobSearch:
    return JobSearch(azure.backups, lambda: simulator.now, (woken if woken is not None else []).append)


async def test_many_who_wait_are_one_search(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    quiet_hours(simulator)
    vault, ids = request.id.parent, [str(uuid.uuid4()) for _ in range(3)]
    for each in ids:
        await azure.backups.submit(request.id, "BackupHourly", "Default", each)
        simulator.advance(minutes=4)
    woken: list[ArmId] = []
    lost = searches(azure, simulator, woken)
    everyone, now = [*ids, *(str(uuid.uuid4()) for _ in range(300))], simulator.now
    assert [lost.ask(vault, each.upper(), each, now) for each in everyone] == [None] * 303
    assert woken == [vault] * 303
    since = len(simulator.requests())
    assert set(await lost.search(vault)) == set(everyone)
    assert simulator.counts(since) == {LIST: 1}
    answers = [lost.ask(vault, each, each, now) for each in everyone]
    assert [each.activity_id for each in answers if isinstance(each, AzureJob)] == ids
    assert answers[3:] == [NOT_FOUND] * 300
    assert await lost.search(vault) == [], "nobody waits any more"


async def test_a_search_goes_on_with_the_next_page_when_its_turn_comes(
    azure: Azure, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await protected(azure, simulator)
    simulator.advance(days=34)
    vault = request.id.parent
    monkeypatch.setattr(Backups, "jobs_page", _with_a_turn_for_each(Backups.jobs_page))
    lost = searches(azure, simulator)
    lost.ask(vault, str(uuid.uuid4()), "who", simulator.now)
    since = len(simulator.requests())
    with pytest.raises(RateLimited):
        await lost.search(vault)
    assert await lost.search(vault) == ["who"]
    assert simulator.counts(since) == {LIST: 2}, "no page twice"


def _with_a_turn_for_each(jobs_page):  # type: ignore[no-untyped-def]
    turns = [True, False, True]

    async def in_turns(self, vault, page=None):  # type: ignore[no-untyped-def]
        if not turns.pop(0):
            raise RateLimited("not our turn")
        return await jobs_page(self, vault, page)

    return in_turns


def test_each_page_of_a_search_needs_its_turn() -> None:
    at = RateLimiter(lambda: START, 0.4)
    path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DataProtection/backupVaults/v/backupJobs"
    with request_scope(Requester("search", "f")), page_by_page():
        for _ in range(8):
            at.acquire("GET", path, continues=True)
        with pytest.raises(RateLimited):
            at.acquire("GET", path, continues=True)
    with request_scope(Requester("list", "f")):
        at.acquire("GET", path, continues=True)


async def test_a_search_that_fails_says_so_and_one_that_is_throttled_goes_on(
    azure: Azure, simulator: Simulator
) -> None:
    request = await protected(azure, simulator)
    vault, lost, id_ = request.id.parent, searches(azure, simulator), str(uuid.uuid4())
    lost.ask(vault, id_, "who", simulator.now)
    simulator.plant(LIST, status=429, headers={"Retry-After": "30"})
    with pytest.raises(Throttled):
        await lost.search(vault)
    simulator.advance(seconds=31)
    simulator.plant(LIST, status=403, code="AuthorizationFailed", message="No.")
    assert await lost.search(vault) == ["who"]
    found = lost.ask(vault, id_, "who", simulator.now)
    assert isinstance(found, FetchFailed) and "No." in found.error.user_message


async def test_an_answer_about_an_earlier_request_proves_nothing(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    vault, lost, id_ = request.id.parent, searches(azure, simulator), str(uuid.uuid4())
    lost.ask(vault, id_, "who", simulator.now)
    assert await lost.search(vault) == ["who"]
    simulator.advance(minutes=10)
    assert lost.ask(vault, id_, "who", simulator.now - timedelta(minutes=5)) is None, "the search was before that"
    assert await lost.search(vault) == ["who"]
    assert lost.ask(vault, id_, "who", simulator.now - timedelta(minutes=5)) is NOT_FOUND
