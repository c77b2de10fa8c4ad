"""The commands and their options; what a command needs is imported when it runs, so that help comes at once."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import typer

from azdiskbackup import __version__
from azdiskbackup.plugin.runtime.command_line import Commands, collect_rarely, examples, with_what_is_asked
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode
from azdiskbackup.plugin.runtime.options import (
    AN_HOUR,
    TEN_MINUTES,
    TWO_HOURS,
    AllNamespaces,
    Color,
    Colors,
    DiskName,
    DiskToRestore,
    DryRun,
    FirstDay,
    Form,
    From,
    InAll,
    InOneNamespace,
    LastDay,
    Namespace,
    NoHeaders,
    Options,
    Output,
    PointsFrom,
    Policy,
    PolicyToApply,
    PrometheusUrl,
    Reason,
    ReclaimPolicy,
    RestoredClaim,
    RestoreName,
    RetentionRule,
    Selector,
    SomeClaim,
    SomeDisk,
    SomeReason,
    Source,
    SwappedClaim,
    Timeout,
    VaultName,
    Wait,
)
from azdiskbackup.plugin.runtime.restore_options import (
    AccessModes,
    At,
    BackupInstance,
    DiskOnly,
    EarlierDisk,
    FileSystem,
    ModeOfVolume,
    NewClaim,
    Point,
    Reclaim,
    StorageClass,
)

PROGRAM = "kubectl azdiskbackup"
COMPLETE_VAR = "_KUBECTL_AZDISKBACKUP_COMPLETE"

# Help is as wide as the terminal.
_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 200}
# Commands that print objects, of which ``-o name`` is the names.
_OF_OBJECTS = ("disks", "unprotected", "backup", "restore")

app = typer.Typer(
    name=PROGRAM,
    cls=Commands,
    help="See and use Azure Backup for the disks of this cluster: what is protected, what was backed up, what to do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=_SETTINGS,
)


def main() -> None:
    """Run the command that was typed."""
    collect_rarely()
    from azdiskbackup.plugin.runtime.streams import guarded

    asked = with_what_is_asked(app, sys.argv[1:])
    guarded(lambda: asked(prog_name=PROGRAM, complete_var=COMPLETE_VAR))


def _done(ending: ExitCode) -> None:
    if ending is not ExitCode.DONE:
        raise typer.Exit(ending)


_NAMESPACES = ("namespace", "all_namespaces")
_COMMON = [
    each for each in inspect.signature(Options, eval_str=True).parameters.values() if each.name not in _NAMESPACES
]


def _in_cluster(declared: Callable[..., Options]) -> Callable[..., Options]:
    """Make a declaration a command that asks the API server.

    Its options are those that are declared, and then those of every command. The declaration returns the namespaces to
    look at; ``run`` of the module of its name is called with the other words.
    """
    own = inspect.signature(declared, eval_str=True).parameters

    @functools.wraps(declared)
    def command(**typed: Any) -> None:
        import asyncio

        from azdiskbackup.plugin.runtime.session import session

        common = {each.name: typed.pop(each.name) for each in _COMMON}
        if common["output"] is Output.NAME and declared.__name__ not in _OF_OBJECTS:
            raise CliError(f"`{declared.__name__.replace('_', '-')}` lists no objects: use another -o", ExitCode.USAGE)
        if common["output"] in (Output.HTML, Output.CSV) and declared.__name__ != "report":
            raise CliError(f"only `report` writes {common['output'].value}: use another -o", ExitCode.USAGE)
        options = replace(declared(**typed), **common)
        words = {name: value for name, value in typed.items() if name not in _NAMESPACES}
        module = importlib.import_module(f"azdiskbackup.plugin.commands.{declared.__name__}")
        _done(asyncio.run(session(options, module.run, **words)))

    command.__signature__ = inspect.Signature([*own.values(), *_COMMON])  # type: ignore[attr-defined] # typer reads it
    _add(command)
    return declared


def _add(command: Callable[..., None]) -> None:
    """Add a command, with its examples."""
    name = command.__name__.replace("_", "-")
    app.command(name, epilog=examples(PROGRAM, name), context_settings=_SETTINGS)(command)


# --- commands -----------------------------------------------------------------------------------------


@_in_cluster
def disks(
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    policy: Policy = None,
    reason: Reason = None,
    not_ready: Annotated[bool, typer.Option("--not-ready", help="Only disks that are not ready.")] = False,
    selector: Selector = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Print disks again when they change.")] = False,
) -> Options:
    """List the protected disks: state, last good backup, next one, restore points."""
    return Options(namespace, all_namespaces)


@_in_cluster
def status(
    namespace: InOneNamespace = None,
    all_namespaces: InAll = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with status 3 if any object needs attention.")
    ] = False,
) -> Options:
    """Show the whole cluster at a glance, what needs attention first."""
    return Options(namespace, all_namespaces)


@_in_cluster
def describe(name: DiskName, namespace: Namespace = None) -> Options:
    """Show one disk: its conditions in order, its backups, what to do."""
    return Options(namespace)


@_in_cluster
def backup(
    name: DiskName,
    wait: Wait = False,
    within: Timeout = AN_HOUR,
    rule: Annotated[
        RetentionRule,
        typer.Option(case_sensitive=False, help="Retention rule that decides how long the restore point is kept."),
    ] = RetentionRule.DEFAULT,
    object_name: Annotated[
        str | None, typer.Option("--name", help="Name of the OnDemandBackup; default: made from the disk's.")
    ] = None,
    ttl: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Seconds after which the finished object is deleted; the restore point stays.",
        ),
    ] = None,
    dry_run: DryRun = False,
    namespace: Namespace = None,
) -> Options:
    """Back up a disk now."""
    return Options(namespace)


@_in_cluster
def jobs(
    name: SomeDisk = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    selector: Selector = None,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
) -> Options:
    """List the newest jobs of the last seven days, with their errors."""
    return Options(namespace, all_namespaces)


@_in_cluster
def restore_points(
    name: DiskName,
    all_disks: Annotated[
        bool,
        typer.Option("--all-disks", help="Of all disks that its PVC has had."),
    ] = False,
    source: Source = From.AUTO,
    namespace: Namespace = None,
) -> Options:
    """List the restore points of a disk: all of them if you may read them in Azure."""
    return Options(namespace)


@_in_cluster
def restore(
    name: DiskToRestore = None,
    at: At = None,
    point: Point = None,
    earlier_disk: EarlierDisk = None,
    claim: NewClaim = None,
    disk_only: DiskOnly = False,
    wait: Wait = False,
    within: Timeout = TWO_HOURS,
    dry_run: DryRun = False,
    storage_class: StorageClass = None,
    fs_type: FileSystem = None,
    access_modes: AccessModes = None,
    volume_mode: ModeOfVolume = None,
    reclaim_policy: Reclaim = ReclaimPolicy.RETAIN,
    object_name: RestoreName = None,
    ttl: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="SECONDS", help="Seconds after which the finished object is deleted; disk and PVC stay."
        ),
    ] = None,
    instance: BackupInstance = None,
    vault: VaultName = None,
    namespace: Namespace = None,
) -> Options:
    """Restore a disk into a new PVC; nothing that exists is touched."""
    return Options(namespace)


@_in_cluster
def swap(
    claim: SwappedClaim,
    restored: RestoredClaim,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="KIND/NAME", help="Scale this down first and up again: statefulset/NAME, deployment/NAME."
        ),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Put everything back as it was.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    within: Timeout = TEN_MINUTES,
    namespace: Namespace = None,
) -> Options:
    """Put a restored PVC in the place of the old one; the old disk stays."""
    return Options(namespace)


@_in_cluster
def timeline(
    name: DiskName,
    count: Annotated[int, typer.Option("--days", min=1, max=400, metavar="N", help="How many days.")] = 28,
    source: Source = From.AUTO,
    namespace: Namespace = None,
) -> Options:
    """Show a calendar of a disk's days: good, missed, failed."""
    return Options(namespace)


