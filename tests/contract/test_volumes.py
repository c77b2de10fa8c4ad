"""Volumes and claims are bound, released and refused in memory as by the real controllers: one suite asks both."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from azdiskbackup.errors import AdmissionDenied, NamespaceQuotaExceeded, OperatorError
from azdiskbackup.kube.client import NotFoundError
from contract.api_servers import Api, api_in_memory
from controlplane.plane import ControlPlane
from harness import objects
from harness.certificates import Authority
from harness.processes import free_ports
from harness.serving import end_server
from world.admission import Webhook

Json = dict[str, Any]

_PATIENCE_SECONDS = 60.0
_QUOTAS = "/api/v1/namespaces/{}/resourcequotas"
_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


class Volumes:
    """Volumes and claims of one test, with names of its own."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.namespace = api.namespace
        self.claims = f"/api/v1/namespaces/{api.namespace}/persistentvolumeclaims"

    def name(self, volume: str = "pv") -> str:
        return f"{volume}-{self.namespace}"

    async def make_claim(self, name: str = "data", volume: str | None = "pv", **spec: Any) -> Json:
        wanted = objects.claim(name, self.name(volume or ""), self.namespace)
        wanted["spec"] |= spec
        if volume is None:
            del wanted["spec"]["volumeName"]
        return await self.api.kube.create(self.claims, wanted)

    async def make_volume(self, volume: str = "pv", claim: str = "data", uid: str | None = None, **spec: Any) -> Json:
        wanted = objects.volume(self.name(volume), objects.disk_id(volume), claim, self.namespace)
        wanted["spec"] |= spec
        if uid is not None:
            wanted["spec"]["claimRef"]["uid"] = uid
        if not claim:
            del wanted["spec"]["claimRef"]
        return await self.api.kube.create("/api/v1/persistentvolumes", wanted)

    async def claim(self, name: str = "data") -> Json:
        return await self.api.kube.get(f"{self.claims}/{name}")

    async def volume(self, volume: str = "pv") -> Json:
        return await self.api.kube.get(f"/api/v1/persistentvolumes/{self.name(volume)}")

    async def becomes(self, phase: str, name: str, *, of_volume: bool = False) -> Json:
        """Wait until a claim or a volume has a phase; return it."""
        return await self.when(lambda raw: (raw.get("status") or {}).get("phase") == phase, name, of_volume=of_volume)

    async def when(self, holds: Callable[[Json], bool], name: str, *, of_volume: bool = False) -> Json:
        """Wait in real time, for the controllers of another process, until something holds; return the object."""
        begun = time.monotonic()
        while not holds(found := await (self.volume(name) if of_volume else self.claim(name))):
            assert self.api.server is None, f"at once in memory: {found}"
            assert time.monotonic() < begun + _PATIENCE_SECONDS, found
            await asyncio.sleep(0.05)
        return found

    async def has_looked(self) -> None:
        """Wait until the controller has bound what was made after everything else."""
        await self.make_claim("witness", "witness")
        await self.make_volume("witness", "witness")
        await self.becomes("Bound", "witness")

    async def stays_pending(self, name: str = "data") -> None:
        await self.becomes("Pending", name)
        await self.has_looked()
        assert (await self.claim(name))["status"]["phase"] == "Pending"


@pytest.fixture
def volumes(api: Api) -> Volumes:
    return Volumes(api)


def annotations(raw: Json) -> set[str]:
    return {each.removeprefix("pv.kubernetes.io/") for each in raw["metadata"].get("annotations") or {}}


# --- binding ------------------------------------------------------------------------------------------


async def test_a_claim_waits_for_the_volume_that_it_names(volumes: Volumes) -> None:
    made = await volumes.make_claim()
    await volumes.stays_pending()
    uid = made["metadata"]["uid"]
    await volumes.make_volume(uid=uid)
    claim, volume = await volumes.becomes("Bound", "data"), await volumes.becomes("Bound", "pv", of_volume=True)
    assert claim["spec"]["volumeName"] == volumes.name()
    assert claim["status"]["capacity"] == {"storage": "32Gi"} and claim["status"]["accessModes"] == ["ReadWriteOnce"]
    assert volume["spec"]["claimRef"]["uid"] == uid
    assert annotations(claim) == {"bind-completed"} and annotations(volume) == set()


async def test_a_volume_without_a_uid_is_the_first_ones(volumes: Volumes) -> None:
    await volumes.make_volume()
    await volumes.becomes("Available", "pv", of_volume=True)
    made = await volumes.make_claim()
    await volumes.becomes("Bound", "data")
    volume = await volumes.becomes("Bound", "pv", of_volume=True)
    assert volume["spec"]["claimRef"]["uid"] == made["metadata"]["uid"]


