"""The app whose data is lost: whatever it does is done by a pod that mounts its PVC."""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path
from typing import Any

from demo.telling import StoryError, Teller
from demo.world import NAMESPACE
from harness.stack import Stack
from nodeless.images import Image

ORDERS = 1000
_IMAGE = "shop"
_PATIENCE_SECONDS = 60
_LOOK_EVERY_SECONDS = 0.2


class App:
    """A shop with a database of orders on a PVC; ``shop.py`` is what its pods run.

    Args:
        stack: with a control plane that runs, and disks that hold data.
        teller: tells what happens.
    """

    def __init__(self, stack: Stack, teller: Teller) -> None:
        self._stack = stack
        self._teller = teller
        # What a pod said is found by its name, so that none has that of another.
        self._number = itertools.count(1)
        python, program = "/app/venv/bin/python", Path(__file__).with_name("shop.py")
        folders = {"/app/venv": Path(sys.prefix), "/app/shop.py": program}
        stack.kubelet.images.add(_IMAGE, Image(entrypoint=[python, "/app/shop.py"], folders=folders))

    def write(self, claim: str) -> None:
        """Take the orders."""
        found = int(self._run("take", claim, str(ORDERS)))
        self._teller.say(f"A pod of a shop writes {found} orders into an SQLite database on the PVC {claim}.")

    def orders(self, claim: str) -> int:
        """Return how many orders a pod finds on a PVC."""
        return int(self._run("count", claim))

    def lose(self, claim: str) -> None:
        """Drop the table of the orders."""
        found = int(self._run("drop", claim))
        self._teller.happened(
            self._stack.azure.now, "A pod drops the table of the orders by mistake", f"{found} orders are left"
        )

    def has_all_back(self, claim: str) -> None:
        """Count the orders on a restored PVC.

        Raises:
            StoryError: some are missing.
        """
        found = self.orders(claim)
        if found != ORDERS:
            raise StoryError(f"{found} of {ORDERS} orders are on the PVC {claim}")
        self._teller.happened(
            self._stack.azure.now, f"{found} of {ORDERS} orders are back", f"on the PVC {claim}", good=True
        )

    def _run(self, verb: str, claim: str, *words: str) -> str:
        """Have a pod do something with the database on a PVC; return what it printed."""
        plane, name = self._stack.plane, f"{verb}-{next(self._number)}"
        # A namespace that was created a moment ago has none yet.
        plane.kubectl("wait", "--for=create", "serviceaccount/default", "-n", NAMESPACE)
        plane.apply(_pod(name, claim, verb, *words))
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (phase := plane.kubectl("get", "pod", name, "-n", NAMESPACE, "-o", "jsonpath={.status.phase}")) not in (
            "Succeeded",
            "Failed",
        ):
            if time.monotonic() > deadline:
                raise StoryError(f"the pod {name} is {phase} after {_PATIENCE_SECONDS} s")
            # The story is told in real time, to somebody who watches.
            time.sleep(_LOOK_EVERY_SECONDS)
        said = self._stack.kubelet.said(name)
        plane.kubectl("delete", "pod", name, "-n", NAMESPACE)
        if phase == "Failed":
            raise StoryError(f"the pod {name} failed: {said}")
        return said


def _pod(name: str, claim: str, *words: str) -> dict[str, Any]:
    container = {
        "name": "app",
        "image": _IMAGE,
        "args": [*words],
        "env": [{"name": "DATA", "value": "/data"}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}
