"""What is on the disks: a folder each, copied when a snapshot is taken, and copied again into a restored disk.

Only where somebody named a folder for all of it; else nothing is kept, and nothing is copied. What is here has been
here when a journal is replayed: a copy that exists is never made again.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any


def path_of(root: Path, disk_id: str) -> Path:
    """Return where the data of a disk are, whoever asks: a link, by the disk's ARM id in any letter case."""
    return root / "by-id" / disk_id.strip("/").lower()


class DiskFolders:
    """The data of all disks and snapshots.

    Args:
        root: the folder; None: no data are kept.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root

    def __deepcopy__(self, memo: dict[int, Any]) -> DiskFolders:
        """A replica that is behind only reads, and must not copy or delete."""
        return DiskFolders()

    def place(self, disk_id: str, unique_id: str, snapshot: str = "") -> None:
        """Have a new disk, with what a snapshot holds, or empty.

        Args:
            disk_id: its ARM id, by which it is found.
            unique_id: what tells it from an earlier disk of that id.
            snapshot: the name under which it was taken.
        """
        if self._root is None:
            return
        folder, source = self._root / "disks" / unique_id, self._root / "snapshots" / snapshot
        if not folder.exists():
            if snapshot and source.exists():
                _copy(source, folder)
            folder.mkdir(parents=True, exist_ok=True)
            # As a file system of which pods own what they made.
            folder.chmod(0o777)
        link = path_of(self._root, disk_id)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(folder.resolve())

    def take(self, unique_id: str, snapshot: str) -> None:
        """Take a snapshot of a disk under a name."""
        if self._root is None:
            return
        target = self._root / "snapshots" / snapshot
        if not target.exists():
            _copy(self._root / "disks" / unique_id, target)

    def discard(self, snapshot: str) -> None:
        """Delete a snapshot."""
        if self._root is not None:
            shutil.rmtree(self._root / "snapshots" / snapshot, ignore_errors=True)

    def remove(self, disk_id: str, unique_id: str) -> None:
        """Delete a disk; its snapshots stay."""
        if self._root is not None:
            path_of(self._root, disk_id).unlink(missing_ok=True)
            shutil.rmtree(self._root / "disks" / unique_id, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """Copy a folder with owners and rights; crash-consistent: what vanishes meanwhile was not there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", "--", str(source), str(target)], check=False, capture_output=True)
