"""The search for jobs of lost answers: one in a vault, which wakes those who asked for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.engine.cache import Key
from azdiskbackup.reconcilers.common.context import ReconcileContext

KIND = "LostJobs"


def search_of(vault: ArmId) -> Key:
    """Return the key of the search in a vault."""
    return Key(KIND, "", str(vault).lower())


class JobSearchReconciler:
    """Searches where somebody asks for it."""

    def __init__(self, context: ReconcileContext, wake: Callable[[Key], None]) -> None:
        self._context = context
        self._wake = wake

    async def reconcile(self, key: Key) -> None:
        """Search on, from where the last turn ended."""
        for each in await self._context.job_search.search(ArmId.parse(key.name)):
            self._wake(cast(Key, each))
