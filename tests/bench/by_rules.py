"""Two thousand PVCs that four rules select at once, and a hand-written disk in the middle of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bench.fleet import NAMESPACES, Fleet, Tell, since_when
from bench.meter import Meter, first_about
from harness import objects
from harness.objects import Json
from harness.stack import CLIENT_ID, Stack

DISKS = 2000
# As many as `maxNewPerHour` at most allows one of them need so many to make all at once.
RULES = 4
_OURS = "/apis/azdiskbackup.io/v1alpha1"
_NAME = "kubernetes.io/metadata.name"
_OTHERS = "another-team"


@dataclass(frozen=True)
class ByRules:
    """What it took, from the rules' apply until all are Ready; with what one hand-written disk needs.

    Attributes:
        calls: Azure calls a disk.
        writes: how many of them are writes.
        kubernetes: writes to Kubernetes a disk; hand-written ones need one less, since their makers write them.
        seconds: virtual time.
        other_served: virtual seconds from the apply of a hand-written disk meanwhile to the first call about it.
        other_protected: until it was protected.
    """

    calls: float
    writes: float
    kubernetes: float
    seconds: float
    other_served: float
    other_protected: float


def measure(stack: Stack, tell: Tell) -> ByRules:
    """Measure on a stack whose control plane and simulator run."""
    azure, plane, fleet = stack.azure, stack.plane, Fleet(stack, DISKS)
    fleet.prepare(tell)

    tell(f"{RULES} rules, of {DISKS} PVCs")
    meter, since, start = Meter(stack), azure.request_count(), azure.now
    plane.apply(*(rule(number, RULES, NAMESPACES) for number in range(RULES)))
    azure.settle()
    # Until what may be sent at once is used up, and hundreds of requests wait.
    azure.advance(seconds=60)
    applied = azure.now
    fleet.protect_other("other", _OTHERS)
    fleet.until_ready(timedelta(hours=12), lambda count: tell(f"{count} of {DISKS + 1} protected"), others=1)
    cost = meter.read()
    tell(f"calls: {dict(cost.azure)}; writes to Kubernetes: {dict(cost.kubernetes)}")
    sent = [each for each in azure.requests(since) if each.caller == CLIENT_ID]
    raw = plane.read(f"{_OURS}/namespaces/{_OTHERS}/protecteddisks/other")
    return ByRules(
        calls=cost.calls / (DISKS + 1),
        writes=cost.azure_writes / (DISKS + 1),
        kubernetes=cost.kubernetes_writes / (DISKS + 1),
        seconds=(azure.now - start).total_seconds(),
        other_served=(first_about(sent, "/disks/other") - applied).total_seconds(),
        other_protected=(since_when(raw, "Ready") - applied).total_seconds(),
    )


def rule(number: int, rules: int, namespaces: int, policy: str = "gold") -> Json:
    """Return one of so many rules that share the namespaces of a fleet."""
    names = [f"team-{each}" for each in range(number, namespaces, rules)]
    selector = {"matchExpressions": [{"key": _NAME, "operator": "In", "values": names}]}
    return objects.rule(f"rule-{number}", policy, namespaceSelector=selector, mode="Enforce", maxNewPerHour=500)
