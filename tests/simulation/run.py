"""One story from its beginning to its end, in a loop of its own, whose time passes when nobody has anything to do."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import structlog

from azure_simulator.http.messages import Request, Response
from simulation.action import LENGTH, Action
from simulation.actors import Actors
from simulation.endings import unfinished
from simulation.haste import StoryLoop
from simulation.monitor import Monitor
from simulation.story import Story
from simulation.throttling import RetryAfter
from world.azure import AzureInMemory, InMemoryNetwork
from world.replica import NOTHING, Replica
from world.world import World

# How long all takes to heal once nothing fails any more.
_HEALED_WITHIN = 26 * 3600.0
# By then each policy has made a backup, and what it showed, a missing role or a restore point, was acted upon.
_TRIED_AGAIN_WITHIN = 13 * 3600.0
_SILENCE = 2 * 3600.0
# That policies of these stories take in that time, and that are noticed then.
_MOST_BACKUPS = 2


@dataclass
class Outcome:
    """What became of a story.

    Attributes:
        violations: what did not hold; empty for a good end.
        digest: hash of all that happened, the same for the same story.
        lines: what happened.
        coverage: what was reached, how often.
    """

    story: Story
    violations: list[str]
    digest: str
    lines: list[str] = field(repr=False)
    coverage: Counter[str] = field(repr=False)


class SimulatedNetwork(InMemoryNetwork):
    """Carries requests with delays of their own. One that left may arrive although its sender is dead by then."""

    def __init__(self, azure: AzureInMemory, delay: Callable[[], float], monitor: Monitor, late: Callable[[], bool]):
        super().__init__(azure)
        self._seconds = delay
        self._monitor = monitor
        self._late = late
        # Why no write may be sent from here, if none may.
        self.forbidden: Callable[[], str | None] = lambda: None
        # What Azure told another process, this one cannot know.
        self._retry_after = RetryAfter()

    async def exchange(self, request: Request) -> Response:
        """Carry a request there and its answer back."""
        too_early = self._retry_after.too_early(request, self._monitor.now())
        for wrong in (too_early, self.forbidden() if _writes(request) else None):
            if wrong is not None:
                self._monitor.violated(wrong)
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[Response] = loop.create_future()
        is_late = self._late()

        def arrive() -> None:
            if self.is_cut and not is_late:
                return
            self._monitor.arrives(request)
            response = self.azure.answer(request)
            self._monitor.answered(
                request, response, self.azure.service.log[-1].route if self.azure.service.log else ""
            )
            if not arrived.done() and response.status != _HELD:
                arrived.set_result(response)

        loop.call_later(self._seconds(), arrive)
        response = await arrived
        await asyncio.sleep(self._seconds())
        if self.is_cut:
            await asyncio.Event().wait()
        self._retry_after.answered(request, response, self._monitor.now())
        return response


_HELD = -2


class SimulatedReplica(Replica):
    """The operator, whose requests to the API server take their time."""

    delay: Callable[[], float]
    monitor: Monitor

    async def _before(self, method: str, path: str) -> None:
        await asyncio.sleep(self.delay())
        await super()._before(method, path)
        self.monitor.asks_kubernetes(method, path)


class SimulatedWorld(World):
    """A world for a story.

    Args:
        story: the seed of all that is random, and the settings.
        folder: for what the operator reads from files.
    """

    def __init__(self, story: Story, folder: Path) -> None:
        super().__init__(folder, story.seed, **story.settings)
        self.story = story
        self.chance = random.Random(f"delays {story.seed}")
        self.monitor = Monitor(self)

    async def start_operator(
        self, watch_delay: Callable[[str], float] = lambda kind: 0.0, *, unsettled: timedelta = NOTHING
    ) -> Replica:
        """Start a replica; writes of whoever led before may still arrive for a while."""
        chance = self.chance
        network = SimulatedNetwork(
            self.azure, lambda: chance.uniform(0.02, 1.5), self.monitor, lambda: chance.random() < 0.5
        )
        found = SimulatedReplica(
            self._settings,
            self.server,
            network,
            self.clock,
            self.cluster,
            self.random.random,
            lambda kind: chance.choice([0.01, 0.1, 2.0]),
        )
        opens = self.clock.now() + unsettled
        network.forbidden = lambda: _forbidden(found, self.clock.now() < opens)
        found.delay, found.monitor = lambda: chance.uniform(0.001, 0.05), self.monitor
        self.replicas.append(found)
        await found.start(unsettled)
        await self.settle()
        return found


def _writes(request: Request) -> bool:
    """Return whether a request changes something in Azure: a login does not."""
    return request.mutates and "/oauth2/" not in request.path


def _forbidden(sender: Replica, is_early: bool) -> str | None:
    """Return why a replica must not write to Azure now."""
    if not sender.leads:
        return "a write by a replica that leads no more"
    return "a write while one of the last leader may still arrive" if is_early else None


def tell(story: Story) -> Outcome:
    """Let a story happen; return what became of it."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=StoryLoop) as runner:
        return runner.run(_tell(story, Path(folder)))


