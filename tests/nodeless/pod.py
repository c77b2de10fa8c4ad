"""The life of one pod: its volumes, its container, its probes, its restarts, its status, its end.

One container a pod and no init containers: more is not needed here, and refused.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from nodeless import container
from nodeless.api import Api, ApiError
from nodeless.container import Ended, Run
from nodeless.disks import Disks
from nodeless.environment import BadContainerError, environment
from nodeless.images import Image, Images
from nodeless.isolation import Sandbox
from nodeless.probes import Probe
from nodeless.volumes import Volumes

Json = dict[str, Any]
_RETRY_SECONDS = 0.5
_TOKENS_EVERY_SECONDS = 10.0


class Pod:
    """A pod that was bound to this machine.

    Args:
        api: the API server.
        session: for the probes.
        images: what can be run.
        found: the pod as it was when it came.
        ip: its address, one of loopback.
        folder: where its files are.
        service: what every container finds in its environment.
        back_off: seconds to wait before a restart, by how many there were.
        go_on: set while containers may be started.
        disks: those of the claims that pods use; None: there are none.
    """

    def __init__(
        self,
        api: Api,
        session: aiohttp.ClientSession,
        images: Images,
        found: Json,
        ip: str,
        folder: Path,
        service: dict[str, str],
        back_off: Callable[[int], float],
        go_on: asyncio.Event,
        disks: Disks | None = None,
    ) -> None:
        self._api = api
        self._session = session
        self._images = images
        self._pod = found
        self.ip = ip
        self._folder = folder
        self._service = service
        self._back_off = back_off
        self._go_on = go_on
        meta = found["metadata"]
        self.namespace, self.name, self.uid = str(meta["namespace"]), str(meta["name"]), str(meta["uid"])
        self.labels: dict[str, str] = meta.get("labels") or {}
        self.started = datetime.now(UTC)
        self.log = folder / "log"
        self.run: Run | None = None
        self.restarts = 0
        # How the last run ended, None while one goes on.
        self.ended: Ended | None = None
        self._volumes = Volumes(api, found, ip, folder / "volumes", disks)
        self._state: Json = {"waiting": {"reason": "ContainerCreating"}}
        self._last: Json = {}
        self._ready = False
        self._phase = "Pending"
        self._task: asyncio.Task[None] | None = None

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"

    @property
    def _container(self) -> Json:
        found: Json = self._pod["spec"]["containers"][0]
        return found

    # --- its life -----------------------------------------------------------------------------------

    def begin(self) -> None:
        self._task = asyncio.create_task(self._live(), name=f"pod {self.name}")

    async def end(self, grace: float) -> None:
        """Stop the container as the kubelet does, and let the pod go."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self.run is not None and self.run.running:
            self._became(await self.run.stop(grace))
            await self._tell()
        self._volumes.remove()

    async def _live(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                await self._volumes.make()
                image = self._image()
                wanted = environment(self._container, self._pod, self.ip, self._service)
                sandbox = self._sandbox(image)
                break
            except (BadContainerError, ApiError) as error:
                self._state = {"waiting": {"reason": "CreateContainerConfigError", "message": str(error)[:500]}}
                await self._tell()
                await asyncio.sleep(_RETRY_SECONDS)
        command = [*(self._container.get("command") or image.entrypoint), *self._container.get("args", ())]
        while await self._one_run(sandbox, command, {**image.environment, **wanted}):
            self.restarts += 1

    async def _one_run(self, sandbox: Sandbox, command: list[str], wanted: dict[str, str]) -> bool:
        """Run the container once; return whether to run it again, after the wait that is due."""
        await self._go_on.wait()
        self.ended = None
        self.run = await container.start(sandbox, command, wanted, self.log)
        self._state, self._phase = {"running": {"startedAt": _now()}}, "Running"
        await self._tell()
        async with asyncio.TaskGroup() as around:
            tasks = [around.create_task(each) for each in self._around(self.run)]
            ended = await self.run.ended()
            for task in tasks:
                task.cancel()
        self._became(ended)
        policy = self._pod["spec"].get("restartPolicy", "Always")
        if policy == "Never" or (policy == "OnFailure" and ended.code == 0):
            self._phase = "Succeeded" if ended.code == 0 else "Failed"
            await self._tell()
            return False
        self._last, self._state = self._state, {"waiting": {"reason": "CrashLoopBackOff"}}
        await self._tell()
        # Real time: this is what a kubelet does.
        await asyncio.sleep(self._back_off(self.restarts))
        return True

    def _around(self, run: Run) -> list[Any]:
        """Return what goes on while the container runs."""
        found: list[Any] = [self._refresh_tokens()]
        readiness, liveness = self._container.get("readinessProbe"), self._container.get("livenessProbe")
        if readiness:
            found.append(self._watch_readiness(self._probe(readiness)))
        else:
            found.append(self._set_ready(True))
        if liveness:
            found.append(self._watch_liveness(self._probe(liveness), run))
        return found

    def _probe(self, described: Json) -> Probe:
        return Probe(self._session, described, self._container, self.ip)

    async def _watch_readiness(self, probe: Probe) -> None:
        async for ready in probe.verdicts(eager=True):
            await self._set_ready(ready)

    async def _watch_liveness(self, probe: Probe, run: Run) -> None:
        async for alive in probe.verdicts(eager=False):
            if not alive:
                await run.stop(self.grace)

    async def _set_ready(self, ready: bool) -> None:
        self._ready = ready
        await self._tell()

    async def _refresh_tokens(self) -> None:
        while True:
            await asyncio.sleep(_TOKENS_EVERY_SECONDS)
            with contextlib.suppress(ApiError):
                await self._volumes.refresh()

    @property
    def grace(self) -> float:
        return float(self._pod["spec"].get("terminationGracePeriodSeconds", 30))

    # --- what it needs ------------------------------------------------------------------------------

    def _image(self) -> Image:
        if len(self._pod["spec"]["containers"]) != 1 or self._pod["spec"].get("initContainers"):
            raise BadContainerError("one container a pod is what runs here")
        reference = self._container["image"]
        image = self._images.find(reference)
        if image is None:
            raise BadContainerError(f"ErrImagePull: there is no image {reference}")
        return image

    def _sandbox(self, image: Image) -> Sandbox:
        context = {**self._pod["spec"].get("securityContext", {}), **self._container.get("securityContext", {})}
        user = int(context.get("runAsUser", image.user))
        if context.get("runAsNonRoot") and user == 0:
            raise BadContainerError("container has runAsNonRoot and image will run as root")
        termination_log = self._folder / "termination-log"
        termination_log.touch()
        writable = {volume["name"] for volume in self._pod["spec"].get("volumes", ()) if _is_writable(volume)}
        mounts = {
            mount["mountPath"]: (
                self._volumes.path_of(mount["name"]),
                mount["name"] in writable and not mount.get("readOnly"),
            )
            for mount in self._container.get("volumeMounts", ())
        }
        return Sandbox(
            image=image,
            mounts=mounts,
            termination_log=termination_log,
            termination_path=self._container.get("terminationMessagePath", "/dev/termination-log"),
            user=user,
            group=int(context.get("runAsGroup", user)),
            hostname=self.name,
        )

    # --- what it says -------------------------------------------------------------------------------

    def _became(self, ended: Ended) -> None:
        self._ready = False
        self.ended = ended
        terminated: Json = {"exitCode": ended.code, "finishedAt": _now(), "message": ended.message}
        terminated["reason"] = "Completed" if ended.code == 0 else "Error"
        terminated |= {"signal": ended.signal} if ended.signal else {}
        self._state = {"terminated": terminated}

    async def _tell(self) -> None:
        """Write the pod's status; a pod that is gone needs none."""
        try:
            await self._api.patch(f"{self.path}/status", {"metadata": {"uid": self.uid}, "status": self._status()})
        except ApiError as error:
            if error.status not in (0, 404, 409):
                raise

    def _status(self) -> Json:
        when = _now()

        def condition(type_: str, holds: bool) -> Json:
            return {"type": type_, "status": "True" if holds else "False", "lastTransitionTime": when}

        return {
            "phase": self._phase,
            "hostIP": "127.0.0.1",
            "podIP": self.ip,
            "podIPs": [{"ip": self.ip}],
            "startTime": _text(self.started),
            "conditions": [
                condition("PodScheduled", True),
                condition("Initialized", True),
                condition("ContainersReady", self._ready),
                condition("Ready", self._ready),
            ],
            "containerStatuses": [
                {
                    "name": self._container["name"],
                    "image": self._container["image"],
                    "imageID": self._container["image"],
                    "containerID": f"process://{self.run.pid if self.run else 0}",
                    "ready": self._ready,
                    "started": "running" in self._state,
                    "restartCount": self.restarts,
                    "state": self._state,
                    "lastState": self._last,
                }
            ],
        }


def _is_writable(volume: Json) -> bool:
    claim = volume.get("persistentVolumeClaim")
    return "emptyDir" in volume or (claim is not None and not claim.get("readOnly"))


def _now() -> str:
    return _text(datetime.now(UTC))


def _text(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
