"""A backup of every disk on demand, all in a minute, and another team's disk in the middle of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from bench.fleet import Fleet, FleetError, condition, since_when
from bench.meter import Meter, first_about
from harness.objects import Json
from harness.stack import CLIENT_ID

_OURS = "/apis/azdiskbackup.io/v1alpha1"
_WITHIN = timedelta(hours=12)
_PARTS = 12


@dataclass(frozen=True)
class Burst:
    """What it took.

    Attributes:
        seconds: virtual time until all backups have succeeded.
        calls: Azure calls a backup, those for another disk among them.
        repeated: backups that were asked for more than once.
        disorder: by how many places a backup was sent sooner or later than it was created.
        refused: calls that Azure refused since they were too many.
        other_served: virtual seconds until the first call about the disk that was applied meanwhile.
        other_protected: virtual seconds until that disk was protected.
    """

    seconds: float
    calls: float
    repeated: int
    disorder: int
    refused: int
    other_served: float
    other_protected: float


def burst(fleet: Fleet, tell: Callable[[str], None]) -> Burst:
    """Apply a backup of every disk, and one more disk, and wait until all is done."""
    stack, azure = fleet.stack, fleet.stack.azure
    meter, since, start = Meter(stack), azure.request_count(), azure.now
    for part in range(_PARTS):
        fleet.back_up(fleet.size * part // _PARTS, fleet.size * (part + 1) // _PARTS)
        azure.advance(seconds=60 / _PARTS)
    applied = azure.now
    fleet.protect_other("other", "another-team")
    while (left := sum(not _succeeded(each) for each in fleet.backups())) > 0:
        if azure.now > start + _WITHIN:
            raise FleetError(f"{left} of {fleet.size} backups have not succeeded after {_WITHIN}")
        tell(f"{fleet.size - left} of {fleet.size} backed up")
        azure.advance(seconds=120)
    seconds = (azure.now - start).total_seconds()
    sent = [each for each in azure.requests(since) if each.caller == CLIENT_ID]
    raw = stack.plane.read(f"{_OURS}/namespaces/another-team/protecteddisks/other")
    asked = [each.path.split("/")[-2] for each in sent if each.route == "backupInstances.backup"]
    return Burst(
        seconds=seconds,
        calls=meter.read().calls / fleet.size,
        repeated=len(asked) - len(set(asked)),
        disorder=_disorder(fleet, asked),
        refused=sum(each.status == 429 for each in sent),
        other_served=(first_about(sent, "/disks/other") - applied).total_seconds(),
        other_protected=(since_when(raw, "Ready") - applied).total_seconds(),
    )


def _disorder(fleet: Fleet, asked: list[str]) -> int:
    names = {each["metadata"]["name"]: each["status"]["backupInstanceID"].rsplit("/", 1)[1] for each in fleet.disks()}
    wanted = {names[name]: number for number, (_, name) in enumerate(fleet.places)}
    return max(abs(wanted[name] - number) for number, name in enumerate(asked))


def _succeeded(raw: Json) -> bool:
    return condition(raw, "Succeeded").get("status") == "True"
