"""Disks hold data: a backup keeps them as they were, a restored disk has them, and pods mount them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from azure_simulator.http.control import PREFIX
from azure_simulator.http.messages import Request
from azure_simulator.http.server import Server
from azure_simulator.model.disk_folders import DiskFolders, path_of
from contract.portal import DISKS, INSTANCE, Json
from contract.restoring import TARGET, RestorePortal
from controlplane.plane import ControlPlane
from harness import objects
from harness.installation import kubelet_of
from harness.objects import DISK_GROUP, LOCATION, SUBSCRIPTION
from harness.processes import wait_for
from nodeless.disks import Disks
from nodeless.environment import BadContainerError
from nodeless.images import Image
from nodeless.kubelet import Kubelet

DISK = f"{DISKS}/providers/Microsoft.Compute/disks/data"


class DataPortal(RestorePortal):
    """A portal whose disks hold data in a folder."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.service.azure.cloud.folders = DiskFolders(root)

    def on(self, disk_id: str) -> Path:
        return path_of(self.root, disk_id)

    def snapshots(self) -> set[str]:
        return {each.name for each in (self.root / "snapshots").glob("*")}


@pytest.fixture
def portal(tmp_path: Path) -> DataPortal:
    return DataPortal(tmp_path / "disks")


# --- what is kept -------------------------------------------------------------------------------------


def test_a_restored_disk_has_what_the_snapshot_saw(portal: DataPortal) -> None:
    portal.back_up()
    (portal.on(DISK) / "tables").mkdir()
    (portal.on(DISK) / "tables" / "orders").write_text("one")
    portal.take_point()
    (portal.on(DISK) / "tables" / "orders").write_text("two")
    (portal.on(DISK) / "later").touch()
    assert portal.restored()["status"] == "Completed"
    assert (portal.on(TARGET) / "tables" / "orders").read_text() == "one"
    assert not (portal.on(TARGET) / "later").exists()
    (portal.on(TARGET) / "tables" / "orders").write_text("three")
    assert (portal.on(DISK) / "tables" / "orders").read_text() == "two", "each has its own"
    assert portal.restored(f"{TARGET}-2")["status"] == "Completed"
    assert (portal.on(f"{TARGET}-2") / "tables" / "orders").read_text() == "one"
    assert portal.on(TARGET.upper()).resolve() == portal.on(TARGET).resolve()


def test_a_snapshot_is_taken_when_the_backup_starts_and_outlives_the_disk(portal: DataPortal) -> None:
    portal.back_up()
    (portal.on(DISK) / "orders").write_text("one")
    started = portal.ask("POST", f"{INSTANCE}/backup", {"backupRuleOptions": {
        "ruleName": "BackupHourly", "triggerOption": {"retentionTagOverride": "Default"}}})  # fmt: skip
    assert started.status == 202
    (portal.on(DISK) / "orders").write_text("two")
    portal.passes(minutes=4)
    portal.point = portal.body(f"{INSTANCE}/recoveryPoints")["value"][0]["name"]
    portal.remove(DISK)
    assert not portal.on(DISK).exists()
    assert portal.restored()["status"] == "Completed"
    assert (portal.on(TARGET) / "orders").read_text() == "one"


def test_what_expires_or_fails_is_deleted(portal: DataPortal) -> None:
    portal.back_up()
    assert len(portal.snapshots()) == 1
    portal.fail_backups("UserErrorX", "x", "y")
    portal.passes(hours=4)
    portal.body(INSTANCE)
    assert len(portal.snapshots()) == 1
    portal.passes(days=8)
    assert portal.points_kept() == 0 and portal.snapshots() == set()


def test_another_disk_of_the_same_name_is_empty(portal: DataPortal) -> None:
    where = {"subscription": SUBSCRIPTION, "group": DISK_GROUP, "name": "again", "location": LOCATION}
    (disk,) = portal.seed(disks=[where])["disks"]
    (portal.on(disk) / "file").touch()
    portal.remove(disk)
    assert portal.seed(disks=[where])["disks"] == [disk]
    assert portal.on(disk).is_dir() and not list(portal.on(disk).iterdir())


def test_without_a_folder_nothing_is_kept() -> None:
    portal = RestorePortal()
    portal.back_up()
    assert portal.restored()["status"] == "Completed"
    assert portal.service.azure.cloud.folders._root is None


