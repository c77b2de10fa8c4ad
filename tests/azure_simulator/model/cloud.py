"""Subscriptions, resource groups, disks; and the knobs that say how long Azure takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from azure_simulator.model.access import Access
from azure_simulator.model.azure_policy import AzurePolicy
from azure_simulator.model.disk import Disk
from azure_simulator.model.disk_folders import DiskFolders
from azure_simulator.model.faults import AzureFault
from azure_simulator.model.locks import Locks
from azure_simulator.model.operations import Operations
from azure_simulator.model.resource_guard import ResourceGuards
from azure_simulator.model.snapshot import Snapshot
from azure_simulator.model.timeline import Timeline


@dataclass
class Knobs:
    """How long things take, in seconds of virtual time; what was seen of the real service, unless set.

    Each is set at the start (``--knob``) or while it runs (POST to ``/__control/knobs``).
    """

    role_propagation: float = 600
    validation: float = 60
    configuration: float = 60
    vault_provisioning: float = 2
    backup: float = 216
    # As recorded once: 42 s until a restore is validated, three and a half minutes until the disk is there.
    restore_validation: float = 42
    restore: float = 215
    # A scheduled backup may start up to two hours late.
    schedule_delay: float = 10
    change: float = 10
    disk_deletion: float = 2
    job_list_lag: float = 0
    # How old what Resource Graph knows is.
    graph_lag: float = 0
    # How long the windows are in which Azure Backup counts requests; nobody knows.
    limit_window: float = 300
    # How many rows of the page before each page of Resource Graph repeats; no time at all.
    graph_overlap: float = 0
    # How long the directory does not know an identity that was just made.
    principal_replication: float = 0
    # No time at all: 1 for schedules that go by the offset of their start, 0 for the wall clock of their time zone. It
    # counts from the next backup of each disk on.
    schedule_by_offset: float = 0

    def set(self, values: dict[str, Any]) -> None:
        known = {each.name for each in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise AzureFault("UnknownKnob", f"There is no knob {name!r}, only {sorted(known)}.")
            setattr(self, name, float(value))

    def span(self, name: str) -> timedelta:
        return timedelta(seconds=getattr(self, name))


@dataclass
class Group:
    """A resource group."""

    subscription: str
    name: str
    location: str
    tags: dict[str, str] | None = None

    @property
    def id(self) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.name}"


@dataclass
class Identity:
    """A user-assigned identity; its ids never change."""

    id: str
    principal: str
    client: str
    location: str
    tags: dict[str, str] = field(default_factory=dict)


class Cloud:
    """What exists apart from Azure Backup, and what all of Azure shares."""

    def __init__(self, start: datetime) -> None:
        self.timeline = Timeline(start)
        self.knobs = Knobs()
        self.operations = Operations(self.timeline)
        self.access = Access(self)
        self.locks = Locks()
        self.azure_policy = AzurePolicy()
        self.guards = ResourceGuards()
        self.tenant = "0b1a3c5d-0000-4000-8000-000000000001"
        self.subscriptions: set[str] = set()
        self.disabled: set[str] = set()
        # Tags are found without regard to letter case; a resource provider may keep the one that was sent, or not
        # (Microsoft's 'Use tags to organize your Azure resources').
        self.tag_case: Callable[[str], str] = str
        self.groups: dict[str, Group] = {}
        self.disks: dict[str, Disk] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.folders = DiskFolders()
        self.identities: dict[str, Identity] = {}
        # How many disks a subscription may have in a region; None: as many as it likes.
        self.disks_allowed: int | None = None
        # Of disk encryption sets, by their lower-case ids: ``Disabled`` or ``NotAvailable`` keys.
        self.encryption_keys: dict[str, str] = {}

    @property
    def now(self) -> datetime:
        return self.timeline.now

    def add_subscription(self, subscription: str) -> None:
        self.subscriptions.add(subscription.lower())

    def check_subscription(self, subscription: str) -> None:
        if subscription.lower() not in self.subscriptions:
            raise AzureFault("SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")

    def put_group(
        self, subscription: str, name: str, location: str, tags: dict[str, str] | None = None
    ) -> tuple[Group, bool]:
        """Create a group, or find it; return it and whether it is new."""
        self.check_subscription(subscription)
        key = f"/subscriptions/{subscription}/resourcegroups/{name}".lower()
        found = self.groups.get(key)
        if found is not None and found.location != location:
            raise AzureFault(
                "InvalidResourceGroupLocation",
                f"Invalid resource group location '{location}'. The Resource group already exists "
                f"in location '{found.location}'.",
            )
        if found is None:
            self.groups[key] = Group(subscription, name, location)
        self.groups[key].tags = tags
        return self.groups[key], found is None

    def group(self, subscription: str, name: str) -> Group:
        self.check_subscription(subscription)
        key = f"/subscriptions/{subscription}/resourcegroups/{name}".lower()
        if key not in self.groups:
            raise AzureFault("ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
        return self.groups[key]

    def find_group(self, group_id: str) -> Group | None:
        return self.groups.get(group_id.rstrip("/").lower())

    def add_disk(self, subscription: str, group: str, name: str, location: str, size_gib: int, sku: str) -> Disk:
        holder = self.group(subscription, group)
        identifier = f"{holder.id}/providers/Microsoft.Compute/disks/{name}"
        disk = Disk(
            identifier,
            name,
            holder.subscription,
            holder.name,
            location,
            size_gib,
            sku,
            self.now,
            self.timeline.new_id(),
        )
        return self.place(disk)

    def place(self, disk: Disk, snapshot: str = "") -> Disk:
        """Have a disk, with the data of a snapshot if there is one; the one of that id is gone."""
        before = self.disks.get(disk.id.lower())
        if before is not None:
            self.folders.remove(before.id, before.unique_id)
        self.disks[disk.id.lower()] = disk
        self.folders.place(disk.id, disk.unique_id, snapshot)
        return disk

    def disks_in(self, group: Group) -> list[Disk]:
        """Return the disks of a resource group."""
        return [each for each in self.disks.values() if each.id.lower().startswith(f"{group.id}/".lower())]

    def disks_and_snapshots_in(self, group: Group) -> list[Disk | Snapshot]:
        """Return the disks of a resource group, and the snapshots that others than Azure Backup keep in it."""
        found = [each for each in self.snapshots.values() if each.id.lower().startswith(f"{group.id}/".lower())]
        return [*self.disks_in(group), *found]

    def find_disk(self, disk_id: str) -> Disk | None:
        return self.disks.get(disk_id.lower())

    def disk(self, subscription: str, group: str, name: str) -> Disk:
        self.group(subscription, group)
        key = (f"/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.compute/disks/{name}").lower()
        if key not in self.disks:
            raise AzureFault(
                "ResourceNotFound",
                f"The Resource 'Microsoft.Compute/disks/{name}' under resource group '{group}' was "
                "not found. For more details please go to "
                "https://aka.ms/ARMResourceNotFoundFix",
            )
        return self.disks[key]

    def put_identity(
        self, subscription: str, group: str, name: str, location: str | None = None
    ) -> tuple[Identity, bool]:
        """Make a user-assigned identity, or find it; return it and whether it is new."""
        holder = self.group(subscription, group)
        identifier = f"{holder.id}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
        found = self.identities.get(identifier.lower())
        if found is not None:
            return found, False
        new = self.timeline.new_id
        made = Identity(identifier, new(), new(), location or holder.location)
        self.identities[identifier.lower()] = made
        self.access.add_principal(made.principal)
        return made, True

    def find_identity(self, subscription: str, group: str, name: str) -> Identity | None:
        holder = self.group(subscription, group)
        return self.identities.get(
            f"{holder.id}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}".lower()
        )

    def identity(self, identifier: str) -> Identity:
        """Return the user-assigned identity that a vault names."""
        if identifier.lower() not in self.identities:
            raise AzureFault("FailedIdentityOperation", f"The identity '{identifier}' was not found.")
        return self.identities[identifier.lower()]

    def remove(self, identifier: str) -> None:
        """Forget a group, a disk, a snapshot or an identity, as if somebody had deleted it."""
        self.groups.pop(identifier.rstrip("/").lower(), None)
        self.snapshots.pop(identifier.lower(), None)
        disk = self.disks.pop(identifier.lower(), None)
        if disk is not None:
            self.folders.remove(disk.id, disk.unique_id)
        self.identities.pop(identifier.lower(), None)
