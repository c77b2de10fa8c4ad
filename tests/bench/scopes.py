"""Disks that are protected all at once, with a role on each disk and with one on their resource group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from azdiskbackup.azure.transport.limits import WINDOW
from bench.fleet import Fleet, Tell
from bench.meter import Meter
from harness.stack import Stack

FEW, MANY = 100, 2000
# Azure Backup's limits of January 2026, of whichever type.
LIMITS = {"reads": 1100, "writes": 800, "deletes": 800}
# Azure's own two minutes: a validation, and the configuration.
_AZURE_TAKES = timedelta(seconds=130)


@dataclass(frozen=True)
class Scope:
    """What it took, from apply until all are Ready.

    Attributes:
        calls: Azure calls a disk.
        writes: how many of them are writes.
        kubernetes: writes to Kubernetes a disk.
        seconds: virtual time.
        ratio: that, as a ratio to what our share of Azure's writes alone would need.
    """

    calls: float
    writes: float
    kubernetes: float
    seconds: float
    ratio: float


@dataclass(frozen=True)
class Scopes:
    """By `diskRoleScope`: few disks with each, many with one role for all."""

    disk: Scope
    group: Scope
    many: Scope


def measure(on_a_stack: Callable[[str, Callable[[Stack, Tell], Scope]], Scope], share: float) -> Scopes:
    """Measure each on a stack of its own."""

    def one(scope: str, size: int) -> Scope:
        return on_a_stack(f"{size} disks, {scope}", lambda stack, tell: _protect(stack, scope, size, share, tell))

    return Scopes(one("Disk", FEW), one("ResourceGroup", FEW), one("ResourceGroup", MANY))


def _protect(stack: Stack, scope: str, size: int, share: float, tell: Tell) -> Scope:
    azure, fleet = stack.azure, Fleet(stack, size)
    azure.turn("limits", **LIMITS)
    fleet.prepare(tell, diskRoleScope=scope)
    meter = Meter(stack)
    fleet.protect()
    fleet.until_ready(timedelta(hours=12), lambda count: tell(f"{count} of {size} protected"))
    spent = meter.read()
    tell(f"calls: {dict(spent.azure)}; writes to Kubernetes: {dict(spent.kubernetes)}")
    return Scope(
        calls=spent.calls / size,
        writes=spent.azure_writes / size,
        kubernetes=spent.kubernetes_writes / size,
        seconds=spent.seconds,
        ratio=spent.seconds / least_seconds(spent.azure_writes, share),
    )


def least_seconds(writes: float, share: float) -> float:
    """Return what our share of the writes of a subscription alone would need for so many, and Azure's two minutes."""
    return writes / (LIMITS["writes"] * share / WINDOW.total_seconds()) + _AZURE_TAKES.total_seconds()
