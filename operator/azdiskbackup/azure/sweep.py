"""What is known about all disks of a vault, read together and shared by their reconcilers.

Two lists a vault and interval, however many disks it has. A reader says how old an answer may be; readers that come
while a list is under way wait for it instead of asking again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from azdiskbackup.azure.gateways import Azure
from azdiskbackup.core.arm_ids import ArmId
from azdiskbackup.core.azure_model import AzureInstance, AzureJob
from azdiskbackup.errors import OperatorError, Throttled

AFTER_AN_ERROR = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class VaultPicture:
    """A vault at a time: its instances by lower-case ARM id, and its jobs, newest first, by the same."""

    at: datetime
    instances: dict[str, AzureInstance]
    jobs: dict[str, tuple[AzureJob, ...]]


@dataclass(slots=True)
class _Slot:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    picture: VaultPicture | None = None
    error: OperatorError | None = None
    not_before: datetime | None = None


class Sweep:
    """The pictures of all vaults."""

    def __init__(self, azure: Azure, now: Callable[[], datetime]) -> None:
        self._azure = azure
        self._now = now
        self._slots: dict[str, _Slot] = {}

    async def read(self, vault: ArmId, not_older_than: datetime) -> VaultPicture:
        """Return a picture of a vault, asking Azure only when the known one is too old."""
        slot = self._slots.setdefault(str(vault).lower(), _Slot())
        async with slot.lock:
            if slot.picture is not None and slot.picture.at >= not_older_than:
                return slot.picture
            if slot.error is not None and slot.not_before is not None and self._now() < slot.not_before:
                # Everybody who waits would ask the same again, of a service that just said no.
                raise slot.error
            try:
                slot.picture, slot.error = await self._take(vault), None
            except OperatorError as error:
                pause = error.retry_after if isinstance(error, Throttled) else None
                slot.error, slot.not_before = error, self._now() + (pause or AFTER_AN_ERROR)
                raise
            return slot.picture

    def forget(self, vault: ArmId) -> None:
        """Drop the picture of a vault in which something is known to have changed."""
        self._slots.pop(str(vault).lower(), None)

    async def _take(self, vault: ArmId) -> VaultPicture:
        at = self._now()
        instances = await self._azure.instances.list(vault)
        jobs: dict[str, list[AzureJob]] = {}
        for job in await self._azure.backups.list_jobs(vault):
            jobs.setdefault(job.instance_id.lower(), []).append(job)
        return VaultPicture(
            at,
            {str(each.id).lower(): each for each in instances},
            {key: tuple(found) for key, found in jobs.items()},
        )
