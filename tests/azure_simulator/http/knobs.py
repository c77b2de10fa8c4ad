"""What can be set while the simulator runs, by name; each stays until it is set otherwise."""

from __future__ import annotations

from collections.abc import Callable

from azure_simulator.http.replicas import Replica
from azure_simulator.http.service import Service
from azure_simulator.model.azure_policy import Rule
from azure_simulator.model.faults import AzureFault, OperationFault
from azure_simulator.model.restores import Outcome
from azure_simulator.model.roles import RoleDefinition


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


def _management_group(service: Service, name: str, subscriptions: list[str] | None = None, parent: str = "") -> None:
    service.azure.cloud.access.scopes.put_management_group(name, subscriptions or [], parent)


def _directory_group(service: Service, group: str, members: list[str]) -> None:
    service.azure.cloud.access.put_group(group, members)


def _replica(service: Service, name: str, route: str = "", path: str = "", every: int = 1, behind: bool = True) -> None:
    service.replicas.pop(name, None)
    if behind:
        service.replicas[name] = Replica.of(service.azure, route, path, every)


def _tag_case(service: Service, case: str) -> None:
    cases: dict[str, Callable[[str], str]] = {"kept": str, "lower": str.lower, "upper": str.upper}
    service.azure.cloud.tag_case = cases[case]


def _immutable(service: Service, items: bool) -> None:
    service.azure.vaults.keeps_items = items


def _quota(
    service: Service, instances: int | None = None, restores: int | None = None, disks: int | None = None
) -> None:
    if instances is not None:
        service.azure.vaults.most_instances = instances
    if restores is not None:
        service.azure.restores.most_a_day = restores
    if disks is not None:
        service.azure.cloud.disks_allowed = disks if disks >= 0 else None


def _restores(
    service: Service, status: str = "", code: str = "", message: str = "", action: str = "", disk: bool | None = None
) -> None:
    fault = OperationFault(code, message, [action] if action else [])
    makes_disk = status != "Failed" if disk is None else disk
    service.azure.restores.turn_out(Outcome(status, fault, makes_disk=makes_disk))


def _restored_disk(service: Service, zones: list[str] | None = None, tags: dict[str, str] | None = None) -> None:
    service.azure.restores.zones = None if zones is None else tuple(zones)
    service.azure.restores.tags = tags


def _snapshot(service: Service, instance: str, point: str = "", deleted: bool = True) -> None:
    points = service.azure.instances.find(instance).points
    for each in [points[point]] if point else points.values():
        each.snapshot_deleted = deleted


def _encryption_set(service: Service, set: str, key: str = "Enabled") -> None:
    if key not in ("Enabled", "Disabled", "NotAvailable"):
        raise AzureFault("InvalidKeyState", f"A key is Enabled, Disabled or NotAvailable, not {key!r}.")
    service.azure.cloud.encryption_keys[set.lower()] = key


def _limits(service: Service, **most: int) -> None:
    service.limits.set(most)


def _role(
    service: Service,
    guid: str,
    name: str,
    actions: list[str],
    notActions: list[str] | None = None,  # noqa: N803
) -> None:
    role = RoleDefinition(guid.lower(), name, tuple(actions), tuple(notActions or ()), custom=True)
    service.azure.cloud.access.roles[role.guid] = role


# By name: what sets it, and what it is, for ``--help``.
KNOBS: dict[str, tuple[Callable[..., None], str]] = {
    "lock": (_lock, "name, scope, level (CanNotDelete, ReadOnly): a management lock; without a level it goes"),
    "policy": (
        _policy,
        "name, effect (deny, modify, append), scope, types, tag, value: a rule of Azure Policy; without effect it goes",
    ),
    "guard": (
        _guard,
        "vault, guard, operations (delete, stopProtection, suspendBackups, restore): a Resource Guard; without a guard "
        "it goes",
    ),
    "management-group": (_management_group, "name, subscriptions, parent: a management group, and what is in it"),
    "directory-group": (_directory_group, "group, members: object ids, of a group in the directory"),
    "role": (_role, "guid, name, actions, notActions: a custom role definition"),
    "replica": (
        _replica,
        "name, route, path (regular expressions), every, behind: every n-th of these reads sees Azure as it is now; "
        "route \\.list$ for stale lists, resourceGraph for a stale index; behind: false catches up",
    ),
    "tag-case": (_tag_case, "case (kept, lower, upper): in which letter case the names of tags are kept"),
    "immutable": (_immutable, "items: whether a vault that is immutable refuses to delete its instances"),
    "quota": (
        _quota,
        "instances: how many a vault takes; restores: how many a day and instance; disks: how many a subscription may "
        "have in a region, -1 for as many as it likes",
    ),
    "restores": (
        _restores,
        "status (Refused, Failed, CompletedWithWarnings, InProgress), code, message, action, disk: how restores end "
        "from now on, those that hang included; disk: whether it is there then, if not given where they do not fail; "
        "without a status as usual",
    ),
    "restored-disk": (
        _restored_disk,
        "zones, tags: those of the disks that restores make; without them those of the source",
    ),
    "snapshot": (
        _snapshot,
        "instance, point, deleted: whether somebody deleted the snapshot of a restore point, or of all of them",
    ),
    "encryption-set": (_encryption_set, "set, key (Enabled, Disabled, NotAvailable): the key of a disk encryption set"),
    "limits": (
        _limits,
        "reads, writes, deletes: how many of Azure Backup's requests of each type in a window; none: those of 2025",
    ),
    "subscription": (_subscription, "subscription, state (Enabled, Disabled)"),
}