@_in_cluster
def unprotected(
    apply_policy: PolicyToApply = None,
    selector: Selector = None,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
) -> Options:
    """List the PVCs on Azure disks without a ProtectedDisk."""
    return Options(namespace, all_namespaces)


@_in_cluster
def why(name: SomeClaim, namespace: Namespace = None) -> Options:
    """Show why a PVC is protected or not, rule by rule."""
    return Options(namespace)


@_in_cluster
def report(
    first: FirstDay = None,
    last: LastDay = None,
    prometheus: PrometheusUrl = None,
    points: PointsFrom = From.STATUS,
    namespace: InOneNamespace = None,
    all_namespaces: InAll = False,
) -> Options:
    """Prove it: every volume, day by day, protected or not and why (-o html, csv, json)."""
    return Options(namespace, all_namespaces or namespace is None)


@_in_cluster
def orphans(
    instance: Annotated[
        str | None,
        typer.Argument(
            metavar="INSTANCE", help="Show how to restore this one; NAMESPACE/NAME of its ProtectedDisk works, too."
        ),
    ] = None,
    vaults: Annotated[
        list[str] | None,
        typer.Option(
            "--vault-id", metavar="ID", help="ARM id of a vault; default: those of the cluster. May be repeated."
        ),
    ] = None,
    namespace: InOneNamespace = None,
    all_namespaces: InAll = False,
) -> Options:
    """List backup instances in Azure whose cluster, namespace, object or PVC no longer exists."""
    return Options(namespace, all_namespaces or namespace is None)


@_in_cluster
def check(
    azure: Annotated[bool, typer.Option(help="Check the vaults in Azure too, with your own permissions.")] = True,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List each permission.")] = False,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
) -> Options:
    """Check the installation, your permissions, the clocks and Azure, with a remediation for each problem."""
    return Options(namespace, all_namespaces)


@_add
def version() -> None:
    """Show the version."""
    typer.echo(__version__)


@_add
def explain(
    reason: SomeReason = None,
    output: Form = Output.TABLE,
    no_headers: NoHeaders = False,
    color: Colors = Color.AUTO,
) -> None:
    """Explain the reason of a condition: cause and remediation."""
    from azdiskbackup.plugin.commands import explain as command
    from azdiskbackup.plugin.output.printer import Printer

    _done(command.run(Printer(Options(output=output, no_headers=no_headers, color=color)), reason))
