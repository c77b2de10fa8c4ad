"""What rules mean for PVCs: to look at all of them holds nobody up."""

from __future__ import annotations

import asyncio

from azdiskbackup.engine.cache import Cache
from azdiskbackup.reconcilers.disk_protection_rule.assessments import Assessments
from azdiskbackup.reconcilers.watch.indices import INDICES, QUEUES
from harness import objects
from harness.clock import ManualClock

CLAIMS = 200


async def test_others_have_their_turns_while_all_pvcs_are_looked_at() -> None:
    cache = Cache(INDICES, QUEUES)
    raws = [objects.vault(), objects.policy(), objects.namespace(), objects.rule()]
    raws += [objects.claim(f"data-{number}", f"pv-{number}") for number in range(CLAIMS)]
    for raw in raws:
        cache.put(raw["kind"], objects.stored(raw, uid=f"{raw['kind']} {raw['metadata']['name']}"))
    assessments, turns, enqueued = Assessments(cache, ManualClock(), lambda key, when: enqueued.append(key)), 0, []
    assessments.load()
    looking = asyncio.create_task(assessments.settle())
    while not looking.done():
        turns += 1
        await asyncio.sleep(0)
    assert {key.kind for key in enqueued} == {"Assessment", "DiskProtectionRule"}
    assert turns >= 10 * (CLAIMS / 20 - 1), "between two pieces of twenty, as many as a pass needs for some answers"
