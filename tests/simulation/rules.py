"""What must hold of DiskProtectionRules: nothing is withdrawn unasked, and what is selected is protected."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.objects import Json
from simulation.azure_state import is_ready
from simulation.rule_actors import CHOSEN, OPT_OUT, RULE_LABEL

if TYPE_CHECKING:
    from simulation.run import SimulatedWorld

_STOPPED = "azdiskbackup.io/stopped-by-rule"
_DELETED = re.compile(r"/namespaces/([^/]+)/protecteddisks/([^/?]+)$")
_HOUR = 3600.0
# What the operator may still carry out although nobody asks for it any more: it was on its way, or not heard of.
_ON_THE_WAY = 45 * 60.0
_FREE, _SHARE = 10, 0.2
# An acknowledged withdrawal is carried out within this time, whatever fails meanwhile.
_CARRIED_OUT = 12 * _HOUR

Place = tuple[str, str]


class RuleMonitor:
    """Looks at what becomes of ProtectedDisks that rules made.

    Args:
        world: where.
        acknowledged: when which rule's withdrawal was acknowledged, and how many were meant.
    """

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self.acknowledged: dict[str, tuple[float, int]] = {}
        self._selected_since: dict[Place, float] = {}
        self._withdrawn: dict[str, list[float]] = defaultdict(list)
        # When a PVC went.
        self._gone: dict[Place, float] = {}

    def asks(self, method: str, path: str) -> str | None:
        """Look at a request of the operator to the API server; return what is wrong with it."""
        found = _DELETED.search(path) if method == "DELETE" else None
        if found is None:
            return None
        disk = self._find("ProtectedDisk", *found.groups())
        if disk is None:
            return None
        rule, claim = _rule_of(disk), disk["spec"]["source"]["persistentVolumeClaim"]["name"]
        name = "/".join(found.groups())
        if rule is None:
            return f"the operator deletes {name}, which no rule made"
        if disk["spec"].get("deletionPolicy") != "Retain":
            return f"a rule deletes {name}, whose restore points would go"
        if self._find("PersistentVolumeClaim", found[1], claim) is not None:
            return f"a rule deletes {name}, whose PVC exists"
        hours = min((each["spec"]["gracePeriodHours"] for each in self._world.every("DiskProtectionRule")), default=0)
        if self._gone.get((found[1], claim), 0.0) > self._now() - hours * _HOUR:
            return f"a rule deletes {name}, whose PVC was there a moment ago"
        return self._withdraws(rule)

    def saw(self, how: str, before: Json | None, raw: Json) -> str | None:
        """Look at a change of an object; return what is wrong."""
        if how == "DELETED" and raw["kind"] == "PersistentVolumeClaim":
            self._gone[raw["metadata"]["namespace"], raw["metadata"]["name"]] = self._now()
        if raw["kind"] in ("Namespace", "PersistentVolumeClaim", "DiskProtectionRule", "BackupVault"):
            self._note_selected()
        if raw["kind"] != "ProtectedDisk" or before is None:
            return None
        is_stopped, was_stopped = (_STOPPED in (each["metadata"].get("labels") or {}) for each in (raw, before))
        rule = _rule_of(raw)
        if rule is None or was_stopped or not is_stopped:
            return None
        place = (raw["metadata"]["namespace"], raw["spec"]["source"]["persistentVolumeClaim"]["name"])
        since = self._selected_since.get(place)
        if since is not None and since < self._now() - _ON_THE_WAY:
            return f"the rule {rule} stops {'/'.join(place)}, which is selected"
        return self._withdraws(rule)

    def _withdraws(self, rule: str) -> str | None:
        """Count what a rule withdraws; return that it was too much without anybody's word."""
        now = self._now()
        recent = [each for each in self._withdrawn[rule] if each > now - _HOUR] + [now]
        self._withdrawn[rule] = recent
        disks = sum(_rule_of(each) == rule for each in self._world.every("ProtectedDisk"))
        when, meant = self.acknowledged.get(rule, (-_CARRIED_OUT, 0))
        # Two hours of the rule's own may meet within one.
        most = 2 * max(_FREE, int(disks * _SHARE)) + (meant if when > now - _CARRIED_OUT else 0)
        return f"the rule {rule} withdraws {len(recent)} within an hour" if len(recent) > most else None

    def _note_selected(self) -> None:
        now = self._now()
        selected = set(selected_claims(self._world))
        self._selected_since = {place: self._selected_since.get(place, now) for place in selected}

    def _find(self, kind: str, namespace: str, name: str) -> Json | None:
        return next((each for each in self._world.every(kind, namespace) if each["metadata"]["name"] == name), None)

    def _now(self) -> float:
        return self._world.clock.monotonic()


def _rule_of(disk: Json) -> str | None:
    found: str | None = (disk["metadata"].get("labels") or {}).get(RULE_LABEL)
    return found


def selected_claims(world: SimulatedWorld) -> Iterator[Place]:
    """Yield the PVCs that an enforced rule selects, and that do not opt out where they may."""
    return (place for place, _ in _decided_claims(world))


def _decided_claims(world: SimulatedWorld) -> Iterator[tuple[Place, Json]]:
    """Yield the same with the rule that decides: no other one protects a PVC in its place while it is not ready.

    All rules of a story select the same namespaces, so the first decides from which the PVC may not opt out.
    """
    rules = sorted(
        (each for each in world.every("DiskProtectionRule") if each["spec"].get("mode", "Enforce") == "Enforce"),
        key=_precedence,
    )
    namespaces = {each["metadata"]["name"]: each["metadata"].get("labels") or {} for each in world.every("Namespace")}
    for claim in world.every("PersistentVolumeClaim") if rules else ():
        labels, metadata = namespaces.get(claim["metadata"]["namespace"], {}), claim["metadata"]
        out = (metadata.get("labels") or {}).get(OPT_OUT) == "false"
        binding = [each for each in rules if not out or each["spec"].get("optOut", "Allowed") != "Allowed"]
        if labels.get(CHOSEN) == "yes" and binding:
            yield (metadata["namespace"], metadata["name"]), binding[0]


def _precedence(rule: Json) -> tuple[int, str, str]:
    metadata = rule["metadata"]
    return -rule["spec"].get("priority", 0), metadata["creationTimestamp"], metadata["name"]


def uncovered(world: SimulatedWorld) -> Iterator[str]:
    """Yield what a rule that is ready selects, and no ProtectedDisk names."""
    served = {each["metadata"]["name"] for each in world.every("Namespace") if _is_served(world, each)}
    named = {
        (each["metadata"]["namespace"], each["spec"]["source"]["persistentVolumeClaim"]["name"])
        for each in world.every("ProtectedDisk")
    }
    bound = {
        (each["metadata"]["namespace"], each["metadata"]["name"])
        for each in world.every("PersistentVolumeClaim")
        if (each.get("status") or {}).get("phase") == "Bound"
    }
    for place, rule in _decided_claims(world):
        if is_ready(rule) and place[0] in served and place in bound and place not in named:
            yield f"{'/'.join(place)} is selected by a rule that is ready, and nothing protects it"


def _is_served(world: SimulatedWorld, namespace: Json) -> bool:
    labels = namespace["metadata"].get("labels") or {}
    access = [each["spec"].get("access", {}).get("namespaces", {}) for each in world.every("BackupVault")]
    return any((each.get("matchLabels") or {}).items() <= labels.items() for each in access)