async def test_a_reserved_volume_is_bound_to_a_claim_that_names_none(volumes: Volumes) -> None:
    made = await volumes.make_claim(volume=None)
    await volumes.make_volume(uid=made["metadata"]["uid"])
    claim = await volumes.becomes("Bound", "data")
    assert claim["spec"]["volumeName"] == volumes.name()
    assert annotations(claim) == {"bind-completed", "bound-by-controller"}


@pytest.mark.parametrize(
    "spec",
    [{"capacity": {"storage": "16Gi"}}, {"volumeMode": "Block"}, {"storageClassName": "another"}],
    ids=lambda spec: next(iter(spec)),
)
# Which free volume suits a claim that names none is not decided in memory.
@pytest.mark.parametrize(("names", "claim"), [("pv", "data"), ("pv", ""), (None, "data")])
async def test_a_volume_that_does_not_fit(volumes: Volumes, names: str | None, claim: str, spec: Json) -> None:
    made = await volumes.make_claim(volume=names)
    await volumes.make_volume(claim=claim, uid=made["metadata"]["uid"] if claim else None, **spec)
    # Nothing is compared where both sides name each other; the class never is where the claim names no volume.
    binds = bool(claim) and (names is not None or "storageClassName" in spec)
    if binds:
        await volumes.becomes("Bound", "data")
    else:
        await volumes.stays_pending()


async def test_a_volume_that_is_being_deleted_is_not_bound(volumes: Volumes) -> None:
    await volumes.make_volume()
    path = f"/api/v1/persistentvolumes/{volumes.name()}"
    await volumes.api.kube.merge(path, {"metadata": {"finalizers": ["example.com/keep"]}})
    await volumes.api.exchange.send("DELETE", path, None, "application/json", 30)
    assert "deletionTimestamp" in (await volumes.volume())["metadata"]
    await volumes.make_claim(volume=None)
    await volumes.stays_pending()
    await volumes.api.kube.merge(path, {"metadata": {"finalizers": None}})


# --- releasing ----------------------------------------------------------------------------------------


async def test_a_uid_of_a_claim_that_is_gone_releases_the_volume(volumes: Volumes) -> None:
    await volumes.make_claim()
    await volumes.make_volume(uid="8a2bb1a1-0000-4000-8000-000000000000")
    await volumes.becomes("Released", "pv", of_volume=True)
    await volumes.stays_pending()


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
async def test_a_volume_outlives_its_claim(volumes: Volumes, policy: str) -> None:
    """With Delete as well, where no driver has made it: nothing feels responsible for its disk."""
    made = await volumes.make_claim()
    await volumes.make_volume(uid=made["metadata"]["uid"], persistentVolumeReclaimPolicy=policy)
    await volumes.becomes("Bound", "data")
    await volumes.api.exchange.send("DELETE", f"{volumes.claims}/data", None, "application/json", 30)
    volume = await volumes.becomes("Released", "pv", of_volume=True)
    assert volume["spec"]["claimRef"]["uid"] == made["metadata"]["uid"]
    await volumes.make_claim()
    await volumes.stays_pending()


async def test_a_volume_for_a_claim_that_is_bound_elsewhere_is_free(volumes: Volumes) -> None:
    made = await volumes.make_claim()
    await volumes.make_volume(uid=made["metadata"]["uid"])
    await volumes.becomes("Bound", "data")
    await volumes.make_volume("second", uid=made["metadata"]["uid"])
    second = await volumes.becomes("Available", "second", of_volume=True)
    assert "uid" not in second["spec"]["claimRef"] and second["spec"]["claimRef"]["name"] == "data"


# --- what is in memory alone --------------------------------------------------------------------------


@pytest.fixture
async def in_memory() -> AsyncIterator[Volumes]:
    async for found in api_in_memory():
        yield Volumes(found)


async def test_a_volume_that_a_driver_made_goes_with_its_disk(in_memory: Volumes) -> None:
    assert in_memory.api.server is not None
    deleted: list[str] = []
    in_memory.api.server.binder.delete_disk = deleted.append
    path = f"/api/v1/persistentvolumes/{in_memory.name()}"
    made = await in_memory.make_claim()
    await in_memory.make_volume(uid=made["metadata"]["uid"], persistentVolumeReclaimPolicy="Delete")
    provisioner = {"pv.kubernetes.io/provisioned-by": "disk.csi.azure.com"}
    await in_memory.api.kube.merge(path, {"metadata": {"annotations": provisioner}})
    assert not deleted
    await in_memory.api.exchange.send("DELETE", f"{in_memory.claims}/data", None, "application/json", 30)
    assert deleted == [objects.disk_id("pv")]
    with pytest.raises(NotFoundError):
        await in_memory.volume()


