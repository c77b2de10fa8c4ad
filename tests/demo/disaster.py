"""The end of the story: an app loses what is on its disk, and has it back from the restore point."""

from __future__ import annotations

import itertools
import subprocess
import time
from typing import Any

from demo.telling import StoryError, Teller
from demo.world import NAMESPACE
from harness.plugin import Person
from harness.stack import Stack
from nodeless.images import Image

ORDERS = 1000
CLAIM = "data-postgres-0"
_IMAGE = "shell"
_PATIENCE_SECONDS = 60
_LOOK_EVERY_SECONDS = 0.2


class App:
    """An app with a file of orders on a PVC: whatever it does is done by a pod that mounts the PVC.

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

    def write(self) -> None:
        """Write the orders."""
        self._stack.plane.kubectl("wait", "--for=create", "serviceaccount/default", "-n", NAMESPACE)
        self._run("write", CLAIM, f'seq -f "order %.0f" {ORDERS} >"$DATA/orders"')
        self._teller.say(f"A pod writes {self.orders(CLAIM)} orders to the PVC {CLAIM}.")

    def orders(self, claim: str) -> int:
        """Return how many orders a pod finds on a PVC."""
        return int(self._run("count", claim, 'cat "$DATA"/* 2>/dev/null | wc -l'))

    def lose(self) -> None:
        """Delete everything on the disk."""
        self._run("mistake", CLAIM, 'rm -rf "$DATA"/*')
        self._teller.happened(
            self._stack.azure.now, "A pod deletes everything on the disk", f"{self.orders(CLAIM)} orders are left"
        )

    def restore(self) -> None:
        """Restore with the command, and count.

        Raises:
            StoryError: the command failed, or orders are missing.
        """
        words = ("azdiskbackup", "restore", "postgres-data", "-n", NAMESPACE, "--wait")
        self._teller.plain(f"$ kubectl {' '.join(words)}")
        environment = Person(self._stack, self._stack.plane.kubeconfig).environment
        running = subprocess.Popen(
            ["kubectl", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        assert running.stdout is not None, "it is a pipe"
        try:
            for line in running.stdout:
                self._teller.plain(line.rstrip())
            if running.wait() != 0:
                raise StoryError(f"kubectl {' '.join(words)} ended with {running.returncode}")
        finally:
            running.kill()
            running.wait()
        claim = f"{CLAIM}-restored"
        found = self.orders(claim)
        if found != ORDERS:
            raise StoryError(f"{found} of {ORDERS} orders are on the PVC {claim}")
        self._teller.happened(
            self._stack.azure.now, f"{found} of {ORDERS} orders are back", f"on the PVC {claim}", good=True
        )

    def _run(self, name: str, claim: str, script: str) -> str:
        """Run a script with a PVC at ``$DATA``, as a pod; return what it printed."""
        plane, name = self._stack.plane, f"{name}-{next(self._number)}"
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
