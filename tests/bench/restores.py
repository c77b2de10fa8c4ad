"""A restore of 200 disks, all at once in 20 namespaces, and what another team wants in the middle of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from azdiskbackup.azure.transport.limits import limits_of
from azure_simulator.client import Sent
from bench.fleet import RESTORES, Fleet, FleetError, Tell, condition, since_when
from bench.meter import Meter, first_about, share_used
from harness.objects import Json
from harness.processes import wait_for
from harness.stack import CLIENT_ID, Stack

DISKS = 200
NAMESPACES = 20
OTHERS = "another-team"
_POINTS = ("microsoft.dataprotection/backupvaults/backupinstances/recoverypoints", "read")
_STEP = timedelta(seconds=10)
_WITHIN = timedelta(hours=3)
# When all that may be sent at once is used up, and hundreds of requests wait.
_MEANWHILE = timedelta(minutes=10)


@dataclass(frozen=True)
class Others:
    """What another team gets, in virtual seconds from its apply.

    Attributes:
        disk_served: the first call about a new disk.
        disk_protected: the new disk is protected.
        restored: a disk of its own is restored.
    """

    disk_served: float
    disk_protected: float
    restored: float


@dataclass(frozen=True)
class Restores:
    """What it took, what others wanted meanwhile included.

    Attributes:
        seconds: virtual time until all are Ready.
        ratio: that, as a ratio to what the budget's rate of the scarcest read and one restore alone would need.
        first_seconds: virtual time until each namespace has its first one.
        ahead: by how many restores that Azure was asked for one namespace was ahead of another at any time.
        calls: Azure calls a restore; ``writes``: how many of them are writes.
        kubernetes_writes: writes to Kubernetes a restore, those of its PVC and its volume included.
        repeated: how many Azure was asked for more than once.
        refused: calls that Azure refused since they were too many.
        share_used: the most that was used of the share of any limit at any time; 1 is all of it.
        alone: what another team gets while nothing is restored; ``meanwhile``: in the middle of them.
    """

    seconds: float
    ratio: float
    first_seconds: float
    ahead: int
    calls: float
    writes: float
    kubernetes_writes: float
    repeated: int
    refused: int
    share_used: float
    alone: Others
    meanwhile: Others


def measure(stack: Stack, share: float, tell: Tell) -> Restores:
    """Measure on a stack whose control plane and simulator run."""
    azure, fleet = stack.azure, Fleet(stack, DISKS, NAMESPACES, [(OTHERS, "before"), (OTHERS, "meanwhile")])
    _back_up(fleet, tell)
    tell("another team, while nothing is restored")
    since = azure.request_count()
    applied = _apply_others(fleet, "before")
    _until_restored(fleet)
    alone = _others(fleet, "before", applied, _sent(stack, since))
    # The role goes with the last restore, and what may be sent at once comes in again.
    fleet.let_pass(timedelta(minutes=10))

    tell("restoring all others")
    meter, since, start = Meter(stack), azure.request_count(), azure.now
    # All of a namespace before those of the next one: in the order of their creation the last one would starve.
    for namespace, name in sorted(fleet.places[:DISKS]):
        fleet.restore(namespace, name)
    while azure.now < start + _MEANWHILE:
        _restored(fleet)
        azure.advance(seconds=_STEP.total_seconds())
    applied = _apply_others(fleet, "meanwhile")
    _until_restored(fleet, tell)
    cost, sent = meter.read(), _sent(stack, since)
    tell(f"calls: {dict(cost.azure)}; writes to Kubernetes: {dict(cost.kubernetes)}")

    namespaces = {each["status"]["backupInstanceID"]: _namespace(each) for each in fleet.disks()}
    ends = sorted((since_when(each, "Ready"), _namespace(each)) for each in fleet.restores())
    ends = [each for each in ends if each[1] != OTHERS]
    firsts = {namespace: end for end, namespace in reversed(ends)}
    seconds = (ends[-1][0] - start).total_seconds()
    asked = [each.path.removesuffix("/restore") for each in sent if each.route == "backupInstances.restore"]
    order = [namespaces[each] for each in asked]
    return Restores(
        seconds=seconds,
        ratio=seconds / (_least_seconds(share) + alone.restored),
        first_seconds=(max(firsts.values()) - start).total_seconds(),
        ahead=ahead(each for each in order if each != OTHERS),
        calls=cost.calls / DISKS,
        writes=cost.azure_writes / DISKS,
        kubernetes_writes=cost.kubernetes_writes / DISKS,
        repeated=len(asked) - len(set(asked)),
        refused=sum(each.status == 429 for each in sent),
        share_used=share_used(sent, share),
        alone=alone,
        meanwhile=_others(fleet, "meanwhile", applied, sent),
    )


def ahead(served: Iterable[str]) -> int:
    """Return by how many one namespace was ahead of another at any time, by the namespaces in order."""
    order = list(served)
    counts, most = dict.fromkeys(order, 0), 0
    for namespace in order:
        counts[namespace] += 1
        most = max(most, max(counts.values()) - min(counts.values()))
    return most


def _back_up(fleet: Fleet, tell: Tell) -> None:
    """Protect all disks, and wait until the first restore point of each is in its status."""
    azure = fleet.stack.azure
    fleet.prepare(tell, **RESTORES)
    tell("protecting them")
    fleet.protect()
    fleet.until_ready(timedelta(hours=12))
    tell("backing them up")
    fleet.to_after_a_backup(timedelta(minutes=5))
    end = azure.now + _WITHIN
    while not all(each["status"].get("restorePoints", {}).get("recent") for each in fleet.disks()):
        if azure.now > end:
            raise FleetError(f"not every restore point is in status after {_WITHIN}")
        fleet.let_pass(timedelta(minutes=5))


def _apply_others(fleet: Fleet, name: str) -> datetime:
    """Apply a disk of another team, and a restore; return when."""
    fleet.protect_other(f"new-{name}", OTHERS)
    fleet.restore(OTHERS, name)
    return fleet.stack.azure.now


def _others(fleet: Fleet, name: str, applied: datetime, sent: Sequence[Sent]) -> Others:
    disk = next(each for each in fleet.disks() if each["metadata"]["name"] == f"new-{name}")
    restore = next(each for each in fleet.restores() if each["metadata"]["name"] == name)
    times = (first_about(sent, f"/disks/new-{name}"), since_when(disk, "Ready"), since_when(restore, "Ready"))
    return Others(*((each - applied).total_seconds() for each in times))


def _until_restored(fleet: Fleet, tell: Tell = lambda what: None) -> None:
    azure, wanted = fleet.stack.azure, len(fleet.restores())
    end, said = azure.now + _WITHIN, azure.now
    while (done := _restored(fleet)) < wanted:
        if azure.now > end:
            raise FleetError(f"{done} of {wanted} disks are restored after {_WITHIN}")
        if azure.now >= said:
            tell(f"{done} of {wanted} restored")
            said = azure.now + timedelta(minutes=5)
        azure.advance(seconds=_STEP.total_seconds())


def _restored(fleet: Fleet) -> int:
    """Return how many restores are Ready.

    Kubernetes binds PVCs in real time, while which no virtual time may pass: it would count as the operator's.
    """
    wait_for(lambda: not any(_is_binding(each) for each in fleet.restores()), "Kubernetes binds the PVCs")
    return sum(condition(each, "Ready").get("status") == "True" for each in fleet.restores())


def _is_binding(raw: Json) -> bool:
    return condition(raw, "Ready").get("reason") == "BindPending"


def _namespace(raw: Json) -> str:
    return str(raw["metadata"]["namespace"])


def _sent(stack: Stack, since: int) -> list[Sent]:
    return [each for each in stack.azure.requests(since) if each.caller == CLIENT_ID]


def _least_seconds(share: float) -> float:
    """Return what the scarcest request by itself needs: the restore point is read once, also of another team's."""
    limit = next(each for each in limits_of(*_POINTS, share) if each.name.startswith("reads of"))
    return max(0.0, DISKS + 1 - limit.burst) / limit.per_second
