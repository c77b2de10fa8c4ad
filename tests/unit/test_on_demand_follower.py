"""What a backup does while the sweep waits for its turn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from azdiskbackup.core.identity.arm_ids import ArmId, vault_id
from azdiskbackup.errors import RateLimited
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.on_demand_backup.job_follower import NothingNew, shown


class WaitingSweep:
    async def read(self, vault: ArmId, not_older_than: datetime) -> Any:
        raise RateLimited("not our turn")


class ToolsWithIt:
    sweep = WaitingSweep()


async def test_who_waits_for_the_sweep_comes_back_by_itself() -> None:
    with pytest.raises(NothingNew):
        await shown(cast(ReconcileContext, ToolsWithIt()), vault_id("s", "g", "v"), datetime(2026, 1, 5, tzinfo=UTC))
