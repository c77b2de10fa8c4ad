"""Archives that are the same whenever and wherever they are made: in order, without owners, of one time."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path


def write(target: Path, files: Mapping[str, tuple[bytes, int]], epoch: int) -> None:
    """Write an archive, compressed if its name ends in gz.

    Args:
        target: the archive.
        files: path in the archive to content and mode.
        epoch: the time of all files, in seconds since 1970.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, (content, mode) in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), mode, epoch
            archive.addfile(member, io.BytesIO(content))
    content = packed.getvalue()
    target.write_bytes(gzip.compress(content, mtime=epoch) if target.suffix in (".gz", ".tgz") else content)


def again(archive: Path, target: Path, epoch: int) -> None:
    """Write an archive that somebody else made anew, so that it is the same each time."""
    with tarfile.open(archive) as packed:
        found = ((each, packed.extractfile(each)) for each in packed)
        files = {each.name: (file.read(), each.mode) for each, file in found if file is not None}
    write(target, files, epoch)
