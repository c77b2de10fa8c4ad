"""The volumes of a pod, made as folders: tokens that are really asked for, config maps, secrets, empty folders."""

from __future__ import annotations

import base64
import shutil
import time
from pathlib import Path
from typing import Any

from nodeless.api import Api, ApiError
from nodeless.disks import Disks
from nodeless.environment import BadContainerError, field_of

Json = dict[str, Any]
# As the kubelet does: at four fifths of its life a token is replaced.
_REFRESHED_AT = 0.8


class Volumes:
    """The volumes of one pod in a folder."""

    def __init__(self, api: Api, pod: Json, ip: str, folder: Path, disks: Disks | None = None) -> None:
        self._api = api
        self._disks = disks
        self._pod = pod
        self._ip = ip
        self._folder = folder
        # When each token has to be replaced.
        self._tokens: dict[tuple[str, str], float] = {}
        # Folders that are not of this pod alone, by the name of the volume.
        self._attached: dict[str, Path] = {}

    async def make(self) -> None:
        """Make all volumes.

        Raises:
            BadContainerError: one cannot be had.
        """
        for volume in self._pod["spec"].get("volumes", ()):
            target = self._folder / volume["name"]
            if "persistentVolumeClaim" in volume:
                self._attached[volume["name"]] = await self._disk(volume["persistentVolumeClaim"]["claimName"])
                continue
            target.mkdir(parents=True, exist_ok=True)
            if "emptyDir" in volume:
                target.chmod(0o777)
            elif "projected" in volume:
                for source in volume["projected"]["sources"]:
                    await self._project(source, target)
            elif "configMap" in volume or "secret" in volume:
                await self._project(volume, target)
            else:
                raise BadContainerError(f"volume {volume['name']}: its kind is not known here")

    def path_of(self, name: str) -> Path:
        return self._attached.get(name, self._folder / name)

    def remove(self) -> None:
        if self._disks is not None:
            self._disks.detach(str(self._pod["metadata"]["uid"]))
        shutil.rmtree(self._folder, ignore_errors=True)

    async def refresh(self) -> None:
        """Replace tokens that have become old."""
        for volume in self._pod["spec"].get("volumes", ()):
            for source in volume.get("projected", {}).get("sources", ()):
                token = source.get("serviceAccountToken")
                key = (volume["name"], token["path"]) if token else None
                if key is not None and time.monotonic() > self._tokens.get(key, float("inf")):
                    await self._project(source, self._folder / volume["name"])

    async def _disk(self, claim: str) -> Path:
        """Return the folder of the disk of a claim, which this pod alone has from now on."""
        meta = self._pod["metadata"]
        if self._disks is None:
            raise BadContainerError(f"claim {claim}: no data of disks are kept here")
        found = await self._api.call("GET", f"/api/v1/namespaces/{meta['namespace']}/persistentvolumeclaims/{claim}")
        if found.get("status", {}).get("phase") != "Bound":
            raise BadContainerError(f"pod has unbound PersistentVolumeClaims: {claim}")
        volume = await self._api.call("GET", f"/api/v1/persistentvolumes/{found['spec']['volumeName']}")
        return self._disks.attach(volume["spec"]["csi"]["volumeHandle"], str(meta["uid"]), str(meta["name"]))

    async def _project(self, source: Json, target: Path) -> None:
        if "serviceAccountToken" in source:
            await self._token(source["serviceAccountToken"], target)
        elif "downwardAPI" in source:
            for item in source["downwardAPI"]["items"]:
                _write(target / item["path"], field_of(self._pod, self._ip, item["fieldRef"]["fieldPath"]).encode())
        elif "configMap" in source:
            await self._keys("configmaps", source["configMap"], source["configMap"]["name"], target)
        elif "secret" in source:
            name = source["secret"].get("secretName") or source["secret"]["name"]
            await self._keys("secrets", source["secret"], name, target)
        else:
            raise BadContainerError(f"a volume projects {', '.join(source)}, which is not known here")

    async def _token(self, wanted: Json, target: Path) -> None:
        namespace = self._pod["metadata"]["namespace"]
        account = self._pod["spec"]["serviceAccountName"]
        seconds = wanted.get("expirationSeconds", 3600)
        meta = self._pod["metadata"]
        spec: Json = {
            "expirationSeconds": seconds,
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]},
        }
        if wanted.get("audience"):
            spec["audiences"] = [wanted["audience"]]
        answer = await self._api.call(
            "POST",
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec},
        )
        _write(target / wanted["path"], answer["status"]["token"].encode())
        self._tokens[target.name, wanted["path"]] = time.monotonic() + seconds * _REFRESHED_AT

    async def _keys(self, plural: str, wanted: Json, name: str, target: Path) -> None:
        path = f"/api/v1/namespaces/{self._pod['metadata']['namespace']}/{plural}/{name}"
        try:
            found = await self._api.call("GET", path)
        except ApiError as error:
            if error.status == 404 and wanted.get("optional"):
                return
            raise BadContainerError(f"{plural[:-1]} {name!r}: {error}") from error
        data = {key: value.encode() for key, value in (found.get("data") or {}).items()}
        if plural == "secrets":
            data = {key: base64.b64decode(value) for key, value in data.items()}
        items = wanted.get("items") or [{"key": key, "path": key} for key in data]
        for item in items:
            _write(target / item["path"], data[item["key"]])


def _write(path: Path, content: bytes) -> None:
    """Replace a file at once: whoever reads it sees the old or the new one, never half a one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.new")
    partial.write_bytes(content)
    partial.chmod(0o644)
    partial.rename(path)
