"""How the stories end: data are lost, and come back by the commands of docs/tasks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from demo.app import App
from demo.shell import Shell
from demo.telling import Teller
from demo.world import CLAIM, NAMESPACE, delete_volumes
from harness.stack import Stack

_NO_ACCESS = "spec: {access: {restoreOrphanNamespaces: null, adoptFromClusters: null}}"


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a story ends."""

    stack: Stack
    teller: Teller
    app: App
    shell: Shell


def lose_disk(scene: Scene) -> None:
    """Everything on the disk is deleted, and comes back on a PVC beside the old one (docs/tasks/restore.md)."""
    scene.teller.heading("What was on the disk is lost, and comes back")
    scene.app.lose(CLAIM)
    # Not simply the newest one: where a scheduled backup is due in these minutes, that is of the disk as it is now.
    backup = json.loads(scene.shell.reads("get", "odbackup", "before-upgrade", "-n", NAMESPACE, "-o", "json"))
    point = ("--point", backup["status"]["restorePoint"]["id"])
    scene.shell.types("azdiskbackup", "restore", "postgres-data", "-n", NAMESPACE, *point, "--wait")
    scene.app.has_all_back(f"{CLAIM}-restored")


def lose_namespace(scene: Scene) -> None:
    """The namespace is deleted, and its data come back into a new one (docs/tasks/restore-a-namespace.md)."""
    teller, types = scene.teller, scene.shell.types
    teller.heading("The namespace is deleted by mistake, with everything in it")
    types("delete", "namespace", NAMESPACE)
    delete_volumes(scene.stack)
    teller.happened(scene.stack.azure.now, "Its volumes and their disks are deleted", "by their reclaim policy, Delete")
    teller.heading("Its backups are still there")
    types("azdiskbackup", "orphans")
    teller.heading("The platform team creates it again, and lets it have the backups")
    teller.say("A namespace of the same name may be another team's: it gets nothing by itself.")
    types("create", "namespace", NAMESPACE)
    cluster = scene.shell.reads("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
    types("patch", "azvault", "demo", "--type=merge", "-p", _access(cluster))
    teller.heading("Its data come back")
    (orphan,) = json.loads(scene.shell.reads("azdiskbackup", "orphans", "-n", NAMESPACE, "-o", "json"))["items"]
    source = ("--vault", "demo", "--instance", orphan["instance"])
    what_no_backup_says = ("--pvc", CLAIM, "--storage-class", "managed-csi", "--fs-type", "ext4")
    types("azdiskbackup", "restore", "-n", NAMESPACE, *source, *what_no_backup_says, "--wait")
    scene.app.has_all_back(CLAIM)
    teller.say("The platform team takes back what it allowed.")
    types("patch", "azvault", "demo", "--type=merge", "-p", _NO_ACCESS)


def _access(cluster: str) -> str:
    return f"""
spec:
  access:
    restoreOrphanNamespaces:
      matchLabels:
        kubernetes.io/metadata.name: {NAMESPACE}
    adoptFromClusters: [{cluster}] # this cluster
"""


STORIES: dict[str, Callable[[Scene], None]] = {"disk": lose_disk, "namespace": lose_namespace}
