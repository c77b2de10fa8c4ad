"""The search for jobs of requests whose answers were lost: who waits does not list again what another one lists."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from azdiskbackup.azure.gateways import Azure
from azdiskbackup.errors import OperatorError
from azure_simulator.client import Simulator
from contract.azure_world import protected, quiet_hours

LIST = "backupJobs.list"


async def test_many_searches_are_two_listings(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    quiet_hours(simulator)
    vault, ids = request.id.parent, [str(uuid.uuid4()) for _ in range(3)]
    for each in ids:
        await azure.backups.submit(request.id, "BackupHourly", "Default", each)
        simulator.advance(minutes=4)
    since = len(simulator.requests())
    lost = [*ids, *(str(uuid.uuid4()) for _ in range(20))]
    found = await asyncio.gather(*(azure.lost_jobs.find(vault, each.upper()) for each in lost))
    assert [job.activity_id if job else None for job in found] == [*ids, *[None] * 20]
    assert simulator.counts(since)[LIST] == 2, "one that had begun says nothing to those who came later"


async def test_a_search_that_fails_has_found_nothing_for_anybody(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    quiet_hours(simulator)
    id_ = str(uuid.uuid4())
    await azure.backups.submit(request.id, "BackupHourly", "Default", id_)
    simulator.advance(minutes=4)
    simulator.plant(LIST, status=400, code="BMSUserErrorInvalidInput", times=1)
    first, second = await asyncio.gather(
        *(azure.lost_jobs.find(request.id.parent, each) for each in (str(uuid.uuid4()), id_)), return_exceptions=True
    )
    assert isinstance(first, OperatorError)
    assert not isinstance(second, BaseException | None) and second.activity_id == id_
    with pytest.raises(OperatorError):
        simulator.plant(LIST, status=400, code="BMSUserErrorInvalidInput", times=1)
        await azure.lost_jobs.find(request.id.parent, id_)
