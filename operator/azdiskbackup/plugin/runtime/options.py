"""What a person can say to the commands, and what completes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, cast

import typer

from azdiskbackup.plugin.runtime.command_line import seconds


class Output(StrEnum):
    """The form of what is written to stdout."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"
    HTML = "html"
    CSV = "csv"


class Color(StrEnum):
    """When colours are used."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class From(StrEnum):
    """Where restore points are read."""

    AUTO = "auto"
    AZURE = "azure"
    STATUS = "status"


class RetentionRule(StrEnum):
    """A retention rule of a policy."""

    DEFAULT = "Default"
    DAILY = "Daily"
    WEEKLY = "Weekly"


class ReclaimPolicy(StrEnum):
    """What becomes of a restored disk when its PVC is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"


class FsType(StrEnum):
    """A file system."""

    EXT4 = "ext4"
    EXT3 = "ext3"
    XFS = "xfs"
    BTRFS = "btrfs"


class AccessMode(StrEnum):
    """An access mode of a PVC."""

    READ_WRITE_ONCE = "ReadWriteOnce"
    READ_ONLY_MANY = "ReadOnlyMany"
    READ_WRITE_MANY = "ReadWriteMany"
    READ_WRITE_ONCE_POD = "ReadWriteOncePod"


class VolumeMode(StrEnum):
    """How a pod sees a volume."""

    FILESYSTEM = "Filesystem"
    BLOCK = "Block"


def _complete(what: str) -> Callable[[typer.Context, str], list[str]]:
    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        from azdiskbackup.plugin.runtime.completion import names

        return names(what, ctx.params, incomplete)

    return complete


def _complete_reason(incomplete: str) -> list[str]:
    from azdiskbackup.core.reason_catalog import REASON_CATALOG

    return [each for each in REASON_CATALOG if each.lower().startswith(incomplete.lower())]


Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", "-n", help="Namespace; default: the context's.", autocompletion=_complete("namespaces")
    ),
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")]
# Of commands that look at all namespaces unless they are told otherwise.
InOneNamespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Only this namespace.", autocompletion=_complete("namespaces"))
]
InAll = Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces (default).")]
Timeout = Annotated[
    int,
    typer.Option(
        "--timeout",
        parser=seconds,
        metavar="DURATION",
        help="Time to wait, such as 10m; then exit with status 124.",
    ),
]
# As they are typed; what is declared as a default is parsed as well.
TEN_MINUTES, AN_HOUR, TWO_HOURS = cast(tuple[int, int, int], ("10m", "1h", "2h"))
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Wait until it has ended, and show its progress.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the manifest instead of applying it.")]
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig.", autocompletion=_complete("contexts"))]
Kubeconfig = Annotated[str | None, typer.Option(help="Path of the kubeconfig; default: as kubectl.")]
Form = Annotated[Output, typer.Option("--output", "-o", case_sensitive=False, help="Form of the output.")]
Colors = Annotated[
    Color, typer.Option("--color", case_sensitive=False, help="When to use colors; auto respects NO_COLOR.")
]
DiskName = Annotated[
    str,
    typer.Argument(
        metavar="DISK",
        help="A ProtectedDisk, or its PVC; NAMESPACE/NAME and TYPE/NAME work, too.",
        autocompletion=_complete("disks"),
    ),
]
DiskToRestore = Annotated[
    str | None,
    typer.Argument(
        metavar="DISK",
        help="A ProtectedDisk, or its PVC; not with --instance.",
        autocompletion=_complete("disks"),
    ),
]
VaultName = Annotated[
    str | None,
    typer.Option("--vault", help="BackupVault of the --instance.", autocompletion=_complete("vaults")),
]
SwappedClaim = Annotated[
    str, typer.Argument(metavar="PVC", help="The PVC that gets the restored data.", autocompletion=_complete("claims"))
]
SomeClaim = Annotated[
    str,
    typer.Argument(metavar="PVC", help="A PVC; NAMESPACE/NAME works, too.", autocompletion=_complete("claims")),
]
RestoredClaim = Annotated[
    str,
    typer.Argument(metavar="RESTORED", help="The PVC that `restore` made.", autocompletion=_complete("claims")),
]
RestoreName = Annotated[
    str | None,
    typer.Option(
        "--name",
        help="Name of the DiskRestore; default: that of the PVC. One that exists is followed.",
        autocompletion=_complete("restores"),
    ),
]
Source = Annotated[
    From, typer.Option("--from", case_sensitive=False, help="Where restore points are read; auto: Azure, else status.")
]
Selector = Annotated[
    str | None,
    typer.Option("--selector", "-l", metavar="LABELS", help="Label selector, such as app=orders."),
]
NoHeaders = Annotated[bool, typer.Option("--no-headers", help="Print tables without their titles.")]
FirstDay = Annotated[
    datetime | None,
    typer.Option("--from", formats=["%Y-%m-%d"], metavar="DATE", help="First day, in UTC; default: 29 days before."),
]
LastDay = Annotated[
    datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], metavar="DATE", help="Last day; default: today.")
]
PrometheusUrl = Annotated[
    str | None,
    typer.Option("--prometheus", metavar="URL", help="A Prometheus with the operator's metrics: it knows older days."),
]
PointsFrom = Annotated[
    From,
    typer.Option("--points", case_sensitive=False, help="Where restore points are read; azure takes a call a disk."),
]
Policy = Annotated[str | None, typer.Option(help="Only disks of this policy.", autocompletion=_complete("policies"))]
Reason = Annotated[str | None, typer.Option(help="Only disks with this reason.", autocompletion=_complete_reason)]
PolicyToApply = Annotated[
    str | None,
    typer.Option(
        metavar="POLICY",
        help="Print ProtectedDisks with this policy for them, for `kubectl apply -f -`.",
        autocompletion=_complete("policies"),
    ),
]
SomeDisk = Annotated[
    str | None, typer.Argument(metavar="DISK", help="Only this disk's.", autocompletion=_complete("disks"))
]
SomeReason = Annotated[
    str | None,
    typer.Argument(
        metavar="REASON", help="A reason, or a part of its name; default: list all.", autocompletion=_complete_reason
    ),
]


@dataclass(frozen=True, slots=True)
class Options:
    """The options of every command that asks the API server.

    Attributes:
        namespace: the one to look at; None for that of the context.
        all_namespaces: look at all of them instead.
        context: the context of the kubeconfig; None for the current one.
        kubeconfig: its path; None for KUBECONFIG, or the file in the home folder.
    """

    namespace: Namespace = None
    all_namespaces: AllNamespaces = False
    context: Context = None
    kubeconfig: Kubeconfig = None
    output: Form = Output.TABLE
    no_headers: NoHeaders = False
    color: Colors = Color.AUTO
