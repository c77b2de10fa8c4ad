"""A namespace in memory, whose volumes are bound and released as by the real controllers."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from azdiskbackup.core.objects.markers import FOLLOW_PVC
from azdiskbackup.kube.exchange import Answer
from azdiskbackup.plugin.cluster.swap.record import ANNOTATION
from harness import objects
from plugin.world import NOW
from world.api_server import ApiServer, InMemoryExchange

Json = dict[str, Any]
SWAP = "swap data-0 data-0-restored --yes"
SCALED = f"{SWAP} --scale statefulset/db"
_WRITES = ("POST", "PATCH", "PUT", "DELETE")
CLAIMS = "/api/v1/namespaces/shop/persistentvolumeclaims"
VOLUMES = "/api/v1/persistentvolumes"
_DISKS = "/apis/azdiskbackup.io/v1alpha1/namespaces/shop/protecteddisks"


class Killed(BaseException):
    """Stands for the end of the process."""


class Shop(InMemoryExchange):
    """A namespace with a StatefulSet whose PVC was restored beside it.

    Attributes:
        kill_at: the write at which the process ends; None for none.
        is_lost: whether that write is lost.
        end: how the process ends.
        denied: the resources that the caller may not change, as a review of its permissions says.
        forbidden: a resource of which each change is refused; empty for none.
        hidden: one that may not be read.
    """

    def __init__(self) -> None:
        uids = count(1)
        self.server = ApiServer(lambda: NOW, lambda: f"uid-{next(uids)}")
        super().__init__(self.server)
        self.replicas, self.users, self.attached = 3, ["db-0"], ["pv-old"]
        self.retention: Json = {}
        self.writes, self.kill_at, self.is_lost = 0, -1, False
        self.end: type[BaseException] = Killed
        self.denied: tuple[str, ...] = ()
        self.forbidden = self.hidden = ""
        self.deleted_disks: list[str] = []
        self.server.binder.delete_disk = self.deleted_disks.append
        self.put("/api/v1/namespaces", objects.namespace())
        for claim, volume in (("data-0", "pv-old"), ("data-0-restored", "pv-new")):
            made = objects.volume(volume, objects.disk_id(volume), claim)
            made["metadata"]["annotations"] = {"pv.kubernetes.io/provisioned-by": "disk.csi.azure.com"}
            made["spec"]["persistentVolumeReclaimPolicy"] = "Delete" if volume == "pv-old" else "Retain"
            self.put(VOLUMES, made)
            about = objects.claim(claim, volume)
            about["metadata"] |= {"labels": {"app": claim}, "annotations": {"team": "shop"}}
            self.put(CLAIMS, about)
        self.protect("data", "pv-old")

    def put(self, path: str, body: Json) -> None:
        answer = self.server.answer("POST", path, body, "application/json")
        assert answer.status == 201, answer.content
        self.server.settle()

    def protect(self, name: str, disk: str) -> None:
        """Have a ProtectedDisk of the PVC, which protects a disk."""
        self.put(_DISKS, objects.disk(name))
        found = {"id": objects.disk_id(disk), "name": disk, "location": "westeurope", "persistentVolume": disk}
        status = {"disk": found}
        self.change(f"{_DISKS}/{name}/status", {"status": status})

    def follows(self, name: str = "data") -> bool:
        """Return whether a ProtectedDisk follows the PVC that there is now."""
        uid = self.get(f"{CLAIMS}/data-0").get("metadata", {}).get("uid", "no such PVC")
        return (self.get(f"{_DISKS}/{name}")["metadata"].get("annotations") or {}).get(FOLLOW_PVC) == uid

    def get(self, path: str) -> Json:
        found: Json = json.loads(self.server.answer("GET", path, None, "application/json").content)
        return found

    def change(self, path: str, patch: Json) -> None:
        self.server.answer("PATCH", path, patch, "application/merge-patch+json")
        self.server.settle()

    async def send(self, method: str, path: str, body: Any, content_type: str, seconds: float) -> Answer:
        if "selfsubjectaccessreviews" in path:
            allowed = body["spec"]["resourceAttributes"]["resource"] not in self.denied
            return _answer({"status": {"allowed": allowed}})
        is_last = False
        refused = self.forbidden if method in _WRITES else self.hidden
        if refused and refused in path:
            return Answer(403, json.dumps({"reason": "Forbidden", "message": "forbidden"}).encode(), {})
        if method in _WRITES:
            is_last = self.writes == self.kill_at
            self.writes += 1
        if is_last and self.is_lost:
            raise self.end
        answer = self._own(method, path, body) or await super().send(method, path, body, content_type, seconds)
        if is_last:
            raise self.end
        return answer

    def _own(self, method: str, path: str, body: Any) -> Answer | None:
        """Answer what the server in memory does not have."""
        if "/statefulsets/db/scale" in path and method == "PATCH":
            self.replicas = body["spec"]["replicas"]
            self.users = ["db-0"] if self.replicas else []
            self.attached = ["pv-new"] if self.replicas else []
            return _answer({"spec": body["spec"]})
        if path.endswith("/statefulsets/db"):
            spec = {"replicas": self.replicas, "persistentVolumeClaimRetentionPolicy": self.retention}
            return _answer({"metadata": {"name": "db"}, "spec": spec})
        if "/statefulsets/" in path:
            return Answer(404, json.dumps({"reason": "NotFound", "message": "not found"}).encode(), {})
        if "/pods" in path:
            return _answer({"items": [_pod(each) for each in self.users], "metadata": {}})
        if "/volumeattachments" in path:
            spec = [{"nodeName": "node-1", "source": {"persistentVolumeName": each}} for each in self.attached]
            return _answer({"items": [{"metadata": {"name": "a"}, "spec": each} for each in spec], "metadata": {}})
        return None

    def seen(self) -> Json:
        """Return what matters, to compare."""
        claims = self.get(CLAIMS)["items"]
        volumes = self.get(VOLUMES)["items"]
        return {
            "claims": {
                each["metadata"]["name"]: (
                    each["spec"]["volumeName"], each["status"]["phase"], each["metadata"].get("labels"),
                    (each["metadata"].get("annotations") or {}).get("team"),
                )
                for each in claims
            },
            "volumes": {
                each["metadata"]["name"]: (each["status"]["phase"], each["spec"]["persistentVolumeReclaimPolicy"])
                for each in volumes
            },
            "recorded": sum(ANNOTATION in (each["metadata"].get("annotations") or {}) for each in volumes),
            "replicas": self.replicas,
            "deleted": self.deleted_disks,
            "follows": self.follows(),
        }  # fmt: skip


def _answer(found: Json) -> Answer:
    return Answer(200, json.dumps(found).encode(), {})


def _pod(name: str, claim: str = "data-0") -> Json:
    owner = {"kind": "StatefulSet", "name": "db"}
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return {"metadata": {"name": name, "ownerReferences": [owner]}, "spec": {"volumes": volumes}}
