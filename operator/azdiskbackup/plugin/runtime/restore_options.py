"""What a person can say to `restore`: which restore point, and what is made of it."""

from __future__ import annotations

from typing import Annotated

import typer

from azdiskbackup.plugin.runtime.options import AccessMode, FsType, ReclaimPolicy, VolumeMode

At = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="The newest restore point of this time or before: 2026-11-22T10:00:00Z, '2026-11-22 10:00' (UTC, the "
        "end of that minute), or 3h or 2d ago; default: you choose on a terminal, else the newest.",
    ),
]
Point = Annotated[str | None, typer.Option(metavar="ID", help="This restore point, as `restore-points` lists it.")]
EarlierDisk = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="A disk that the PVC had before, as `restore-points --all-disks` lists it."),
]
NewClaim = Annotated[
    str | None,
    typer.Option("--pvc", metavar="NAME", help="Name of the PVC to make; default: that of the source, -restored."),
]
DiskOnly = Annotated[bool, typer.Option("--disk-only", help="Restore the disk alone, without a PVC.")]
StorageClass = Annotated[
    str | None, typer.Option(metavar="NAME", help="Storage class of the PVC; default: that of the source.")
]
FileSystem = Annotated[
    FsType | None, typer.Option(case_sensitive=False, help="File system on the disk; default: that of the source.")
]
AccessModes = Annotated[
    list[AccessMode] | None,
    typer.Option(
        "--access-mode",
        case_sensitive=False,
        metavar="MODE",
        help="Access mode of the PVC, such as ReadWriteOncePod; default: those of the source, ReadWriteOnce if it "
        "is gone. May be repeated.",
    ),
]
ModeOfVolume = Annotated[
    VolumeMode | None,
    typer.Option(
        case_sensitive=False,
        metavar="Filesystem|Block",
        help="Volume mode of the PVC; default: that of the source, Filesystem if it is gone.",
    ),
]
Reclaim = Annotated[
    ReclaimPolicy,
    typer.Option(
        case_sensitive=False,
        metavar="Retain|Delete",
        help="What becomes of the disk when the PVC is deleted.",
    ),
]
BackupInstance = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="A backup instance, as `orphans` lists it, whose ProtectedDisk is gone."),
]