async def test_nothing_is_bound_while_the_controller_is_down(in_memory: Volumes) -> None:
    assert in_memory.api.server is not None
    in_memory.api.server.binder.runs = False
    made = await in_memory.make_claim()
    await in_memory.make_volume(uid=made["metadata"]["uid"])
    assert "status" not in await in_memory.claim() and "status" not in await in_memory.volume()
    in_memory.api.server.binder.runs = True
    await in_memory.make_claim("another", "another")
    await in_memory.becomes("Bound", "data")


# --- admission ----------------------------------------------------------------------------------------


async def limit(volumes: Volumes, **hard: str) -> None:
    """Give the namespace a quota; the one in the cluster is what a controller would have counted."""
    if volumes.api.server is not None:
        volumes.api.server.admission.limit(volumes.namespace, "tight", **hard)
        return
    allowed = {name.replace("_", "."): value for name, value in hard.items()}
    quota = {"metadata": {"name": "tight"}, "spec": {"hard": allowed}}
    path = _QUOTAS.format(volumes.namespace)
    await volumes.api.kube.create(path, quota)
    status = {"hard": allowed, "used": dict.fromkeys(allowed, "0")}
    await volumes.api.kube.merge(f"{path}/tight/status", {"status": status})


async def refused(volumes: Volumes, name: str = "data") -> OperatorError:
    with pytest.raises(OperatorError) as caught:
        await volumes.make_claim(name)
    return caught.value


async def test_a_quota_refuses_a_claim(volumes: Volumes) -> None:
    await limit(volumes, requests_storage="40Gi", persistentvolumeclaims="2")
    await volumes.make_claim("first")
    error = await refused(volumes)
    assert isinstance(error, NamespaceQuotaExceeded)
    assert (
        'persistentvolumeclaims "data" is forbidden: exceeded quota: tight, requested: requests.storage=32Gi, used: '
        "requests.storage=32Gi, limited: requests.storage=40Gi"
    ) in str(error)


async def test_a_quota_counts_claims_and_what_they_ask_for(volumes: Volumes) -> None:
    await limit(volumes, requests_storage="16Gi", persistentvolumeclaims="0")
    assert (
        "exceeded quota: tight, requested: persistentvolumeclaims=1,requests.storage=32Gi, used: "
        "persistentvolumeclaims=0,requests.storage=0, limited: persistentvolumeclaims=0,requests.storage=16Gi"
    ) in str(await refused(volumes))


@contextlib.asynccontextmanager
async def denying(volumes: Volumes, plane: ControlPlane, folder: Path, status: int | None) -> AsyncIterator[None]:
    """Let a webhook deny the claims of the namespace; ``status`` None: it does not say with which status."""
    name, message = "claims.example.com", "the class is missing"
    if volumes.api.server is not None:
        said = {} if status is None else {"status": status}
        volumes.api.server.admission.deny(Webhook(name, message, namespace=volumes.namespace, **said))
        yield
        return

    async def answer(request: web.Request) -> web.Response:
        review = await request.json()
        result = {"message": message} | ({} if status is None else {"code": status})
        verdict = {"uid": review["request"]["uid"], "allowed": False, "status": result}
        return web.json_response({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": verdict})

    authority = Authority(folder / "pki", "webhooks")
    pair = authority.server("webhook")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_ports(1)[0]
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    configuration = {
        "metadata": {"name": volumes.namespace},
        "webhooks": [
            {
                "name": name,
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": volumes.namespace}},
                "rules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                     "resources": ["persistentvolumeclaims"]}
                ],
                "clientConfig": {
                    "url": f"https://127.0.0.1:{port}/",
                    "caBundle": base64.b64encode(authority.certificate.read_bytes()).decode(),
                },
            }
        ],
    }  # fmt: skip
    await volumes.api.kube.create(_WEBHOOKS, configuration)
    try:
        yield
    finally:
        await volumes.api.exchange.send("DELETE", f"{_WEBHOOKS}/{volumes.namespace}", None, "application/json", 30)
        await end_server(runner)


@pytest.mark.parametrize("status", [403, 400, None])
async def test_a_webhook_refuses_a_claim(
    volumes: Volumes, plane: ControlPlane, tmp_path: Path, status: int | None
) -> None:
    async with denying(volumes, plane, tmp_path, status):
        error = await _when_refused(volumes)
    assert isinstance(error, AdmissionDenied), error
    assert 'admission webhook "claims.example.com" denied the request: the class is missing' in str(error)


async def _when_refused(volumes: Volumes) -> OperatorError:
    """Make claims until one is refused: a new webhook is called some moments after it was made."""
    begun = time.monotonic()
    for number in range(10_000):
        try:
            await volumes.make_claim(f"data-{number}")
        except OperatorError as error:
            return error
        assert volumes.api.server is None and time.monotonic() < begun + _PATIENCE_SECONDS
        await asyncio.sleep(0.05)
    raise AssertionError("nothing was refused")
