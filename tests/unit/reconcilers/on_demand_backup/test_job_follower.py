"""What a backup does while the sweep waits for its turn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from azdiskbackup.core.identity.arm_ids import ArmId, vault_id
from azdiskbackup.core.rules.intervals import JOB_POLL
from azdiskbackup.errors import RateLimited
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.common.reconciler import NothingNew
from azdiskbackup.reconcilers.on_demand_backup.job_follower import shown

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class WaitingSweep:
    async def read(self, vault: ArmId, not_older_than: datetime) -> Any:
        raise RateLimited("not our turn")


class StandingClock:
    def now(self) -> datetime:
        return NOW


class Context:
    sweep = WaitingSweep()
    clock = StandingClock()


async def test_who_waits_for_the_sweep_comes_back_by_itself() -> None:
    with pytest.raises(NothingNew) as raised:
        await shown(cast(ReconcileContext, Context()), vault_id("s", "g", "v"), NOW)
    assert raised.value.requeue_at == NOW + JOB_POLL
