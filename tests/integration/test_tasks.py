"""The pages of docs/tasks, word for word, as somebody follows them who has what a page asks for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.tools import tool
from demo.world import NAMESPACE, furnish_azure, furnish_cluster
from harness import objects
from harness.pages import blocks, clean_environment, follow
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

    def state_in_azure(self, disk: str) -> str:
        """Return Azure's word for the protection of a disk, empty if it has no instance."""
        path = f"{objects.disk_id(disk)}/providers/Microsoft.DataProtection/backupInstances?api-version=2025-07-01"
        found = self.stack.azure.arm("GET", path)["value"]
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
    stacks: dict[str, Stack] = {}
    try:
        for name in names:
            first = next(iter(stacks.values()), None)
            stacks[name] = Stack(folder / name, rate=RATE, start=datetime.now(UTC), beside=first)
            stacks[name].start_control_plane()
            if first is None:
                stacks[name].start_simulator()
                furnish_azure(stacks[name])
            stacks[name].start_operator()
            if first is None:
                furnish_cluster(stacks[name])
                furnish_kafka(stacks[name])
        yield World(folder / "person", stacks)
    finally:
        for stack in reversed(stacks.values()):
            stack.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from started(tmp_path_factory.mktemp("tasks"), "here")


@pytest.fixture
def own_world(tmp_path: Path) -> Iterator[World]:
    """A world that a page may take apart."""
    yield from started(tmp_path, "here")


@pytest.fixture
def two_clusters(tmp_path: Path) -> Iterator[World]:
    yield from started(tmp_path, "old", "new")


def test_every_page_has_its_test() -> None:
    tried = {name.removeprefix("test_").replace("_", "-") for name in globals() if name.startswith("test_")}
    pages = {page.stem for page in PAGES.glob("*.md")}
    assert pages and not pages - tried, "a page that nobody follows"
    assert all(any(block.language == "sh" for block in blocks(page)) for page in PAGES.glob("*.md"))


def test_protect_a_pvc(world: World) -> None:
    world.has_a_policy()
    world.kubectl("delete", "pdisk", "--all", "-n", NAMESPACE)
    world.follows("protect-a-pvc")
    assert world.state_in_azure("pvc-postgres-0") == "ProtectionConfigured"


def test_protect_a_statefulset(world: World) -> None:
    world.has_a_policy()
    world.follows("protect-a-statefulset")
    assert {world.state_in_azure(disk) for disk in KAFKA.values()} == {"ProtectionConfigured"}


def test_change_a_policy(world: World) -> None:
    world.has_a_disk()
    world.follows("change-a-policy")
    assert world.state_in_azure("pvc-postgres-0") == "ProtectionConfigured"


def test_backup_before_an_upgrade(world: World) -> None:
    world.has_a_disk()
    world.follows("backup-before-an-upgrade")


@pytest.mark.parametrize("line", ["helm", "helm3"])
def test_a_backup_as_a_hook_of_helm(world: World, line: str) -> None:
    world.has_a_disk()
    shown = {block.title: block.text for block in blocks(PAGES / "backup-before-an-upgrade.md")}["backup-hook.yaml"]
    chart = world.folder / line
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("{apiVersion: v2, name: app, version: 1.0.0}")
    hook = chart / "templates" / "hook.yaml"
    hook.write_text(shown)
    upgrade = f"{tool(line)} upgrade --install app-{line} {chart} -n {NAMESPACE} --timeout=600s"

    def uid() -> str:
        world.types(upgrade)
        path = "jsonpath={.status.completionTime}"
        world.kubectl("wait", "-n", NAMESPACE, f"--for={path}", "odbackup/app-before-upgrade", "--timeout=600s")
        return world.kubectl("get", "-n", NAMESPACE, "odbackup/app-before-upgrade", "-o", "jsonpath={.metadata.uid}")

    world.types(upgrade)
    assert len({uid(), uid()}) == 2, "each upgrade takes one"
    hook.write_text(shown.replace("  name: app-before-upgrade", "  generateName: app-before-upgrade-"))
    with pytest.raises(AssertionError, match="name"):
        world.types(upgrade)


def test_restore(world: World) -> None:
    needs_jq()
    world.has_a_disk()
    world.follows("restore")
    assert world.state_in_azure("postgres-data-restored") == "ProtectionConfigured"
    assert world.state_in_azure("pvc-postgres-0") == "ProtectionStopped"


def test_leave_azdiskbackup(own_world: World) -> None:
    own_world.has_a_disk()
    own_world.kubectl("apply", "-f", str(kafka_disk(own_world.folder)))
    own_world.kubectl("wait", "-n", "events", "--for=condition=Ready", "pdisk/data-kafka-0", "--timeout=600s")
    own_world.follows("leave-azdiskbackup")
    assert own_world.state_in_azure("pvc-postgres-0") == ""
    assert own_world.state_in_azure("pvc-kafka-0") == "ProtectionConfigured"


def test_leave_a_cluster(own_world: World) -> None:
    own_world.has_a_disk()
    own_world.follows("leave-a-cluster")
    assert own_world.state_in_azure("pvc-postgres-0") == "ProtectionStopped"
    # What is left leads back to the data, with what the command writes, word for word.
    vault = (own_world.folder / "leave-a-cluster" / "vaults.txt").read_text().strip()
    (orphan,) = json.loads(own_world.types(f"kubectl azdiskbackup orphans --vault-id {vault} -o json"))["items"]
    told = own_world.types(f"kubectl azdiskbackup orphans {orphan['instance']} --vault-id {vault}")
    commands = told.partition("How to restore\n")[2]
    points = next(line for line in commands.splitlines() if "recovery-point list" in line)
    newest = json.loads(own_world.types(points))[0]["name"]
    group = f"/subscriptions/{objects.SUBSCRIPTION}/resourceGroups/{objects.VAULT_GROUP}"
    chosen = f"RESTORE_POINT={newest} NEW_DISK=back-again TARGET_GROUP={group}"
    own_world.types(re.sub(r"^RESTORE_POINT=.*$", chosen, commands, flags=re.MULTILINE))
    restored = objects.disk_id("back-again", group=objects.VAULT_GROUP)
    own_world.types(f"until az disk show --ids {restored} -o none 2>/dev/null; do sleep 1; done")


def test_move_to_another_cluster(two_clusters: World) -> None:
    needs_jq()
    two_clusters.has_a_disk()
    two_clusters.follows("move-to-another-cluster")
    assert two_clusters.state_in_azure("pvc-postgres-0") == "ProtectionConfigured"


def needs_jq() -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is missing, and a page was not followed (Debian: apt-get install jq)")


def kafka_disk(folder: Path) -> Path:
    """Return a manifest that protects one disk of another namespace."""
    path = folder / "kafka.yaml"
    path.write_text(yaml.safe_dump(objects.disk("data-kafka-0", "events", "data-kafka-0")))
    return path
