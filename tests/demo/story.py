"""The story of one disk until it is backed up: what is applied, and what the conditions say while time passes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from demo.app import App
from demo.disasters import Scene
from demo.shell import Shell
from demo.stopwatch import Stopwatch
from demo.telling import StoryError, Teller
from demo.world import CLAIM, NAMESPACE, fast_forward, furnish_azure, furnish_cluster
from harness.stack import Stack
from harness.tenant import Tenant

_PATIENCE_SECONDS = 120
_LOOK_EVERY_SECONDS = 0.2
# What it does at its end by the command, and what another story is about.
_OTHERS = ("50-disk-restore.yaml", "60-disk-protection-rule.yaml")

Json = dict[str, Any]


class Story:
    """Tells the story with the objects of a folder of samples."""

    def __init__(self, stack: Stack, teller: Teller, samples: Path) -> None:
        self._stack = stack
        self._teller = teller
        self._samples = samples
        self._team = Tenant(stack, NAMESPACE)

    def tell(self, disaster: Callable[[Scene], None]) -> None:
        """Start everything, apply the samples, and tell what happens until lost data are back."""
        app = self._begin()
        self._teller.heading("Four minutes of Azure pass in a second")
        with fast_forward(self._stack):
            self._chapter("backupvault/demo", "The vault is ready", _vault)
            self._chapter("diskbackuppolicy/gold", "The policy is ready", _policy)
            self._chapter("protecteddisk/postgres-data", "The disk is protected", _disk)
            self._chapter("ondemandbackup/before-upgrade", "The backup is done", _backup, type_="Succeeded")
            self._restore_points()
        disaster(Scene(self._stack, self._teller, app, Shell(self._stack, self._teller)))

    def _begin(self) -> App:
        teller, stack = self._teller, self._stack
        teller.say("Starting etcd, kube-apiserver and kube-controller-manager …")
        stack.start_control_plane()
        teller.say("Starting the Azure simulator …")
        stack.start_simulator()
        furnish_azure(stack)
        teller.say("helm upgrade --install azdiskbackup charts/azdiskbackup --wait …")
        stack.start_operator()
        pod = stack.installation.leading()
        teller.say(f"The pod {pod.name} leads, with the chart's rights and no other.")
        furnish_cluster(stack)
        app = App(stack, teller)
        app.write(CLAIM)
        for sample in sorted(self._samples.glob("*.yaml")):
            if sample.name not in _OTHERS:
                teller.say(f"kubectl apply -f deploy/samples/{sample.name}")
                stack.plane.kubectl("apply", "-f", str(sample))
        return app

    def _chapter(self, name: str, good: str, detail: Callable[[Json], str], *, type_: str = "Ready") -> None:
        """Tell each change of an object's Ready until a condition is True."""
        told: tuple[str, str] | None = None
        watch = Stopwatch(self._stack)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        kind = name.split("/")[0]
        while time.monotonic() < deadline:
            found = self._get(name)
            conditions = {each["type"]: each for each in found.get("status", {}).get("conditions", [])}
            summary = conditions.get(type_, {})
            if summary.get("status") == "True":
                self._teller.happened(self._stack.azure.now, good, detail(found["status"]), good=True)
                self._teller.took(watch)
                return
            news = (summary.get("reason", ""), _short(summary.get("message", "")))
            if summary and news != told:
                told = news
                self._teller.happened(self._stack.azure.now, f"{kind}: {news[0]}", news[1])
            if "Stalled" in conditions:
                raise StoryError(f"{name} is stalled: {conditions['Stalled']['message']}")
            # The story is told in real time, to somebody who watches.
            time.sleep(_LOOK_EVERY_SECONDS)
        raise StoryError(f"{name} was not there after {_PATIENCE_SECONDS} s: {json.dumps(found.get('status'))}")

    def _restore_points(self) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            points = self._get("protecteddisk/postgres-data")["status"].get("restorePoints")
            if points:
                for point in points["recent"]:
                    self._teller.happened(
                        self._stack.azure.now,
                        f"Restore point of {point['time']}",
                        f"rule {point['retentionRule']}, expires {point['expiryTime']}",
                        good=True,
                    )
                return
            time.sleep(_LOOK_EVERY_SECONDS)
        raise StoryError("no restore point appeared in the status of protecteddisk/postgres-data")

    def _get(self, name: str) -> Json:
        return self._team.get(*name.split("/"))


def _short(message: str) -> str:
    """Return the first two sentences; the whole is in kubectl describe."""
    return ". ".join(message.split(". ")[:2])


def _vault(status: Json) -> str:
    return f"identity {status['principalID']}"


def _policy(status: Json) -> str:
    points = status["restorePoints"]
    return f"{status['backupsPerDay']} backups a day, at most {points['expected']} of {points['limit']} restore points"


def _disk(status: Json) -> str:
    disk = status["disk"]
    return f"{disk['name']}, {disk['sizeGiB']} GiB, {disk['sku']}"


def _backup(status: Json) -> str:
    return f"in {status['durationSeconds']} s, restore point {status['restorePoint']['id']}"
