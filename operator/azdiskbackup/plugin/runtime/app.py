"""The commands and their options; what a command needs is imported when it runs, so that help comes at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from azdiskbackup.plugin.runtime.exit_code import ExitCode
from azdiskbackup.plugin.runtime.options import Color, From, Options, Output, RetentionRule
from azdiskbackup.plugin.runtime.parameters import (
    AllNamespaces,
    Colors,
    Context,
    DiskName,
    Form,
    InAll,
    InOneNamespace,
    Kubeconfig,
    Namespace,
    Policy,
    PolicyToApply,
    Reason,
    SomeDisk,
    SomeReason,
    Source,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PROGRAM = "kubectl azdiskbackup"
COMPLETE_VAR = "_KUBECTL_AZDISKBACKUP_COMPLETE"

app = typer.Typer(
    name=PROGRAM,
    help="See and use Azure Backup for the disks of this cluster: what is protected, what was backed up, what to do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command that was typed."""
    from azdiskbackup.plugin.runtime.streams import guarded

    guarded(lambda: app(prog_name=PROGRAM, complete_var=COMPLETE_VAR))


def _done(ending: ExitCode) -> None:
    if ending is not ExitCode.DONE:
        raise typer.Exit(ending)


def _in_cluster(options: Options, command: Callable[..., Awaitable[ExitCode]], **words: Any) -> None:
    """Run a command that asks the API server."""
    import asyncio

    from azdiskbackup.plugin.runtime.session import session

    _done(asyncio.run(session(options, command, **words)))


# --- commands -----------------------------------------------------------------------------------------


@app.command()
def disks(
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    policy: Policy = None,
    reason: Reason = None,
    not_ready: Annotated[bool, typer.Option("--not-ready", help="Only disks that are not ready.")] = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Form = Output.TABLE,
    color: Colors = Color.AUTO,
) -> None:
    """List the protected disks: state, last good backup, next one, restore points."""
    from azdiskbackup.plugin.commands import disks as command

    options = Options(namespace, all_namespaces, context, kubeconfig, output, color)
    _in_cluster(options, command.run, policy=policy, reason=reason, not_ready=not_ready)


@app.command()
def status(
    namespace: InOneNamespace = None,
    all_namespaces: InAll = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with status 3 if any object needs attention.")
    ] = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Form = Output.TABLE,
    color: Colors = Color.AUTO,
) -> None:
    """Show the whole cluster at a glance, what needs attention first."""
    from azdiskbackup.plugin.commands import status as command

    options = Options(None if all_namespaces else namespace, False, context, kubeconfig, output, color)
    _in_cluster(options, command.run, exit_code=exit_code)


@app.command()
def describe(
    disk: DiskName,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Form = Output.TABLE,
    color: Colors = Color.AUTO,
) -> None:
    """Show one disk: its conditions in order, its backups, what to do."""
    from azdiskbackup.plugin.commands import describe as command

    _in_cluster(Options(namespace, False, context, kubeconfig, output, color), command.run, name=disk)


