"""Archives that are the same whenever and wherever they are made: in order, without owners, of one time."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path


def write(target: Path, files: Mapping[str, tuple[bytes, int]], epoch: int) -> None:
    """Write an archive, compressed if its name ends in gz.

    Args:
        target: the archive.
        files: path in the archive to content and mode.
        epoch: the time of all files, in seconds since 1970.
    """
    content = packed(dict(sorted(files.items())), epoch)
    target.write_bytes(gzip.compress(content, mtime=epoch) if target.suffix in (".gz", ".tgz") else content)


def packed(files: Mapping[str, tuple[bytes, int]], epoch: int) -> bytes:
    """Return files as an archive, in the order given; arguments as of ``write``."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, (content, mode) in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), mode, epoch
            archive.addfile(member, io.BytesIO(content))
    return written.getvalue()


def write_zip(target: Path, files: Mapping[str, tuple[bytes, int]], epoch: int) -> None:
    """Write an archive as Windows opens it; arguments as of ``write``."""
    at = datetime.fromtimestamp(epoch, UTC).timetuple()[:6]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (content, _) in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, at), content)


def again(archive: Path, target: Path, epoch: int) -> None:
    """Write an archive that somebody else made anew, so that it is the same each time."""
    with tarfile.open(archive) as packed:
        found = ((each, packed.extractfile(each)) for each in packed)
        files = {each.name: (file.read(), each.mode) for each, file in found if file is not None}
    write(target, files, epoch)
