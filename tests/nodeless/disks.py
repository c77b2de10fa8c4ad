"""The disks that pods of this node use: which folder stands for one, and which pod has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nodeless.environment import BadContainerError


class Disks:
    """Attaches a disk to one pod at a time.

    Args:
        folder_of: returns the folder of a disk by its volume handle.
    """

    def __init__(self, folder_of: Callable[[str], Path]) -> None:
        self._folder_of = folder_of
        # Which pod has a disk, by its handle in lower case: uid and name.
        self._held: dict[str, tuple[str, str]] = {}

    def attach(self, handle: str, uid: str, name: str) -> Path:
        """Give a pod a disk; return its folder.

        Raises:
            BadContainerError: another pod has it, or it does not exist.
        """
        holder = self._held.get(handle.lower())
        if holder is not None and holder[0] != uid:
            raise BadContainerError(f"Multi-Attach error for volume {handle}: it is used by pod {holder[1]}")
        folder = self._folder_of(handle)
        if not folder.is_dir():
            raise BadContainerError(f"AttachVolume.Attach failed for volume {handle}: disk not found")
        self._held[handle.lower()] = (uid, name)
        return folder.resolve()

    def detach(self, uid: str) -> None:
        """Take all disks from a pod that has ended."""
        self._held = {handle: holder for handle, holder in self._held.items() if holder[0] != uid}
