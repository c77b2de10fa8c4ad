"""`disks`: every protected disk, one a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from rich.text import Text

from azdiskbackup.core.reason_catalog import REASON_CATALOG
from azdiskbackup.plugin.cluster.client import DISKS, POLICIES, Cluster
from azdiskbackup.plugin.cluster.disk_rows import Disk, disk
from azdiskbackup.plugin.output.formatting import age, until
from azdiskbackup.plugin.output.printer import Column, Printer
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode, suggest

_COLUMNS = (
    Column("NAMESPACE"),
    Column("NAME"),
    Column(""),
    Column("STATE"),
    Column("POLICY", spare=True),
    Column("LAST GOOD", right=True),
    Column("NEXT", right=True, spare=True),
    Column("POINTS", right=True, spare=True),
    Column("PVC", wide=True),
    Column("GIB", wide=True, right=True),
    Column("VAULT", wide=True),
    Column("FAILED 7D", wide=True, right=True),
    Column("MESSAGE", wide=True),
    Column("DISK ID", wide=True),
)


async def run(
    cluster: Cluster, printer: Printer, *, policy: str | None, reason: str | None, not_ready: bool
) -> ExitCode:
    """Show the disks of the namespace, or of all."""
    if reason is not None and reason not in REASON_CATALOG:
        raise CliError(f"Reason {reason!r} does not exist.{suggest(reason, REASON_CATALOG)}", ExitCode.USAGE)
    now = cluster.now
    selected = {"fieldSelector": f"spec.policyRef.name={policy}"} if policy else {}
    found = [disk(each, now) async for each in cluster.each(DISKS, cluster.namespace, **selected)]
    if not found:
        await cluster.namespace_is_there()
        await _policy_is_there(cluster, policy)
    shown = [each for each in found if (not not_ready or not each.ready) and reason in (None, each.reason)]
    if printer.structured:
        printer.data(shown)
    else:
        where = f"in the namespace {cluster.namespace}" if cluster.namespace else "in any namespace"
        kind = "such ProtectedDisk" if found else "ProtectedDisk"
        hint = "" if found or not cluster.namespace else " -A shows all namespaces."
        printer.table(_COLUMNS, rows(shown, now, printer.out.encoding), f"No {kind} {where}.{hint}")
    return ExitCode.DONE


async def _policy_is_there(cluster: Cluster, policy: str | None) -> None:
    if policy is not None:
        known = await cluster.all_if_allowed(POLICIES)
        if known is not None and policy not in {each.name for each in known}:
            raise CliError(
                f"DiskBackupPolicy {policy!r} does not exist.{suggest(policy, [each.name for each in known])}"
            )


def rows(disks: Iterable[Disk], now: datetime, encoding: str) -> Iterator[list[str | Text]]:
    """Yield the cells of each disk."""
    for each in disks:
        last = age(each.last_successful_backup_time, now)
        yield [
            each.namespace,
            each.name,
            each.state.sign(encoding),
            Text(each.reason or "not reconciled yet", style=each.state.style),
            each.policy,
            Text(last, style="red" if each.backup_healthy is False else ""),
            Text(until(each.next_backup_time, now), style="red" if each.stale else ""),
            str(each.restore_points) if each.restore_points is not None else "-",
            each.persistent_volume_claim or "-",
            str(each.size_gib) if each.size_gib is not None else "-",
            each.vault or "-",
            Text(str(each.failed_jobs), style="red" if each.failed_jobs else ""),
            each.message,
            each.disk_id or "-",
        ]