@app.command()
def backup(
    disk: DiskName,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait until it has ended, and show its progress.")] = False,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds to wait; then exit with status 124.")] = 3600,
    rule: Annotated[
        RetentionRule, typer.Option(help="Retention rule that decides how long the restore point is kept.")
    ] = RetentionRule.DEFAULT,
    name: Annotated[str | None, typer.Option(help="Name of the OnDemandBackup; default: made from the disk's.")] = None,
    ttl: Annotated[
        int | None,
        typer.Option(min=0, help="Seconds after which the finished object is deleted; the restore point stays."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the manifest instead of applying it.")] = False,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Form = Output.TABLE,
    color: Colors = Color.AUTO,
) -> None:
    """Back up a disk now."""
    from azdiskbackup.plugin.commands import backup as command

    options = Options(namespace, False, context, kubeconfig, output, color)
    how = {"rule": rule.value, "object_name": name, "ttl": ttl, "wait": wait, "within": timeout, "dry_run": dry_run}
    _in_cluster(options, command.run, name=disk, **how)


@app.command()
def jobs(
    disk: SomeDisk = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Form = Output.TABLE,
    color: Colors = Color.AUTO,
) -> None:
    """List the newest jobs of the last seven days, with their errors."""
    from azdiskbackup.plugin.commands import jobs as command

    options = Options(namespace, all_namespaces, context, kubeconfig, output, color)
    _in_cluster(options, command.run, name=disk, failed=failed)


@app.command("restore-points")
def restore_points(
    disk: DiskName,
    source: Source = From.AUTO,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Form = Output.TABLE,
    color: Colors = Color.AUTO,
) -> None:
    """List the restore points of a disk: all of them if you may read them in Azure."""
    from azdiskbackup.plugin.commands import restore_points as command

    options = Options(namespace, False, context, kubeconfig, output, color)
    _in_cluster(options, command.run, name=disk, source=source)


@app.command()
def timeline(
    disk: DiskName,
    days: Annotated[int, typer.Option(min=1, max=400, help="How many days.")] = 28,
    source: Source = From.AUTO,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Form = Output.TABLE,
    color: Colors = Color.AUTO,
) -> None:
    """Show a calendar of a disk's days: good, missed, failed."""
    from azdiskbackup.plugin.commands import timeline as command

    options = Options(namespace, False, context, kubeconfig, output, color)
    _in_cluster(options, command.run, name=disk, count=days, source=source)


@app.command()
def unprotected(
    apply_policy: PolicyToApply = None,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Form = Output.TABLE,
    color: Colors = Color.AUTO,
) -> None:
    """List the PVCs on Azure disks without a ProtectedDisk."""
    from azdiskbackup.plugin.commands import unprotected as command

    options = Options(namespace, all_namespaces, context, kubeconfig, output, color)
    _in_cluster(options, command.run, apply_policy=apply_policy)


@app.command()
def orphans(
    instance: Annotated[
        str | None,
        typer.Argument(
            metavar="[INSTANCE]", help="Show how to restore this one; NAMESPACE/NAME of its ProtectedDisk works, too."
        ),
    ] = None,
    vault_id: Annotated[
        list[str] | None, typer.Option(help="ARM id of a vault; default: those of the cluster. May be repeated.")
    ] = None,
    namespace: InOneNamespace = None,
    all_namespaces: InAll = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Form = Output.TABLE,
    color: Colors = Color.AUTO,
) -> None:
    """List backup instances in Azure whose cluster, namespace, object or PVC no longer exists."""
    from azdiskbackup.plugin.commands import orphans as command

    options = Options(namespace, all_namespaces or namespace is None, context, kubeconfig, output, color)
    _in_cluster(options, command.run, vaults=vault_id or [], instance=instance)


@app.command()
def check(
    azure: Annotated[bool, typer.Option(help="Check the vaults in Azure too, with your own permissions.")] = True,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Form = Output.TABLE,
    color: Colors = Color.AUTO,
) -> None:
    """Check the installation, your permissions, the clocks and Azure, with a remediation for each problem."""
    from azdiskbackup.plugin.commands import check as command

    options = Options(namespace, all_namespaces, context, kubeconfig, output, color)
    _in_cluster(options, command.run, azure=azure)


@app.command()
def version() -> None:
    """Show the version."""
    from importlib.metadata import version as version_of

    typer.echo(version_of("azdiskbackup"))


@app.command()
def explain(
    reason: SomeReason = None,
    output: Form = Output.TABLE,
    color: Colors = Color.AUTO,
) -> None:
    """Explain the reason of a condition: cause and remediation."""
    from azdiskbackup.plugin.commands import explain as command
    from azdiskbackup.plugin.output.printer import Printer

    _done(command.run(Printer(Options(output=output, color=color)), reason))
