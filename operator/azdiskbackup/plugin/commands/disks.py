"""`disks`: every protected disk, one a line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from azdiskbackup.core.reason_catalog import REASON_CATALOG
from azdiskbackup.plugin.cluster.client import DISKS, Cluster, labelled
from azdiskbackup.plugin.cluster.disk_rows import Disk, disk
from azdiskbackup.plugin.output.formatting import age, until
from azdiskbackup.plugin.output.printer import Column, Printer
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode, suggest


async def run(
    cluster: Cluster,
    printer: Printer,
    *,
    policy: str | None,
    reason: str | None,
    not_ready: bool,
    selector: str | None,
) -> ExitCode:
    """Show the disks of the namespace, or of all."""
    if reason is not None and reason not in REASON_CATALOG:
        raise CliError(f"Reason {reason!r} does not exist.{suggest(reason, REASON_CATALOG)}", ExitCode.USAGE)
    now = cluster.now
    selected = labelled(selector) | ({"fieldSelector": f"spec.policyRef.name={policy}"} if policy else {})
    found = [disk(each, now) async for each in cluster.each(DISKS, cluster.namespace, **selected)]
    if not found:
        await cluster.namespace_is_there()
        if policy is not None:
            await cluster.policy_is_there(policy)
    shown = [each for each in found if (not not_ready or not each.ready) and reason in (None, each.reason)]
    kind = "such ProtectedDisk" if found or selector else "ProtectedDisk"
    hint = "" if found or not cluster.namespace else " -A shows all namespaces."
    printer.table(_columns(now, printer.out.encoding), shown, f"No {kind} {cluster.where}.{hint}", _name)
    return ExitCode.DONE


def _columns(now: datetime, encoding: str) -> Sequence[Column[Disk]]:
    return (
        Column("NAMESPACE", lambda disk: disk.namespace),
        Column("NAME", lambda disk: disk.name),
        Column("", lambda disk: disk.state.sign(encoding)),
        Column("STATE", lambda disk: Text(disk.reason or "not reconciled yet", style=disk.state.style)),
        Column("POLICY", lambda disk: disk.policy, spare=True),
        Column(
            "LAST GOOD",
            lambda disk: _red(age(disk.last_successful_backup_time, now), disk.backup_healthy is False),
            right=True,
        ),
        Column("NEXT", lambda disk: _red(until(disk.next_backup_time, now), disk.stale), right=True, spare=True),
        Column("POINTS", lambda disk: _number(disk.restore_points), right=True, spare=True),
        Column("PVC", lambda disk: disk.persistent_volume_claim or "-", wide=True),
        Column("GIB", lambda disk: _number(disk.size_gib), wide=True, right=True),
        Column("VAULT", lambda disk: disk.vault or "-", wide=True),
        Column("FAILED 7D", lambda disk: _red(str(disk.failed_jobs), disk.failed_jobs > 0), wide=True, right=True),
        Column("MESSAGE", lambda disk: disk.message, wide=True),
        Column("DISK ID", lambda disk: disk.disk_id or "-", wide=True),
    )


def _name(disk: Disk) -> str:
    return f"{DISKS.kind.lower()}.{DISKS.group}/{disk.name}"


def _number(number: int | None) -> str:
    return str(number) if number is not None else "-"


def _red(text: str, bad: bool) -> Text:
    return Text(text, style="red" if bad else "")
