"""What a person waits for: an installation, another leader. One figure each, in real time."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass

from bench.fleet import Tell
from harness import objects
from harness.processes import wait_for
from harness.stack import Stack
from harness.tenant import Tenant


@dataclass(frozen=True)
class Times:
    """What was measured, in seconds unless the name says otherwise.

    Attributes:
        install: from `helm upgrade --install --wait` until it returns.
        first_look: from the kill of the only replica until an object that was created then has a status.
        stop: from the request to end until the operator has ended.
        hand_over: from the request to end, with two replicas, until the Lease is released; ``hand_over_look``: until
            the other one has looked at a new object.
        fail_over: from the kill of a leader until the other replica has looked at a new object.
    """

    install: float
    first_look: float
    stop: float
    hand_over: float
    hand_over_look: float
    fail_over: float


def measure(stack: Stack, tell: Tell) -> Times:
    """Measure on a stack whose control plane and simulator run, and no operator yet."""
    tell("an installation")
    groups = (objects.VAULT_GROUP, objects.SNAPSHOT_GROUP, objects.DISK_GROUP)
    stack.azure.seed(
        subscriptions=[objects.SUBSCRIPTION],
        groups=[{"subscription": objects.SUBSCRIPTION, "name": each, "location": objects.LOCATION} for each in groups],
    )
    begun = time.monotonic()
    stack.installation.apply()
    install = time.monotonic() - begun
    shop = Tenant(stack, "shop")
    shop.create()
    shop.apply(objects.vault(), objects.policy())
    shop.until("diskbackuppolicy", "gold", "Ready")
    # As the tests start and stop it from now on.
    stack.start_operator()
    return Times(
        install=install,
        first_look=_first_look(stack, shop),
        stop=_stop(stack),
        **_two_replicas(stack, shop, tell),
    )


def _seen(stack: Stack, shop: Tenant, name: str) -> None:
    """Create an object and wait until it has been looked at."""
    stack.plane.apply(objects.disk(name, shop.namespace, name))
    wait_for(lambda: shop.get("protecteddisk", name).get("status", {}).get("observedGeneration"), "it is looked at")


def _first_look(stack: Stack, shop: Tenant) -> float:
    stack.kubelet.kill(stack.installation.leading())
    begun = time.monotonic()
    _seen(stack, shop, "after-a-restart")
    took = time.monotonic() - begun
    stack.works()
    return took


def _stop(stack: Stack) -> float:
    begun = time.monotonic()
    assert stack.stop_operator() == 0
    return time.monotonic() - begun


def _two_replicas(stack: Stack, shop: Tenant, tell: Tell) -> dict[str, float]:
    tell("two replicas")
    stack.start_operator({"replicaCount": 2})
    leader = stack.installation.leading()
    begun = time.monotonic()
    stack.kubelet.kill(leader, signal.SIGTERM)
    wait_for(lambda: stack.installation.leader() != leader.name, "the Lease is released")
    hand_over = time.monotonic() - begun
    _seen(stack, shop, "after-a-hand-over")
    hand_over_look = time.monotonic() - begun
    wait_for(lambda: all(pod.run and pod.run.running for pod in stack.installation.pods()), "both run again")
    leader = stack.installation.leading()
    stack.kubelet.hold()
    begun = time.monotonic()
    stack.kubelet.kill(leader)
    _seen(stack, shop, "after-a-fail-over")
    return {"hand_over": hand_over, "hand_over_look": hand_over_look, "fail_over": time.monotonic() - begun}
