"""The properties of a vault, and what a difference in each of them means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from azdiskbackup.core.backup_vault.desired import OWNER_TAGS, Desired
from azdiskbackup.core.objects.azure import AzureVault, VaultSettings, has_tags, with_tags


class Class(Enum):
    """What a property is to the protection of disks.

    Whatever the table does not name belongs to others: it is never written, nor lost by a write of ours. The vault's
    identity is needed, too, and has a rule of its own.
    """

    NEEDED = "a vault that differs is not Ready"
    WANTED = "put back where Azure allows it, and reported; it keeps no disk waiting"


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a vault.

    Attributes:
        name: as the spec calls it.
        desired: reads it from the spec.
        actual: reads it from Azure's answer.
        final: values that Azure never lets go of; None when it lets go of none.
        advice: what to do about one that stays.
    """

    name: str
    of: Class
    desired: Callable[[Desired], object]
    actual: Callable[[AzureVault], object]
    final: tuple[str, ...] | None = ()
    advice: str = "Write that into the spec to accept it."


PROPERTIES = (
    Property("location", Class.NEEDED, lambda it: it.spec.location.lower(), lambda it: it.location.lower(), None),
    Property(
        "redundancy",
        Class.WANTED,
        lambda it: it.settings.redundancy,
        lambda it: it.settings.redundancy,
        None,
        "It makes no difference to backups of disks, which are snapshots.",
    ),
    # Azure raises it by itself, region by region, and never lowers it.
    Property(
        "softDelete.state",
        Class.WANTED,
        lambda it: it.settings.soft_delete_state,
        lambda it: it.settings.soft_delete_state,
        ("AlwaysOn",),
    ),
    Property(
        "softDelete.retentionDays",
        Class.WANTED,
        lambda it: it.settings.soft_delete_days,
        lambda it: it.settings.soft_delete_days,
    ),
    Property(
        "immutability",
        Class.WANTED,
        lambda it: it.settings.immutability,
        lambda it: it.settings.immutability,
        ("Locked",),
    ),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A property in which the vault in Azure differs from the spec."""

    name: str
    of: Class
    actual: object
    is_final: bool = False
    advice: str = ""

    @property
    def why_it_stays(self) -> str:
        """Return what is told of a value that Azure does not let go of."""
        return f"The vault in Azure has `{self.name}: {self.actual}`, which cannot be changed. {self.advice}"


def differences(desired: Desired, vault: AzureVault) -> list[Difference]:
    """Return in what a vault differs; tags that others put there (Azure Policy does) are theirs."""
    found = [
        Difference(each.name, each.of, actual, each.final is None or actual in each.final, each.advice)
        for each in PROPERTIES
        if (actual := each.actual(vault)) != each.desired(desired)
    ]
    if not has_tags(vault.settings.tags, _tags(desired, vault)):
        found.append(Difference("tags", Class.WANTED, vault.settings.tags))
    return found


def corrected(desired: Desired, vault: AzureVault) -> VaultSettings:
    """Return the settings of a vault with all put back that can be."""
    final = {each.name for each in differences(desired, vault) if each.is_final}
    wanted, actual = desired.settings, vault.settings
    return VaultSettings(
        redundancy=actual.redundancy,
        soft_delete_state=actual.soft_delete_state if "softDelete.state" in final else wanted.soft_delete_state,
        soft_delete_days=wanted.soft_delete_days,
        immutability=actual.immutability if "immutability" in final else wanted.immutability,
        tags=with_tags(actual.tags, _tags(desired, vault)),
    )


def _tags(desired: Desired, vault: AzureVault) -> dict[str, str]:
    """A vault that was there before, and is to be deleted with the object, names it as its owner, unless it has one."""
    has_owner = OWNER_TAGS[0] in vault.settings.tags
    return dict(with_owner(desired).tags if desired.deletes_vault and not has_owner else desired.settings.tags)


def with_owner(desired: Desired) -> VaultSettings:
    """Return the wanted settings, with the tags that name the object as the owner."""
    return replace(desired.settings, tags=with_tags(desired.settings.tags, desired.owner))
