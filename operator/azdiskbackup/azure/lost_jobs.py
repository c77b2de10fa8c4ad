"""Jobs of requests whose answers were lost, found by the ids of the requests among all jobs of a vault.

A vault lists its jobs of two weeks without a filter, hundreds of pages for thousands of disks, and a process that dies
in the middle of a burst loses many answers at once: whoever searches does so for all who wait.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from azdiskbackup.azure.backups import Backups
from azdiskbackup.core.arm_ids import ArmId
from azdiskbackup.core.azure_model import AzureJob


@dataclass(slots=True)
class _Search:
    """The searches in one vault, numbered as they begin.

    Attributes:
        wanted: ids of the requests of all who wait.
        succeeded: the last search that came to its end, and what it found.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: set[str] = field(default_factory=set)
    begun: int = 0
    succeeded: int = 0
    found: dict[str, AzureJob] = field(default_factory=dict)


class LostJobs:
    """Searches for jobs."""

    def __init__(self, backups: Backups) -> None:
        self._backups = backups
        self._searches: dict[str, _Search] = {}

    async def find(self, vault: ArmId, request_id: str) -> AzureJob | None:
        """Return the job of a request; None if the vault has none that could be seen after this was called."""
        search = self._searches.setdefault(str(vault).lower(), _Search())
        wanted = request_id.lower()
        search.wanted.add(wanted)
        came = search.begun
        try:
            async with search.lock:
                # One that had begun before may have passed the page already.
                if search.succeeded <= came:
                    await self._search(search, vault)
                return search.found.get(wanted)
        finally:
            search.wanted.discard(wanted)

    async def _search(self, search: _Search, vault: ArmId) -> None:
        search.begun += 1
        number, ids = search.begun, frozenset(search.wanted)
        search.found = {
            job.activity_id.lower(): job async for job in self._backups.jobs(vault) if job.activity_id.lower() in ids
        }
        search.succeeded = number
