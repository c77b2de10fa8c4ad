"""Pages of Resource Graph: to read one holds nobody up."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

from azdiskbackup.azure.client.connection import AzureConnection
from azdiskbackup.azure.gateways.resource_graph import Graph

ROWS = 500


def _disk(number: int) -> dict[str, Any]:
    id_ = f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d-{number}"
    disk = {"id": id_, "location": "westeurope", "sku": {"name": "Premium_LRS"}, "properties": {"diskSizeGB": 32}}
    return disk | {"otherSnapshots": 0}


class Connection:
    """Answers with one page, at once."""

    async def send(self, *request: object) -> object:
        return SimpleNamespace(content=json.dumps({"data": [_disk(number) for number in range(ROWS)]}).encode())


async def test_others_have_their_turn_while_a_page_is_read() -> None:
    read, seen = 0, []

    async def another() -> None:
        while read < ROWS:
            seen.append(read)
            await asyncio.sleep(0)

    turns = asyncio.create_task(another())
    async for _ in Graph(cast(AzureConnection, Connection())).disks("s"):
        read += 1
    await turns
    assert read == ROWS
    assert max(later - before for before, later in zip(seen, [*seen[1:], ROWS], strict=True)) <= 25
    assert len(seen) >= 10 * (ROWS / 25 - 1), "whoever waits for answers needs several turns"
