"""Whoever may annotate an object must not come between a watch and us: Kopf reads and writes nothing of it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import kopf
import pytest
from kopf._cogs.clients import patching
from kopf._cogs.structs.references import Resource
from kopf._core.engines.indexing import OperatorIndexers
from kopf._core.reactor.processing import process_resource_event

from azdiskbackup.handlers.shell import ForgetfulMemories, configure, registry
from azdiskbackup.kube.kubeconfig.connection import KubeConnection
from azdiskbackup.kube.watched import CLAIM, OURS, VOLUME, WatchedResource

JUNK = ["{bad", "", "null", "[]", "7", '{"spec": 7}', '{"metadata": {"annotations": 7}}', "\u00fc" * 100_000]
KEYS = ["last-handled-configuration", "touch-dummy", "watch-pdisks", "kopf-managed", "status", "KopfFinalizerMarker"]
PREFIXES = ["kopf.zalando.org", "azdiskbackup.io"]
# What the API server takes as the name of a finalizer or an annotation, as far as it is after the prefix.
QUALIFIED = re.compile(r"([-a-z0-9.]+/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")


@pytest.fixture
def settings() -> kopf.OperatorSettings:
    found = kopf.OperatorSettings()
    configure(found)
    return found


@pytest.fixture(autouse=True)
def no_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(**what: Any) -> None:
        raise AssertionError(f"Kopf writes {what['patch']}")

    monkeypatch.setattr(patching, "patch_obj", refuse)


async def seen(settings: kopf.OperatorSettings, resource: WatchedResource, **metadata: Any) -> list[str]:
    """Return how our handler is told of an event of an object that has this metadata."""
    told: list[str] = []
    handlers = registry(
        KubeConnection("https://none", "azdiskbackup", None), lambda resource, how, raw: told.append(how)
    )
    for how in ("ADDED", "MODIFIED", "DELETED"):
        raw: Any = {
            "apiVersion": f"{resource.group}/{resource.version}".strip("/"),
            "kind": resource.kind,
            "metadata": {"name": "x", "namespace": "team", "uid": "u", "resourceVersion": "1", **metadata},
            "spec": {},
        }
        await process_resource_event(
            lifecycle=kopf.lifecycles.asap,
            indexers=OperatorIndexers(),
            registry=handlers,
            settings=settings,
            memories=ForgetfulMemories(),
            memobase=kopf.Memo(),
            resource=Resource(resource.group, resource.version, resource.plural),
            raw_event={"type": how, "object": raw},  # type: ignore[typeddict-item] # a plain string is one
            event_queue=asyncio.Queue(),
            no_throttling=True,
        )
    return told


@pytest.mark.parametrize("resource", [*OURS, CLAIM, VOLUME], ids=lambda each: each.kind)
@pytest.mark.parametrize("key", KEYS)
async def test_no_annotation_or_label_keeps_an_event_from_us(
    settings: kopf.OperatorSettings, resource: WatchedResource, key: str
) -> None:
    for junk in JUNK:
        marks = {f"{prefix}/{key}": junk for prefix in PREFIXES}
        assert await seen(settings, resource, annotations=marks, labels=marks) == ["ADDED", "MODIFIED", "DELETED"]


@pytest.mark.parametrize("deleting", [{}, {"deletionTimestamp": "2026-01-01T00:00:00Z"}], ids=["lives", "goes"])
async def test_no_finalizer_makes_kopf_write(settings: kopf.OperatorSettings, deleting: dict[str, str]) -> None:
    kopfs = settings.persistence.finalizer
    likely = [kopfs, "azdiskbackup.io/kopf", "kopf.zalando.org/KopfFinalizerMarker", "kopf.dev/KopfFinalizerMarker"]
    allowed = [each for each in likely if QUALIFIED.fullmatch(each)]
    assert len(allowed) >= 3
    # To take one off a PVC is forbidden to us: Kopf would try for ten minutes, and tell of nothing meanwhile.
    assert await seen(settings, CLAIM, finalizers=allowed, **deleting) == ["ADDED", "MODIFIED", "DELETED"]
