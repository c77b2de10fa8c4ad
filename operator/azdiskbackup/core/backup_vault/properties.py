"""The properties of a vault, and what a difference in each of them means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from azdiskbackup.core.backup_vault.desired import OWNER_TAGS, Desired
from azdiskbackup.core.objects.azure import AzureVault, VaultSettings, has_tags, with_tags


class PropertyClass(Enum):
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
        field: as ``VaultSettings`` calls it.
        final: values that Azure never changes again; None for all of them.
        advice: what to do about one that stays.
    """

    name: str
    field: str
    of: PropertyClass = PropertyClass.WANTED
    final: tuple[str, ...] | None = ()
    advice: str = "Write that into the spec to accept it."


LOCATION = Property("location", "", PropertyClass.NEEDED, final=None)
TAGS = Property("tags", "tags")
SETTINGS = (
    Property(
        "redundancy",
        "redundancy",
        final=None,
        advice="It makes no difference to backups of disks, which are snapshots.",
    ),
    # Azure raises it by itself, region by region, and never lowers it.
    Property("softDelete.state", "soft_delete_state", final=("AlwaysOn",)),
    Property("softDelete.retentionDays", "soft_delete_days"),
    Property("immutability", "immutability", final=("Locked",)),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A property in which the vault in Azure differs from the spec."""

    about: Property
    desired: object
    actual: object

    @property
    def is_needed(self) -> bool:
        """Return whether disks cannot be protected while it lasts."""
        return self.about.of is PropertyClass.NEEDED

    @property
    def is_final(self) -> bool:
        """Return whether Azure never changes the value that it has."""
        return self.about.final is None or self.actual in self.about.final

    @property
    def why_it_stays(self) -> str:
        """Return what is reported of such a value."""
        name, advice = self.about.name, self.about.advice
        return f"The vault in Azure has `{name}: {self.actual}`, which cannot be changed. {advice}"


def differences(desired: Desired, vault: AzureVault) -> list[Difference]:
    """Return in what a vault differs; tags that others put there (Azure Policy does) are theirs."""
    wanted, actual, tags = desired.settings, vault.settings, _tags(desired, vault)
    compared = [
        Difference(LOCATION, desired.spec.location.lower(), vault.location.lower()),
        *(Difference(each, getattr(wanted, each.field), getattr(actual, each.field)) for each in SETTINGS),
    ]
    found = [each for each in compared if each.desired != each.actual]
    # Compared by what is in them, not as they are.
    return found if has_tags(actual.tags, tags) else [*found, Difference(TAGS, with_tags(actual.tags, tags), "")]


def corrected(vault: AzureVault, found: Iterable[Difference]) -> VaultSettings:
    """Return the settings of a vault with all put back that can be."""
    changes: dict[str, object] = {each.about.field: each.desired for each in found if not each.is_final}
    return replace(vault.settings, **changes)  # type: ignore[arg-type] # the fields are those of the table


def _tags(desired: Desired, vault: AzureVault) -> dict[str, str]:
    """A vault that was there before, and is to be deleted with the object, names it as its owner, unless it has one."""
    has_owner = OWNER_TAGS[0] in vault.settings.tags
    return dict(with_owner(desired).tags if desired.deletes_vault and not has_owner else desired.settings.tags)


def with_owner(desired: Desired) -> VaultSettings:
    """Return the wanted settings, with the tags that name the object as the owner."""
    return replace(desired.settings, tags=with_tags(desired.settings.tags, desired.owner))
