"""What the vault allows to namespaces, by its own spec: nobody gets more, whatever an operator remembers."""

from __future__ import annotations

from datetime import datetime, timedelta

from harness.objects import Json
from simulation.actors import SERVED

# For so long the operator may act on what it knew before: its watches were lost, or it was away.
_UNHEARD = timedelta(minutes=45)


class VaultAccess:
    """The versions of the vault's access."""

    def __init__(self) -> None:
        self._versions: list[tuple[datetime, Json]] = []

    def saw(self, vault: Json, now: datetime) -> None:
        """Take note of a version of a BackupVault."""
        self._versions.append((now, vault["spec"].get("access") or {}))

    def serves(self, now: datetime) -> bool:
        """Return whether the teams' namespaces may have disks protected, or could a while ago."""
        return any(each.get("namespaces") == SERVED for each in self._recent(now))

    def lets_delete(self, now: datetime) -> bool:
        """Return whether the teams' namespaces may have restore points deleted, or could a while ago."""
        return any(each.get("deletionNamespaces") is not None for each in self._recent(now))

    def _recent(self, now: datetime) -> list[Json]:
        since = now - _UNHEARD
        before = [each for when, each in self._versions if when < since][-1:]
        return [*before, *(each for when, each in self._versions if when >= since)]
