"""The objects that a swap reads and writes, each named by its path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.errors import OperatorError
from azdiskbackup.kube.client import NotFoundError
from azdiskbackup.kube.watched import WatchedResource
from azdiskbackup.plugin.cluster.client import WHOLE_CLAIMS, Cluster
from azdiskbackup.plugin.cluster.error_sentences import sentence_of
from azdiskbackup.plugin.cluster.restore_checks import WHOLE_VOLUMES
from azdiskbackup.plugin.runtime.exit_code import CliError

Json = dict[str, Any]

CLAIMS, VOLUMES = WHOLE_CLAIMS, WHOLE_VOLUMES
PODS = WatchedResource("Pod", "", "v1", "pods", lambda raw: raw)
ATTACHMENTS = WatchedResource("VolumeAttachment", "storage.k8s.io", "v1", "volumeattachments", lambda raw: raw)
WORKLOADS = {
    "statefulset": WatchedResource("StatefulSet", "apps", "v1", "statefulsets", lambda raw: raw),
    "deployment": WatchedResource("Deployment", "apps", "v1", "deployments", lambda raw: raw),
}


class ObjectClient:
    """Writes objects that are not of this project's kinds."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.namespace = cluster.home

    async def claim(self, name: str) -> Resource | None:
        """Return a PVC of the namespace; None if it does not exist."""
        return await self._cluster.get_or_none(CLAIMS, self.namespace, name)

    async def volume(self, name: str) -> Resource | None:
        """Return a PersistentVolume; None if it does not exist."""
        return await self._cluster.get_or_none(VOLUMES, "", name)

    async def workload(self, kind: str, name: str) -> Resource:
        """Return what is scaled.

        Raises:
            CliError: it does not exist, or may not be read.
        """
        found = await self._cluster.get_or_none(WORKLOADS[kind], self.namespace, name)
        if found is None:
            raise CliError(f"{WORKLOADS[kind].kind} {name!r} does not exist in the namespace {self.namespace!r}.")
        return found

    async def scale(self, kind: str, name: str, replicas: int) -> None:
        """Set how many replicas a workload is to have."""
        path = f"{WORKLOADS[kind].path_in(self.namespace)}/{name}/scale"
        await self._merge(WORKLOADS[kind], path, {"spec": {"replicas": replicas}})

    async def change_volume(self, name: str, patch: Mapping[str, Any]) -> None:
        """Merge into a PersistentVolume."""
        await self._merge(VOLUMES, f"{VOLUMES.path_in('')}/{name}", patch)

    async def create_claim(self, manifest: Mapping[str, Any]) -> None:
        """Create a PVC."""
        await self._cluster.create(CLAIMS, manifest, self.namespace)

    async def delete_claim(self, claim: Resource) -> None:
        """Delete exactly this PVC, not its successor of the same name."""
        path = f"{CLAIMS.path_in(self.namespace)}/{claim.name}"
        try:
            await self._cluster.kube.delete_at(path, claim.uid)
        except NotFoundError:
            return
        except OperatorError as error:
            raise CliError(sentence_of(error, self._cluster.server, CLAIMS)) from error

    async def _merge(self, what: WatchedResource, path: str, patch: Mapping[str, Any]) -> None:
        try:
            await self._cluster.kube.merge(path, patch)
        except OperatorError as error:
            raise CliError(sentence_of(error, self._cluster.server, what)) from error
