"""The options and arguments of the commands, with what completes them."""

from __future__ import annotations

from typing import Annotated

import typer

from azdiskbackup.plugin.runtime.options import Color, From, Output


def _complete_disk(ctx: typer.Context, incomplete: str) -> list[str]:
    from azdiskbackup.plugin.runtime.completion import disks

    return disks(ctx.params, incomplete)


def _complete_policy(ctx: typer.Context, incomplete: str) -> list[str]:
    from azdiskbackup.plugin.runtime.completion import policies

    return policies(ctx.params, incomplete)


def _complete_namespace(ctx: typer.Context, incomplete: str) -> list[str]:
    from azdiskbackup.plugin.runtime.completion import namespaces

    return namespaces(ctx.params, incomplete)


def _complete_context(ctx: typer.Context, incomplete: str) -> list[str]:
    from azdiskbackup.plugin.runtime.completion import contexts

    return contexts(ctx.params, incomplete)


def _complete_reason(incomplete: str) -> list[str]:
    from azdiskbackup.core.reason_catalog import REASON_CATALOG

    return [each for each in REASON_CATALOG if each.lower().startswith(incomplete.lower())]


Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Namespace; default: the context's.", autocompletion=_complete_namespace),
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")]
# Of commands that look at all namespaces unless they are told otherwise.
InOneNamespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Only this namespace.", autocompletion=_complete_namespace)
]
InAll = Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces (default).")]
Context = Annotated[
    str | None,
    typer.Option("--context", help="Context of the kubeconfig.", autocompletion=_complete_context),
]
Kubeconfig = Annotated[str | None, typer.Option("--kubeconfig", help="Path of the kubeconfig; default: as kubectl.")]
Form = Annotated[Output, typer.Option("--output", "-o", help="Form of the output.")]
Colors = Annotated[Color, typer.Option("--color", help="When to use colors; auto respects NO_COLOR.")]
DiskName = Annotated[
    str, typer.Argument(metavar="DISK", help="A ProtectedDisk, or its PVC.", autocompletion=_complete_disk)
]
Source = Annotated[From, typer.Option("--from", help="Where restore points are read; auto: Azure, else status.")]
Policy = Annotated[str | None, typer.Option(help="Only disks of this policy.", autocompletion=_complete_policy)]
Reason = Annotated[str | None, typer.Option(help="Only disks with this reason.", autocompletion=_complete_reason)]
PolicyToApply = Annotated[
    str | None,
    typer.Option(
        metavar="POLICY",
        help="Print ProtectedDisks with this policy for them, for `kubectl apply -f -`.",
        autocompletion=_complete_policy,
    ),
]
SomeDisk = Annotated[
    str | None, typer.Argument(metavar="[DISK]", help="Only this disk's.", autocompletion=_complete_disk)
]
SomeReason = Annotated[
    str | None,
    typer.Argument(metavar="[REASON]", help="A reason; default: list all.", autocompletion=_complete_reason),
]
