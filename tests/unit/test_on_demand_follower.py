"""What a backup does while the sweep waits for its turn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from azdiskbackup.core.arm_ids import ArmId, vault_id
from azdiskbackup.errors import Postponed
from azdiskbackup.reconcilers.on_demand_follower import NothingNew, shown
from azdiskbackup.reconcilers.tools import Tools


class WaitingSweep:
    async def read(self, vault: ArmId, not_older_than: datetime) -> Any:
        raise Postponed("not our turn")


class ToolsWithIt:
    sweep = WaitingSweep()


async def test_who_waits_for_the_sweep_comes_back_by_itself() -> None:
    with pytest.raises(NothingNew):
        await shown(cast(Tools, ToolsWithIt()), vault_id("s", "g", "v"), datetime(2026, 1, 5, tzinfo=UTC))
