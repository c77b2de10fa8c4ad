"""The pages of docs/tasks that take a cluster or a namespace apart, word for word, each in a world of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from demo.world import CLAIM, NAMESPACE, delete_volumes
from harness import objects
from harness.task_pages import World, needs_jq, started


@pytest.fixture
def own_world(tmp_path: Path) -> Iterator[World]:
    """A world that a page may take apart."""
    yield from started(tmp_path, "here")


@pytest.fixture
def two_clusters(tmp_path: Path) -> Iterator[World]:
    yield from started(tmp_path, "old", "new")


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
    # In the cluster that is left nobody restores any more: by Azure's own command, from anywhere.
    lines = told.partition("How to restore\n")[2].splitlines()
    commands = "\n".join(each for each in lines if not each.startswith("kubectl azdiskbackup restore"))
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


def test_restore_a_namespace(own_world: World) -> None:
    needs_jq()
    own_world.has_a_disk()
    own_world.kubectl("delete", "namespace", NAMESPACE)
    delete_volumes(own_world.stack)
    own_world.follows("restore-a-namespace")
    volume = own_world.kubectl("get", "pvc", CLAIM, "-n", NAMESPACE, "-o", "jsonpath={.spec.volumeName}")
    handle = own_world.kubectl("get", "pv", volume, "-o", "jsonpath={.spec.csi.volumeHandle}")
    assert f"/{objects.RESTORE_GROUP}/" in handle
    assert own_world.state_in_azure(handle.rpartition("/")[2], objects.RESTORE_GROUP) == "ProtectionConfigured"
    access = json.loads(own_world.kubectl("get", "azvault", "demo", "-o", "json"))["spec"]["access"]
    assert not access.get("adoptFromClusters") and "restoreOrphanNamespaces" not in access


def kafka_disk(folder: Path) -> Path:
    """Return a manifest that protects one disk of another namespace."""
    path = folder / "kafka.yaml"
    path.write_text(yaml.safe_dump(objects.disk("data-kafka-0", "events", "data-kafka-0")))
    return path
