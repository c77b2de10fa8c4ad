"""What the stories of DiskProtectionRules share."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from harness import objects
from harness.objects import Json
from world.team import Team

RULE, NAME = "DiskProtectionRule", "databases"
CLAIM, DISK = "PersistentVolumeClaim", "ProtectedDisk"


def make(shop: Team, *names: str, **labels: str) -> None:
    """Make PVCs with labels."""
    for name in names:
        shop.make_claim(name)
        if labels:
            shop._send("PATCH", shop._path(CLAIM, name), {"metadata": {"labels": labels}})


async def enforce(shop: Team, name: str = NAME, **spec: Any) -> None:
    """Make a rule, or change it; it knows of everything by then."""
    await shop.apply(objects.rule(name, **spec))
    await shop.world.advance(minutes=3)


def status(shop: Team, name: str = NAME) -> Json:
    found: Json = shop.get(RULE, name)["status"]
    return found


def numbers(shop: Team, name: str = NAME) -> tuple[int, int, int]:
    """Return how many PVCs are matched, protected and pending."""
    found = status(shop, name)
    assert found["matched"] == found["protected"] + found["pending"] + sum(each["count"] for each in found["skipped"])
    return found["matched"], found["protected"], found["pending"]


def skipped(shop: Team, name: str = NAME) -> dict[str, int]:
    """Return how many PVCs are skipped, by reason."""
    return {each["reason"]: each["count"] for each in status(shop, name)["skipped"]}


def made(shop: Team) -> list[str]:
    """Return the names of the ProtectedDisks of the namespace that rules made."""
    disks = shop.world.every(DISK, shop.namespace)
    return [
        each["metadata"]["name"] for each in disks if "azdiskbackup.io/rule" in (each["metadata"].get("labels") or {})
    ]


async def protected(shop: Team, *names: str) -> None:
    """Let time pass until ProtectedDisks are ready."""
    for name in names:
        await shop.world.passes(lambda name=name: shop.exists(DISK, name), f"{name} is made")
        await shop.until(DISK, name, "Ready", within=timedelta(hours=5))
