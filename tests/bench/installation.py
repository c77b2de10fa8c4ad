"""What a person waits for: an installation, another leader, an answer of the command. One figure each, in real time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness import objects
from harness.processes import wait_for
from harness.stack import ROOT, Stack
from harness.tenant import Tenant
from plugin import server, world

Tell = Callable[[str], None]

# What the kernel counts for a child begins with the memory of the process that it was forked from; so it says itself.
_TELLING = """
import atexit, sys
atexit.register(lambda: sys.stderr.write(open("/proc/self/status").read()))
from azdiskbackup.plugin.runtime.app import main
main()
"""


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
        status: of `kubectl azdiskbackup status` with 2,000 disks, the best of three; ``status_megabytes``: its peak.
        help: of `kubectl azdiskbackup --help`, the best of three; ``single_file_help``: of the single file.
    """

    install: float
    first_look: float
    stop: float
    hand_over: float
    hand_over_look: float
    fail_over: float
    status: float
    status_megabytes: float
    help: float
    single_file_help: float

    def to_json(self) -> dict[str, Any]:
        return {name: round(value, 4) for name, value in asdict(self).items()}


def measure(stack: Stack, tell: Tell) -> Times:
    """Measure on a stack whose control plane and simulator run, and no operator yet."""
    tell("the command")
    status, megabytes, help_, single = _command()
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
        status=status,
        status_megabytes=megabytes,
        help=help_,
        single_file_help=single,
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


# --- the command --------------------------------------------------------------------------------------


def _command() -> tuple[float, float, float, float]:
    with tempfile.TemporaryDirectory() as folder, server.big_cluster(Path(folder)) as kubeconfig:
        # The best of three: the first one may have to compile the modules.
        status, megabytes = min(_called("status", KUBECONFIG=kubeconfig) for _ in range(3))
        help_ = min(_called("--help")[0] for _ in range(3))
        return status, megabytes, help_, _single_file(Path(folder))


def _called(*words: str, **environment: str) -> tuple[float, float]:
    """Return seconds and peak megabytes of a command."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _TELLING, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "AZDISKBACKUP_NOW": world.NOW.isoformat(), **environment},
        check=True,
    )
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", done.stderr)
    return time.monotonic() - begun, int(peak) / 1024


def _single_file(folder: Path) -> float:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    subprocess.run(["make", "-s", "plugin", f"DIST={folder}"], cwd=ROOT, env=clean, check=True, capture_output=True)
    python = str(Path(sys.base_prefix) / "bin")
    found = []
    for _ in range(4):
        begun = time.monotonic()
        subprocess.run(
            [folder / "kubectl-azdiskbackup", "--help"],
            env={"PATH": f"{python}:/usr/bin:/bin", "HOME": str(folder), "SHIV_ROOT": str(folder / "unpacked")},
            check=True,
            capture_output=True,
        )
        found.append(time.monotonic() - begun)
    return min(found)
