"""The app whose data is lost: whatever it does is done by a pod that mounts its PVC."""

from __future__ import annotations

import itertools
import time
from typing import Any

from demo.telling import StoryError, Teller
from demo.world import NAMESPACE
from harness.stack import Stack
from nodeless.images import Image

ORDERS = 1000
_IMAGE = "shell"
_PATIENCE_SECONDS = 60
_LOOK_EVERY_SECONDS = 0.2


class App:
    """An app with a file of orders on a PVC.

    Args:
        stack: with a control plane that runs, and disks that hold data.
        teller: tells what happens.
    """

    def __init__(self, stack: Stack, teller: Teller) -> None:
        self._stack = stack
        self._teller = teller
        # What a pod said is found by its name, so that none has that of another.
        self._number = itertools.count(1)
        stack.kubelet.images.add(_IMAGE, Image(entrypoint=["/bin/sh"], folders={}))

    def write(self, claim: str) -> None:
        """Write the orders."""
        self._run("write", claim, f'seq -f "order %.0f" {ORDERS} >"$DATA/orders"')
        self._teller.say(f"A pod writes {self.orders(claim)} orders to the PVC {claim}.")

    def orders(self, claim: str) -> int:
        """Return how many orders a pod finds on a PVC."""
        return int(self._run("count", claim, 'cat "$DATA"/* 2>/dev/null | wc -l'))

    def lose(self, claim: str) -> None:
        """Delete everything on the disk."""
        self._run("mistake", claim, 'rm -rf "$DATA"/*')
        self._teller.happened(
            self._stack.azure.now, "A pod deletes everything on the disk", f"{self.orders(claim)} orders are left"
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

    def _run(self, name: str, claim: str, script: str) -> str:
        """Run a script with a PVC at ``$DATA``, as a pod; return what it printed."""
        plane, name = self._stack.plane, f"{name}-{next(self._number)}"
        # A namespace that was created a moment ago has none yet.
        plane.kubectl("wait", "--for=create", "serviceaccount/default", "-n", NAMESPACE)
        plane.apply(_pod(name, claim, script))
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


def _pod(name: str, claim: str, script: str) -> dict[str, Any]:
    container = {
        "name": "app",
        "image": _IMAGE,
        "command": ["/bin/sh", "-c", script],
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
