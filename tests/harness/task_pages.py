"""Clusters, an Azure and a terminal, in which the pages of docs/tasks are followed."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.world import NAMESPACE, furnish_azure, furnish_cluster
from harness import objects
from harness.life_cycle import lent_stack
from harness.pages import clean_environment, follow
from harness.programs import reader, write_programs
from harness.stack import ROOT, Stack

PAGES = ROOT / "docs" / "tasks"
SAMPLES = ROOT / "deploy" / "samples"
# Two minutes of Azure in a second: twice as fast as in the demo, where somebody watches.
RATE = 120
KAFKA = {f"data-kafka-{number}": f"pvc-kafka-{number}" for number in range(3)}


class World:
    """Clusters that share an Azure, and somebody at a terminal.

    Args:
        folder: for all that is written.
        stacks: by the names of their contexts.
    """

    def __init__(self, folder: Path, stacks: dict[str, Stack]) -> None:
        folder.mkdir()
        self.folder = folder
        self.stacks = stacks
        self.stack = next(iter(stacks.values()))
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(contexts(stacks)))
        programs = folder / "bin"
        write_programs(programs, self.stack)
        clean = clean_environment()
        self.environment = clean | {
            "KUBECONFIG": str(kubeconfig),
            "PATH": f"{programs}:{clean['PATH']}",
            **reader(self.stack),
        }

    def follows(self, page: str) -> str:
        """Do what a page says; return all that was to be seen."""
        here = self.folder / page
        here.mkdir()
        return "\n".join(follow(PAGES / f"{page}.md", here, self.environment).values())

    def types(self, script: str) -> str:
        """Run what somebody types, and return what is to be seen."""
        command = ["bash", "--norc", "--noprofile", "-euo", "pipefail", "-c", script]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=1200
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def kubectl(self, *words: str) -> str:
        return self.stack.plane.kubectl(*words)

    def has_a_policy(self) -> None:
        """Have what the platform team makes once."""
        for sample in ("10-backup-vault.yaml", "20-disk-backup-policy.yaml"):
            self.kubectl("apply", "-f", str(SAMPLES / sample))
        self.kubectl("wait", "--for=condition=Ready", "azdiskpolicy/gold", "--timeout=600s")

    def has_a_disk(self) -> None:
        """Have what a team makes once, protected by its policy and with a restore point."""
        self.has_a_policy()
        self.kubectl("apply", "-f", str(SAMPLES / "30-protected-disk.yaml"))
        self.kubectl("wait", "-n", NAMESPACE, "--for=condition=Ready", "pdisk/postgres-data", "--timeout=600s")
        self.kubectl("apply", "-f", str(SAMPLES / "40-on-demand-backup.yaml"))
        backup = ("wait", "-n", NAMESPACE, "--for=condition=Succeeded", "odbackup/before-upgrade", "--timeout=600s")
        self.kubectl(*backup)
        path = "jsonpath={.status.restorePoints.recent[0].id}"
        self.kubectl("wait", "-n", NAMESPACE, f"--for={path}", "pdisk/postgres-data", "--timeout=600s")

    def state_in_azure(self, disk: str, group: str = objects.DISK_GROUP) -> str:
        """Return Azure's word for the protection of a disk, empty if it has no instance."""
        path = f"{objects.disk_id(disk, group=group)}/providers/Microsoft.DataProtection/backupInstances"
        found = self.stack.azure.arm("GET", f"{path}?api-version=2025-07-01")["value"]
        return str(found[0]["properties"]["currentProtectionState"]) if found else ""


def contexts(stacks: dict[str, Stack]) -> dict[str, Any]:
    """Return a kubeconfig with a context for each cluster; the first is the current one."""
    found: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    for name, stack in stacks.items():
        given = yaml.safe_load(stack.plane.kubeconfig.read_text())
        found["clusters"].append({"name": name, "cluster": given["clusters"][0]["cluster"]})
        found["users"].append({"name": name, "user": given["users"][0]["user"]})
        found["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    return found | {"current-context": next(iter(stacks))}


def furnish_kafka(stack: Stack) -> None:
    """Have the volumes of a StatefulSet."""
    place = {"subscription": objects.SUBSCRIPTION, "group": objects.DISK_GROUP, "location": objects.LOCATION}
    stack.azure.seed(disks=[{**place, "name": disk, "sizeGiB": 32} for disk in KAFKA.values()])
    stack.plane.apply(
        objects.namespace("events"),
        *(objects.volume(disk, objects.disk_id(disk), claim, "events") for claim, disk in KAFKA.items()),
        *(objects.claim(claim, disk, "events") for claim, disk in KAFKA.items()),
    )


def started(folder: Path, *names: str) -> Iterator[World]:
    """Yield a world with a cluster for each name; the first one has volumes."""
    with contextlib.ExitStack() as ending:
        stacks: dict[str, Stack] = {}
        for name in names:
            first = next(iter(stacks.values()), None)
            stack = ending.enter_context(
                lent_stack(folder / name, rate=RATE, start=datetime.now(UTC), beside=first, led_before=True)
            )
            stacks[name] = stack
            stack.start_control_plane()
            if first is None:
                stack.start_simulator()
                furnish_azure(stack)
            stack.start_operator()
            if first is None:
                furnish_cluster(stack)
                furnish_kafka(stack)
        yield World(folder / "person", stacks)


def needs_jq() -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is missing, and a page was not followed (Debian: apt-get install jq)")
