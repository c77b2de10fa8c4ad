"""What is known of role assignments, shared by all disks: with one grant for a group of disks, one of them asks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from azdiskbackup.azure.resources import RoleAssignments
from azdiskbackup.core.roles import Grant


@dataclass(slots=True)
class _Known:
    exists: bool | None = None
    by_others: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Grants:
    """Grants that were looked at or made; losing this costs calls, nothing else."""

    def __init__(self, roles: RoleAssignments) -> None:
        self._roles = roles
        self._known: dict[Grant, _Known] = {}

    async def exists(self, grant: Grant, *, ours: bool) -> bool:
        """Return whether a grant exists, asking Azure once.

        Args:
            grant: the grant.
            ours: whether only we make it, under our own name, which is a cheaper question.
        """
        known = self._known.setdefault(grant, _Known())
        async with known.lock:
            # Only what exists is remembered: what does not may be granted by somebody else at any time.
            if not known.exists:
                known.exists = await (
                    self._roles.exists(grant) if ours and not known.by_others else self._roles.held(grant)
                )
            return known.exists

    def known(self, grant: Grant) -> bool:
        """Return whether a grant is known to exist, without asking anybody."""
        known = self._known.get(grant)
        return known is not None and known.exists is True

    async def create(self, grant: Grant) -> None:
        """Create a grant, unless another disk has just done so."""
        known = self._known.setdefault(grant, _Known())
        async with known.lock:
            if not known.exists:
                known.by_others = not await self._roles.create(grant)
                known.exists = True

    async def delete(self, grant: Grant) -> None:
        """Delete a grant of ours."""
        known = self._known.setdefault(grant, _Known())
        async with known.lock:
            # Before the answer: one that is lost may have deleted it all the same.
            known.exists = None
            await self._roles.delete(grant)
        self._known.pop(grant, None)

    def doubt(self, grant: Grant) -> None:
        """Look again next time: Azure says that the right is missing, or somebody may have taken it."""
        known = self._known.get(grant)
        if known is not None:
            known.exists = None
