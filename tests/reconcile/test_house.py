"""How far one has to read to follow a pass: the files that decide about a disk, and gather what is decided by."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import azdiskbackup
from azdiskbackup.reconcilers.common.reconciler import Pass, Reconciler
from world.team import Team

PACKAGE = Path(azdiskbackup.__file__).parent
# What decides, and what gathers; the objects that it is about, and whom it asks (cache, gateways), are other questions.
ROOMS = ("reconcilers/common", "reconcilers/protected_disk", "core/protected_disk", "core/rules")
MOST = 12
# Where a function is that has just been called; coroutines begin a few instructions later.
_FIRST = 8


async def test_a_pass_over_a_disk_goes_through_few_files(monkeypatch: pytest.MonkeyPatch, shop: Team) -> None:
    shop.make_claim("data-0")
    gather, passes = Reconciler._gather, list[set[str]]()

    async def traced(self: Reconciler[Any, Any, Any, Any], pass_: Pass[Any, Any]) -> Any:
        if pass_.key.kind != "ProtectedDisk":
            return await gather(self, pass_)
        ours, files = asyncio.current_task(), set[str]()
        passes.append(files)

        def note(frame: FrameType, event: str, argument: object) -> None:
            path = Path(frame.f_code.co_filename)
            # A coroutine that is resumed was not called now, and may be outside of the pass.
            is_call = event == "call" and frame.f_lasti <= _FIRST
            if is_call and path.is_relative_to(PACKAGE) and asyncio.current_task() is ours:
                name = str(path.relative_to(PACKAGE))
                if name.startswith(ROOMS):
                    files.add(name)

        sys.setprofile(note)
        try:
            return await gather(self, pass_)
        finally:
            sys.setprofile(None)

    monkeypatch.setattr(Reconciler, "_gather", traced)
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    longest = max(passes, key=len)
    print(f"files that a pass of a ProtectedDisk goes through: {len(longest)}", *sorted(longest), sep="\n  ")
    assert len(longest) <= MOST
