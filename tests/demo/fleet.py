"""The story of a fleet: forty PVCs of six teams, and one rule; one team opts out, one disk cannot be protected."""

from __future__ import annotations

import functools
import json
import os
import time
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from demo.shell import Shell
from demo.stopwatch import Stopwatch
from demo.telling import StoryError, Teller
from demo.world import fast_forward
from harness import objects
from harness.stack import Stack

Json = dict[str, Any]

_TEAMS = ("shop", "bank", "maps", "mail", "wiki", "labs")
_COUNT = 40
_SIZE_GIB = 32
_OPTS_OUT = "labs"
# Two nodes may attach it at the same time, which Azure Backup does not back up.
_SHARED = ("bank", "ledger-shared")
_RULE = "all-teams"
_PATIENCE_SECONDS = 240
_LOOK_EVERY_SECONDS = 0.3


class Fleet:
    """Tells the story.

    Args:
        stack: where it happens.
        teller: tells it.
    """

    def __init__(self, stack: Stack, teller: Teller) -> None:
        self._stack, self._teller = stack, teller

    def tell(self, page: Path | None = None) -> None:
        """Start everything; look what a rule would do, have it done, and show the report.

        Args:
            page: where the report is written as HTML, and opened in a browser where there is a display.
        """
        self._begin()
        teller, types = self._teller, self._shell.types
        teller.heading("What would a rule protect? It is tried first")
        self._applies(_rule("DryRun"))
        self._waits("it has looked at all of them", lambda status: status.get("matched") == _COUNT)
        types("get", "azdiskrule", _RULE)
        types("azdiskbackup", "why", _SHARED[1], "-n", _SHARED[0])
        teller.heading(f"The team {_OPTS_OUT} wants no backups, and says so")
        types("label", "namespace", _OPTS_OUT, "azdiskbackup.io/protect=false")
        teller.heading("The rule is enforced; four minutes of Azure pass in a second")
        types("patch", "azdiskrule", _RULE, "--type=merge", "-p", '{"spec":{"mode":"Enforce"}}')
        protected = _COUNT - sum(team == _OPTS_OUT for team, _ in _claims()) - 1
        self._waits("all that can be protected is", lambda status: status.get("protected") == protected)
        types("get", "azdiskrule", _RULE)
        teller.heading("Every volume that is not protected, and why")
        types("azdiskbackup", "report")
        if page is not None:
            teller.say(f"kubectl azdiskbackup report -o html > {page}")
            page.write_text(self._shell.reads("azdiskbackup", "report", "-o", "html"))
            # One without a display would take the terminal away.
            if os.environ.keys() & {"DISPLAY", "WAYLAND_DISPLAY"}:
                webbrowser.open(page.as_uri())

    @functools.cached_property
    def _shell(self) -> Shell:
        # Only now, since it asks the simulator for its address.
        return Shell(self._stack, self._teller)

    def _begin(self) -> None:
        teller, stack = self._teller, self._stack
        teller.say("Starting etcd, kube-apiserver and kube-controller-manager …")
        stack.start_control_plane()
        teller.say("Starting the Azure simulator …")
        stack.start_simulator()
        self._furnish_azure()
        teller.say("helm upgrade --install azdiskbackup charts/azdiskbackup --wait …")
        stack.start_operator()
        self._furnish_cluster()
        teller.say(f"{len(_TEAMS)} teams have {_COUNT} PVCs on Azure disks, and no backups.")
        self._applies(objects.vault(diskRoleScope="ResourceGroup"), objects.policy())
        with fast_forward(stack):
            self._shell.reads("wait", "--for=condition=Ready", "azdiskpolicy/gold", "--timeout=120s")
        teller.happened(stack.azure.now, "The vault and the policy are ready", good=True)

    def _furnish_azure(self) -> None:
        place = {"subscription": objects.SUBSCRIPTION, "location": objects.LOCATION}
        self._stack.azure.seed(
            subscriptions=[objects.SUBSCRIPTION],
            groups=[
                {**place, "name": name} for name in (objects.VAULT_GROUP, objects.DISK_GROUP, objects.SNAPSHOT_GROUP)
            ],
            disks=[
                {**place, "group": objects.DISK_GROUP, "name": f"{team}-{name}", "sizeGiB": _SIZE_GIB}
                for team, name in _claims()
            ],
        )

    def _furnish_cluster(self) -> None:
        made: list[Json] = [objects.namespace(team) for team in _TEAMS]
        for team, name in _claims():
            volume = objects.volume(f"{team}-{name}", objects.disk_id(f"{team}-{name}"), name, team)
            if (team, name) == _SHARED:
                volume["spec"]["csi"]["volumeAttributes"] = {"maxShares": "2"}
            made += [volume, objects.claim(name, f"{team}-{name}", team)]
        self._stack.plane.apply(*made)

    def _applies(self, *wanted: Json) -> None:
        for each in wanted:
            self._teller.say(f"kubectl apply: {each['kind']} {each['metadata']['name']} {json.dumps(each['spec'])}")
        self._stack.plane.apply(*wanted)

    def _waits(self, what: str, holds: Callable[[Json], bool]) -> None:
        """Tell how the rule's numbers change until something holds."""
        watch, told = Stopwatch(self._stack), None
        deadline = time.monotonic() + _PATIENCE_SECONDS
        with fast_forward(self._stack):
            while time.monotonic() < deadline:
                status = json.loads(self._shell.reads("get", "azdiskrule", _RULE, "-o", "json")).get("status") or {}
                numbers = tuple(status.get(name) for name in ("matched", "protected", "pending"))
                if numbers != told and None not in numbers:
                    told = numbers
                    said = f"{numbers[0]} PVCs matched, {numbers[1]} protected, {numbers[2]} pending"
                    self._teller.happened(self._stack.azure.now, said, good=holds(status))
                if holds(status):
                    self._teller.took(watch)
                    return
                # The story is told in real time, to somebody who watches.
                time.sleep(_LOOK_EVERY_SECONDS)
        raise StoryError(f"not within {_PATIENCE_SECONDS} s: {what}: {json.dumps(status)}")


def _claims() -> Iterator[tuple[str, str]]:
    """Yield namespace and name of each PVC."""
    yield _SHARED
    for number in range(_COUNT - 1):
        yield _TEAMS[number % len(_TEAMS)], f"data-{number // len(_TEAMS)}"


def _rule(mode: str) -> Json:
    return objects.rule(_RULE, mode=mode, maxNewPerHour=60)