async def _tell(story: Story, folder: Path) -> Outcome:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, StoryLoop)
    chance = random.Random(f"ids {story.seed}")
    # Libraries make ids of their own.
    ids = mock.patch("uuid.uuid4", lambda: uuid.UUID(int=chance.getrandbits(128), version=4))
    with ids:
        world = SimulatedWorld(story, folder)
        monitor = world.monitor
        structlog.configure(
            processors=[lambda _logger, _how, event: _heard(monitor, event)],
            logger_factory=structlog.ReturnLoggerFactory(),
            cache_logger_on_first_use=False,
        )
        loop.on_standstill = lambda: monitor.violated("no time passes: somebody has something to do again and again")
        loop.set_exception_handler(
            lambda loop, context: monitor.violated(f"unhandled: {context.get('exception') or context['message']}")
        )
        world.server.store.watchers.append(monitor.on_event)
        with mock.patch.dict(os.environ, world.environment):
            try:
                happening = asyncio.ensure_future(_happen(world, story, monitor))
                await asyncio.wait((happening, monitor.is_violated), return_when=asyncio.FIRST_COMPLETED)
                if happening.done():
                    happening.result()
                happening.cancel()
            finally:
                await world.end()
    return Outcome(story, monitor.violations, monitor.digest, monitor.lines, monitor.coverage)


def _heard(monitor: Monitor, event: Any) -> str:
    monitor.log(event)
    return ""


async def _happen(world: SimulatedWorld, story: Story, monitor: Monitor) -> None:
    world.azure.knobs(**story.knobs)
    teams = [await world.team(team="served") for _ in range(2)]
    actors = Actors(world, teams, story.role_scope)
    await world.start_operator()
    await actors.edit_vault(14, "prod", deletion=True, serves=True)
    await actors.make_policy("gold", 4, 7)
    await actors.make_policy("silver", 6, 7)
    await teams[0].until("DiskBackupPolicy", "silver", "Ready")
    vault = actors.vault_id()
    teams[0].portal("PATCH", vault, {"tags": {**(teams[0].portal("GET", vault)["tags"] or {}), **actors.foreign_tags}})
    monitor.actors = actors
    begun = world.clock.monotonic()
    for action in story.actions:
        await _until(world, monitor, begun + action.at)
        monitor.coverage[f"action {action.actor} {action.verb}"] += 1
        monitor.tell(f"{action.actor} {action.verb} {action.how}: {await actors.act(action)}")
    await _until(world, monitor, begun + LENGTH)
    await _ends_well(world, actors, monitor)


async def _until(world: SimulatedWorld, monitor: Monitor, when: float) -> None:
    while (left := when - world.clock.monotonic()) > 0.01:
        await world.advance(seconds=min(left, 3600))
        monitor.hour()


async def _ends_well(world: SimulatedWorld, actors: Actors, monitor: Monitor) -> None:
    """Nothing fails any more: all that can heal does, and then there is silence."""
    actors.end_of_faults()
    end = world.clock.monotonic() + _HEALED_WITHIN
    await _until(world, monitor, world.clock.monotonic() + _TRIED_AGAIN_WITHIN)
    while any(unfinished(world)) and world.clock.monotonic() < end:
        await _until(world, monitor, world.clock.monotonic() + 3600)
    for each in unfinished(world):
        monitor.violated(f"does not converge: {each}")
    monitor.end()
    if monitor.violations:
        return
    asked, written = world.azure.request_count(), len(world.server.store.writes)
    await _until(world, monitor, world.clock.monotonic() + _SILENCE)
    if written_to_azure := world.writes(asked):
        monitor.violated(f"no silence: {written_to_azure} in Azure")
    # A backup is told, and when the next one is due.
    most = 2 * _MOST_BACKUPS
    for (kind, _, place), count in Counter(world.server.store.writes[written:]).items():
        if count > most:
            monitor.violated(f"no silence: {kind} {place} was written {count} times")


def shrink(story: Story, is_bad: Callable[[Story], bool]) -> Story:
    """Return the story with the fewest actions that still ends badly, by leaving out ever smaller parts of it."""
    actions = list(story.actions)
    size = max(1, len(actions) // 2)
    while size:
        start = 0
        while start < len(actions):
            fewer = [*actions[:start], *actions[start + size :]]
            if is_bad(_with(story, fewer)):
                actions = fewer
            else:
                start += size
        size //= 2
    return _with(story, actions)


def _with(story: Story, actions: list[Action]) -> Story:
    return replace(story, actions=tuple(actions))


def kind_of(violation: str) -> str:
    """Return what kind of violation it is, without names and times: what a shorter story has to show, too."""
    return " ".join(word for word in violation.split() if word.isalpha() and word.islower())[:60]
