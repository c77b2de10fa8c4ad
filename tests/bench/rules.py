"""What an event on a PVC costs where there are many rules and many PVCs: CPU of the operator, without a network."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from azdiskbackup.engine.cache import Cache
from azdiskbackup.kube.watched import CLAIM, NAMESPACE, OURS, VOLUME, WatchedResource
from azdiskbackup.reconcilers.disk_protection_rule.assessments import Assessments
from azdiskbackup.reconcilers.watch.indices import INDICES, QUEUES
from harness import objects

RULES, CLAIMS, NAMESPACES, EVENTS = 100, 10_000, 50, 500
_CREATED = "2026-01-01T00:00:00Z"
_WATCHED = {each.kind: each for each in (CLAIM, NAMESPACE, VOLUME, *OURS)}


class _Clock:
    """A time that stands still."""

    def now(self) -> datetime:
        return datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True)
class RuleCosts:
    """CPU, with 100 rules and 10,000 PVCs.

    Attributes:
        milliseconds: of a change of one PVC, until the numbers of rules are right again.
        begin_seconds: of the first look at all PVCs.
    """

    milliseconds: float
    begin_seconds: float


def measure_events() -> RuleCosts:
    """Measure, while nothing else runs."""
    return asyncio.run(_measure())


async def _measure() -> RuleCosts:
    versions = iter(range(1, 10**9))
    cache = Cache(INDICES, QUEUES)

    def put(raw: dict[str, Any]) -> None:
        metadata = raw["metadata"]
        uid = f"{raw['kind']} {metadata.get('namespace')} {metadata['name']}"
        metadata |= {"uid": uid, "resourceVersion": str(next(versions)), "creationTimestamp": _CREATED, "generation": 1}
        watched: WatchedResource = _WATCHED[raw["kind"]]
        cache.put(raw["kind"], watched.trim(raw))

    put(objects.vault())
    put(objects.policy())
    for number in range(NAMESPACES):
        put(objects.namespace(f"team-{number}", team=str(number)))
    for number in range(RULES):
        # Half of them select no PVC before the label says so.
        by_label: dict[str, Any] = {"claimSelector": {"matchLabels": {"tier": f"t-{number}"}}}
        by_namespace: dict[str, Any] = {"namespaceSelector": {"matchLabels": {"team": str(number)}}}
        put(objects.rule(f"rule-{number}", **(by_label if number % 2 else by_namespace)))
    for number in range(CLAIMS):
        put(_volume(number))
        put(_claim(number))
    assessments = Assessments(cache, _Clock(), lambda key, when: None)  # type: ignore[arg-type] # nobody waits here
    began = time.process_time()
    assessments.load()
    await assessments.settle()
    loaded = time.process_time()
    for number in range(EVENTS):
        changed = _claim(number)
        changed["metadata"]["labels"] = {"tier": f"t-{number % RULES}"}
        put(changed)
        await assessments.settle()
    return RuleCosts(
        milliseconds=(time.process_time() - loaded) / EVENTS * 1000,
        begin_seconds=loaded - began,
    )


def _place(number: int) -> tuple[str, str]:
    return f"team-{number % NAMESPACES}", f"data-{number}"


def _claim(number: int) -> dict[str, Any]:
    namespace, name = _place(number)
    return objects.claim(name, f"pv-{number}", namespace) | {"status": {"phase": "Bound"}}


def _volume(number: int) -> dict[str, Any]:
    namespace, name = _place(number)
    found = objects.volume(f"pv-{number}", objects.disk_id(f"pv-{number}"), name, namespace)
    found["spec"]["claimRef"]["uid"] = f"PersistentVolumeClaim {namespace} {name}"
    return found