def test_data_are_those_of_before_the_simulator_was_killed(tmp_path: Path) -> None:
    data, journal, start = tmp_path / "disks", tmp_path / "journal", RestorePortal().now
    where = {"subscription": SUBSCRIPTION, "group": DISK_GROUP, "name": "data", "location": LOCATION}
    seed: Json = {"subscriptions": [SUBSCRIPTION], "callers": [{"clientID": "a-person"}], "disks": [where],
                  "groups": [{"subscription": SUBSCRIPTION, "name": DISK_GROUP, "location": LOCATION}]}  # fmt: skip
    first = Server(start, 0, journal, data)
    for number in range(3):
        request = Request("POST", f"{PREFIX}seed", {}, json.dumps(seed))
        first._dispatch(request)
        first._journal.write(start + timedelta(seconds=number), request)
        (path_of(data, DISK) / "life").write_text(str(number))
    first._journal.close()
    second = Server(start, 0, journal, data)
    second._journal.close()
    assert (path_of(data, DISK) / "life").read_text() == "2"
    assert len(list((data / "disks").iterdir())) == 1


# --- pods ---------------------------------------------------------------------------------------------


def test_a_disk_is_one_pods_at_a_time(tmp_path: Path) -> None:
    disks = Disks(lambda handle: tmp_path / handle.lower())
    (tmp_path / "disk").mkdir()
    assert disks.attach("disk", "1", "first") == disks.attach("DISK", "1", "first") == tmp_path / "disk"
    with pytest.raises(BadContainerError, match="used by pod first"):
        disks.attach("Disk", "2", "second")
    disks.detach("1")
    disks.attach("disk", "2", "second")
    with pytest.raises(BadContainerError, match="not found"):
        disks.attach("none", "1", "first")


@pytest.fixture
def kubelet(plane: ControlPlane, portal: DataPortal, tmp_path: Path) -> Iterator[Kubelet]:
    found = kubelet_of(plane, tmp_path / "pods", lambda restarts: 0.1, portal.root)
    found.images.add("shell", Image(entrypoint=["/bin/sh"], folders={}))
    found.start()
    yield found
    found.stop()


def pod(name: str, claim: str, script: str) -> Json:
    """Return a pod that runs a script with the disk of a claim at ``$DATA``."""
    container = {
        "name": "shell",
        "image": "shell",
        "command": ["/bin/sh", "-c", script],
        "env": [{"name": "DATA", "value": "/data"}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": claim}}
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [volume],
    }
    metadata = {"name": name, "namespace": "data"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def test_pods_write_to_a_disk_and_read_what_was_restored(
    plane: ControlPlane, portal: DataPortal, kubelet: Kubelet
) -> None:
    def phase(name: str) -> str:
        return str(plane.read(f"/api/v1/namespaces/data/pods/{name}")["status"]["phase"])

    def bind(claim: str, handle: str) -> None:
        plane.apply(
            objects.claim(claim, f"data-{claim}", "data"), objects.volume(f"data-{claim}", handle, claim, "data")
        )

    portal.back_up()
    plane.apply(objects.namespace("data"))
    account = "/api/v1/namespaces/data/serviceaccounts/default"
    wait_for(lambda: plane.request("GET", account)[0] == 200, "pods can be made")
    plane.apply(pod("writer", "source", 'echo one >"$DATA/orders"; sleep 1000'))
    bind("source", DISK)
    wait_for(lambda: phase("writer") == "Running" and (portal.on(DISK) / "orders").exists(), "a pod writes")
    plane.apply(pod("second", "source", 'cat "$DATA/orders"'))
    portal.take_point()
    plane.request("DELETE", "/api/v1/namespaces/data/pods/writer")
    wait_for(lambda: phase("second") == "Succeeded", "another pod has the disk once the first has gone")
    (portal.on(DISK) / "orders").write_text("two")
    assert portal.restored()["status"] == "Completed"
    bind("restored", TARGET)
    plane.apply(pod("reader", "restored", 'cat "$DATA/orders" && echo read >"$DATA/orders"'))
    wait_for(lambda: phase("reader") == "Succeeded", "a pod reads what was restored")
    assert kubelet.said("reader") == "one\n" and (portal.on(TARGET) / "orders").read_text() == "read\n"
    assert (portal.on(DISK) / "orders").read_text() == "two"
