"""ARM ids: parsing, building, comparing. Azure compares them without regard to letter case, and so do we."""

from __future__ import annotations

from dataclasses import dataclass
from sys import intern


@dataclass(frozen=True, slots=True)
class ResourceGroupId:
    """A resource group of a subscription."""

    subscription: str
    name: str

    def __str__(self) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.name}"


@dataclass(frozen=True, slots=True)
class ArmId:
    """A resource: ``/subscriptions/{s}/resourceGroups/{g}/providers/{namespace}/{type}/{name}[/{type}/{name}]``.

    Attributes:
        provider: namespace of the provider, such as ``Microsoft.Compute``.
        path: type and name in turn, such as ``("disks", "data")``.
    """

    subscription: str
    group: str
    provider: str
    path: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> ArmId:
        """Parse an id in any letter case.

        Raises:
            ValueError: it is not the id of a resource in a resource group.
        """
        parts = text.strip("/").split("/")
        fits = (
            len(parts) >= 8
            and len(parts) % 2 == 0
            and [parts[i].lower() for i in (0, 2, 4)] == ["subscriptions", "resourcegroups", "providers"]
            and all(part and part not in (".", "..") for part in parts)
        )
        if not fits:
            raise ValueError(f"not the ARM id of a resource: {text[:200]!r}")
        # All but the names are the same in many thousand ids.
        path = (part if position % 2 else intern(part) for position, part in enumerate(parts[6:]))
        return cls(intern(parts[1]), intern(parts[3]), intern(parts[5]), tuple(path))

    @property
    def name(self) -> str:
        """Return the name of the resource itself."""
        return self.path[-1]

    @property
    def resource_group(self) -> ResourceGroupId:
        """Return the group that the resource is in."""
        return ResourceGroupId(self.subscription, self.group)

    @property
    def parent(self) -> ArmId:
        """Return the id of the resource that this one is below."""
        return ArmId(self.subscription, self.group, self.provider, self.path[:-2])

    def child(self, kind: str, name: str) -> ArmId:
        """Return the id of a resource below this one."""
        return ArmId(self.subscription, self.group, self.provider, (*self.path, kind, name))

    def __str__(self) -> str:
        tail = "/".join((self.provider, *self.path))
        return f"{self.resource_group}/providers/{tail}"


def same_id(one: object, other: object) -> bool:
    """Return whether two ids name the same thing."""
    return str(one).rstrip("/").lower() == str(other).rstrip("/").lower()


def vault_id(subscription: str, group: str, name: str) -> ArmId:
    """Return the id of a backup vault."""
    return ArmId(subscription, group, "Microsoft.DataProtection", ("backupVaults", name))


def is_within(id_: object, parent: ArmId) -> bool:
    """Return whether an ARM id is that of a child of another one."""
    return str(id_).lower().startswith(f"{parent}/".lower())
