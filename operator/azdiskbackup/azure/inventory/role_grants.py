"""What is known of role assignments, shared by all disks: with one grant for a group of disks, one of them asks."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from azdiskbackup.azure.gateways.resources import RoleAssignments
from azdiskbackup.core.identity.roles import Grant


class RoleGrants:
    """Grants that were looked at or made; losing this costs calls, nothing else."""

    def __init__(self, roles: RoleAssignments) -> None:
        self._roles = roles
        # By their hashes: there is one for each disk, and nothing else to know about it. Only what exists is
        # remembered: what does not may be granted by somebody else at any time.
        self._existing: set[int] = set()
        self._by_others: set[int] = set()
        self._locks: WeakValueDictionary[Grant, asyncio.Lock] = WeakValueDictionary()

    def _lock(self, grant: Grant) -> asyncio.Lock:
        return self._locks.setdefault(grant, asyncio.Lock())

    async def exists(self, grant: Grant, *, ours: bool) -> bool:
        """Return whether a grant exists, asking Azure once.

        Args:
            grant: the grant.
            ours: whether only we make it, under our own name, which is a cheaper question.
        """
        async with self._lock(grant):
            if self.is_known(grant):
                return True
            named = ours and hash(grant) not in self._by_others
            exists = await (self._roles.exists(grant) if named else self._roles.held(grant))
            if exists:
                self._existing.add(hash(grant))
            return exists

    def is_known(self, grant: Grant) -> bool:
        """Return whether a grant is known to exist, without asking anybody."""
        return hash(grant) in self._existing

    async def create(self, grant: Grant) -> None:
        """Create a grant, unless another disk has just done so."""
        async with self._lock(grant):
            if self.is_known(grant):
                return
            if await self._roles.create(grant):
                self._by_others.discard(hash(grant))
            else:
                self._by_others.add(hash(grant))
            self._existing.add(hash(grant))

    async def delete(self, grant: Grant) -> None:
        """Delete a grant of ours."""
        async with self._lock(grant):
            # Before the answer: one that is lost may have deleted it all the same.
            self._existing.discard(hash(grant))
            await self._roles.delete(grant)
            self._by_others.discard(hash(grant))

    def recheck(self, grant: Grant) -> None:
        """Look again next time: Azure says that the right is missing, or somebody may have taken it."""
        self._existing.discard(hash(grant))
