"""The life of an installation with live objects: what the tests of installing, upgrading and uninstalling share."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from controlplane import pool
from harness import manifests, objects, rights
from harness.installation import CHART, Installation
from harness.stack import Stack
from harness.tenant import Tenant

Json = dict[str, Any]


@contextmanager
def lent_stack(folder: Path, **options: Any) -> Iterator[Stack]:
    """Yield a stack, nothing of it started, on a control plane that others used before it."""
    with pool.lent() as plane:
        stack = Stack(folder, plane=plane, **options)
        try:
            yield stack
        finally:
            stack.stop()


@contextmanager
def clean_stack(folder: Path) -> Iterator[Stack]:
    """Yield a stack without the operator: nothing of ours is in the cluster."""
    with lent_stack(folder, preflight=False) as stack:
        stack.start_control_plane()
        stack.start_simulator()
        groups = (objects.VAULT_GROUP, objects.SNAPSHOT_GROUP, objects.DISK_GROUP)
        stack.azure.seed(
            subscriptions=[objects.SUBSCRIPTION],
            groups=[
                {"subscription": objects.SUBSCRIPTION, "name": each, "location": objects.LOCATION} for each in groups
            ],
        )
        yield stack
        rights.USAGE.note(stack)


def protected(stack: Stack, namespace: str = "shop", **spec: Any) -> Tenant:
    """Return a team with a protected disk."""
    shop = Tenant(stack, namespace)
    shop.create()
    vault = objects.vault(access={"deletionNamespaces": {}, "namespaces": {}})
    shop.apply(vault, objects.policy())
    shop.make_claim()
    shop.protect(**spec)
    shop.until("protecteddisk", "data", "Ready")
    return shop


def kinds(stack: Stack) -> list[str]:
    found = stack.plane.read("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]
    return [each["metadata"]["name"] for each in found if each["spec"]["group"] == "azdiskbackup.io"]


def older(folder: Path, change: Callable[[Json], None]) -> Path:
    """Return the chart as an earlier version would be: its version, and its definitions without something."""
    chart = folder / "older"
    shutil.copytree(CHART, chart)
    meta = yaml.safe_load((chart / "Chart.yaml").read_text())
    (chart / "Chart.yaml").write_text(yaml.safe_dump(meta | {"version": "0.0.9", "appVersion": "0.0.9"}))
    for path in (chart / "files" / "crds").glob("*.yaml"):
        crd = manifests.read(path.read_text())
        change(crd)
        path.write_text(manifests.written([crd]))
    return chart


def with_chart(stack: Stack, chart: Path) -> Installation:
    """Return an installation of another version of the chart, with the operator of this one."""
    found = stack.installation
    return Installation(found.plane, found.kubelet, found.values, chart=chart)
