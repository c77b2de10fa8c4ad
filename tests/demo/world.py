"""Where the demo and the playground take place: a subscription with disks, and a namespace with PVCs on them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from harness import objects
from harness.stack import Stack

NAMESPACE = "shop"
# The one that the app writes to, and the disks of all.
CLAIM = "data-postgres-0"
CLAIMS = {CLAIM: "pvc-postgres-0", "data-postgres-1": "pvc-postgres-1"}
_SIZE_GIB = 32
RATE = 240


@contextlib.contextmanager
def fast_forward(stack: Stack) -> Iterator[None]:
    """Have four minutes of Azure pass in a second while something is waited for; else its time passes as any."""
    stack.azure.set_rate(RATE)
    try:
        yield
    finally:
        stack.azure.set_rate(1)


def furnish_azure(stack: Stack) -> None:
    """Have what somebody has in Azure who has an AKS cluster."""
    stack.azure.seed(
        subscriptions=[objects.SUBSCRIPTION],
        groups=[
            {"subscription": objects.SUBSCRIPTION, "name": name, "location": objects.LOCATION}
            for name in (objects.VAULT_GROUP, objects.DISK_GROUP)
        ],
        disks=[
            {
                "subscription": objects.SUBSCRIPTION,
                "group": objects.DISK_GROUP,
                "name": disk,
                "location": objects.LOCATION,
                "sizeGiB": _SIZE_GIB,
                "sku": "Premium_LRS",
            }
            for disk in CLAIMS.values()
        ],
    )


def furnish_cluster(stack: Stack) -> None:
    """Have the namespace, and the claims that the disks are bound to."""
    stack.plane.apply(
        objects.namespace(NAMESPACE),
        *(objects.volume(disk, objects.disk_id(disk), claim, NAMESPACE) for claim, disk in CLAIMS.items()),
        *(objects.claim(claim, disk, NAMESPACE) for claim, disk in CLAIMS.items()),
    )


def delete_volumes(stack: Stack) -> None:
    """Delete the volumes of deleted PVCs, and their disks, as the CSI driver does with the reclaim policy Delete."""
    stack.plane.kubectl("delete", "pv", *CLAIMS.values())
    for disk in CLAIMS.values():
        stack.azure.arm("DELETE", f"{objects.disk_id(disk)}?api-version=2024-03-02")
