"""The kubelet: one node, the pods that are bound to it, and their logs for whoever asks the API server.

It runs in a thread of its own, so that a test goes on while pods live; what a test asks of it is thread-safe.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from harness.certificates import KeyPair
from harness.processes import free_ports
from harness.serving import end_server
from nodeless.api import Api, ApiError
from nodeless.disks import Disks
from nodeless.images import Images
from nodeless.pod import Pod

Json = dict[str, Any]
_PODS = "/api/v1/pods"
_TRANSPORTS_CLOSE_SECONDS = 0.25
_NETWORK_PORT = 10250
_READY = {"type": "Ready", "status": "True", "reason": "KubeletReady"}


@dataclass(frozen=True)
class Cluster:
    """How the kubelet reaches the API server.

    Attributes:
        server: its URL.
        authority: the certificate authority.
        client: a client certificate that may do everything.
        serving: what the kubelet serves logs with.
    """

    server: str
    authority: Path
    client: KeyPair
    serving: KeyPair


def kubelets_back_off(restarts: int) -> float:
    """Return what the kubelet waits before a restart: nothing, then 10 s, doubled each time up to five minutes."""
    return min(300.0, 10.0 * 2 ** (restarts - 1)) if restarts else 0.0


class Network:
    """Addresses of loopback for the pods of one kubelet, which no other kubelet of this machine gives to its own."""

    def __init__(self) -> None:
        self._held = socket.socket()
        for third, second in itertools.product(range(255), range(1, 255)):
            # Who has this port has the network.
            with contextlib.suppress(OSError):
                self._held.bind((f"127.{second}.{third}.1", _NETWORK_PORT))
                self._prefix = f"127.{second}.{third}"
                break
        self._next = itertools.count()

    def address(self) -> str:
        # Long after a pod has gone, its address is another one's.
        return f"{self._prefix}.{next(self._next) % 250 + 2}"

    def close(self) -> None:
        self._held.close()


class Kubelet:
    """See the module's docstring."""

    def __init__(
        self,
        cluster: Cluster,
        images: Images,
        folder: Path,
        *,
        name: str = "this-machine",
        back_off: Callable[[int], float] = kubelets_back_off,
        disks: Disks | None = None,
    ) -> None:
        self._cluster = cluster
        self.images = images
        self._folder = folder
        self._name = name
        self._back_off = back_off
        self._disks = disks
        self._pods: dict[str, Pod] = {}
        # Also those that are gone: their logs stay.
        self._logs: list[tuple[str, str, Path]] = []
        self._ending: set[asyncio.Task[None]] = set()

    # --- from any thread ----------------------------------------------------------------------------

    def start(self) -> None:
        """Register the node and begin to run pods."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kubelet", daemon=True)
        self._thread.start()
        self._call(self._begin())

    def stop(self) -> None:
        """Kill what runs, and end."""
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def pods(self, **labels: str) -> list[Pod]:
        """Return the pods that run here, the oldest first, by labels with dots and slashes as underscores."""

        def fits(pod: Pod) -> bool:
            have = {re.sub(r"\W", "_", name): value for name, value in pod.labels.items()}
            return all(have.get(name) == value for name, value in labels.items())

        return sorted((pod for pod in list(self._pods.values()) if fits(pod)), key=lambda pod: pod.started)

    def kill(self, pod: Pod, number: int = signal.SIGKILL) -> None:
        """Send the process of a pod a signal, as the kernel or a person on the node would."""
        assert pod.run is not None, f"{pod.name} runs"
        pod.run.signal(number)

    def hold(self) -> None:
        """Start no container until ``go_on``, as if all were in a long back-off."""
        self._loop.call_soon_threadsafe(self._may_start.clear)
        self._call(asyncio.sleep(0))

    def go_on(self) -> None:
        """Start containers again."""
        self._loop.call_soon_threadsafe(self._may_start.set)
        self._call(asyncio.sleep(0))

    def said(self, text: str = "") -> str:
        """Return all that the containers of pods whose names begin with a text wrote, pod by pod."""
        return "".join(
            log.read_text(errors="replace")
            for _, name, log in list(self._logs)
            if name.startswith(text) and log.exists()
        )

    def _call(self, what: Coroutine[Any, Any, Any]) -> Any:
        waiting: Future[Any] = asyncio.run_coroutine_threadsafe(what, self._loop)
        return waiting.result(60)

    # --- in the thread ------------------------------------------------------------------------------

    async def _begin(self) -> None:
        context = ssl.create_default_context(cafile=str(self._cluster.authority))
        context.load_cert_chain(self._cluster.client.certificate, self._cluster.client.key)
        self._network = Network()
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=0))
        self._probing = aiohttp.ClientSession()
        self._api = Api(self._cluster.server, self._session)
        self._may_start = asyncio.Event()
        self._may_start.set()
        port = await self._serve_logs()
        await self._register(port)
        self._watcher = asyncio.create_task(self._watch(), name="kubelet")

    async def _end(self) -> None:
        self._watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watcher
        await asyncio.gather(*(pod.end(grace=5) for pod in self._pods.values()), *self._ending)
        await end_server(self._logs_served)
        self._network.close()
        await self._session.close()
        await self._probing.close()
        # The transports under TLS close some turns of the loop later.
        await asyncio.sleep(_TRANSPORTS_CLOSE_SECONDS)

    async def _register(self, port: int) -> None:
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": self._name,
                "labels": {"kubernetes.io/os": "linux", "kubernetes.io/hostname": self._name},
            },
        }
        with contextlib.suppress(ApiError):
            await self._api.call("POST", "/api/v1/nodes", node)
        status = {
            "capacity": {"cpu": "8", "memory": "16Gi", "pods": "110"},
            "allocatable": {"cpu": "8", "memory": "16Gi", "pods": "110"},
            "conditions": [_READY],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        }
        await self._api.patch(f"/api/v1/nodes/{self._name}/status", {"status": status})
        # What a scheduler would wait for is not there: no scheduler.
        await self._api.patch(f"/api/v1/nodes/{self._name}", {"spec": {"taints": None}})

    async def _watch(self) -> None:
        async for event in self._api.watch(_PODS):
            pod = event["object"]
            uid = pod["metadata"]["uid"]
            if event["type"] == "DELETED":
                known = self._pods.pop(uid, None)
                if known is not None:
                    self._in_background(known.end(grace=0))
            elif pod["metadata"].get("deletionTimestamp"):
                self._let_go(pod)
            elif uid not in self._pods and pod.get("status", {}).get("phase") == "Pending":
                self._take(pod)

    def _take(self, pod: Json) -> None:
        meta = pod["metadata"]
        found = Pod(
            self._api,
            self._probing,
            self.images,
            pod,
            self._network.address(),
            self._folder / f"{meta['namespace']}_{meta['name']}",
            self._service(),
            self._back_off,
            self._may_start,
            self._disks,
        )
        self._pods[meta["uid"]] = found
        self._logs.append((found.namespace, found.name, found.log))
        self._in_background(self._bind(found, already=bool(pod["spec"].get("nodeName"))))

    async def _bind(self, pod: Pod, *, already: bool) -> None:
        if not already:
            target = {"apiVersion": "v1", "kind": "Node", "name": self._name}
            meta = {"name": pod.name, "uid": pod.uid}
            body = {"apiVersion": "v1", "kind": "Binding", "metadata": meta, "target": target}
            try:
                await self._api.call("POST", f"{pod.path}/binding", body)
            except ApiError:
                # It is gone, or about to go.
                self._pods.pop(pod.uid, None)
                return
        pod.begin()

    def _let_go(self, pod: Json) -> None:
        known = self._pods.pop(pod["metadata"]["uid"], None)
        grace = float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
        if known is not None:
            self._in_background(self._delete(known, grace))

    async def _delete(self, pod: Pod, grace: float) -> None:
        await pod.end(grace)
        with contextlib.suppress(ApiError):
            body = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid}}
            await self._api.call("DELETE", pod.path, body)

    def _in_background(self, what: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(what)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _service(self) -> dict[str, str]:
        host, _, port = self._cluster.server.removeprefix("https://").partition(":")
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": "/",
            "KUBERNETES_SERVICE_HOST": host,
            "KUBERNETES_SERVICE_PORT": port,
        }

    # --- logs ---------------------------------------------------------------------------------------

    async def _serve_logs(self) -> int:
        app = web.Application()
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._answer_logs)
        self._logs_served = web.AppRunner(app, access_log=None)
        await self._logs_served.setup()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._cluster.serving.certificate, self._cluster.serving.key)
        port = free_ports(1)[0]
        await web.TCPSite(self._logs_served, "127.0.0.1", port, ssl_context=context).start()
        return port

    async def _answer_logs(self, request: web.Request) -> web.Response:
        wanted = (request.match_info["namespace"], request.match_info["pod"])
        for namespace, name, log in self._logs:
            if (namespace, name) == wanted and log.exists():
                lines = log.read_text(errors="replace").splitlines(keepends=True)
                tail = int(request.query.get("tailLines") or len(lines))
                return web.Response(text="".join(lines[max(0, len(lines) - tail) :]))
        return web.Response(status=404, text="no such container")
