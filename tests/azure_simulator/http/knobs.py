"""What can be set while the simulator runs, by name; each stays until it is set otherwise."""

from __future__ import annotations

from collections.abc import Callable

from azure_simulator.http.service import Service
from azure_simulator.model.azure_policy import Rule


def _lock(service: Service, name: str, scope: str = "", level: str = "") -> None:
    locks = service.azure.cloud.locks
    locks.put(name, scope, level) if level else locks.remove(name)


def _policy(service: Service, name: str, effect: str = "", **rule: str) -> None:
    policy = service.azure.cloud.azure_policy
    policy.assign(Rule(name, effect, **rule)) if effect else policy.remove(name)


def _guard(service: Service, vault: str, guard: str = "", operations: list[str] | None = None) -> None:
    guards = service.azure.cloud.guards
    guards.protect(vault, guard, operations) if guard else guards.release(vault)


def _subscription(service: Service, subscription: str, state: str) -> None:
    disabled = service.azure.cloud.disabled
    disabled.discard(subscription.lower())
    if state != "Enabled":
        disabled.add(subscription.lower())


# By name: what sets it, and what it is, for ``--help``.
KNOBS: dict[str, tuple[Callable[..., None], str]] = {
    "lock": (_lock, "name, scope, level (CanNotDelete, ReadOnly): a management lock; without a level it goes"),
    "policy": (
        _policy,
        "name, effect (deny, modify, append), scope, types, tag, value: a rule of Azure Policy; without effect it goes",
    ),
    "guard": (
        _guard,
        "vault, guard, operations (delete, stopProtection, suspendBackups): a Resource Guard; without a guard it goes",
    ),
    "subscription": (_subscription, "subscription, state (Enabled, Disabled)"),
}
