"""`disks`: every protected disk, one a line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.text import Text

from azdiskbackup.core.reason_catalog import REASON_CATALOG
from azdiskbackup.plugin.cluster.client import DISKS, Cluster, labelled
from azdiskbackup.plugin.cluster.disk_rows import Disk, disk
from azdiskbackup.plugin.output.formatting import age, until
from azdiskbackup.plugin.output.printer import Column, Printer
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode, suggest

_LOOK_EVERY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which disks are wanted; what the API server cannot select is left out here."""

    selected: Mapping[str, str]
    reason: str | None
    not_ready: bool

    async def read(self, cluster: Cluster, now: datetime) -> list[Disk]:
        return [disk(each, now) async for each in cluster.each(DISKS, cluster.namespace, **self.selected)]

    def of(self, disks: Iterable[Disk]) -> list[Disk]:
        return [each for each in disks if not (self.not_ready and each.ready) and self.reason in (None, each.reason)]


async def run(
    cluster: Cluster,
    printer: Printer,
    *,
    policy: str | None,
    reason: str | None,
    not_ready: bool,
    selector: str | None,
    watch: bool,
) -> ExitCode:
    """Show the disks of the namespace, or of all; with ``watch`` those that change from then on, too, without end."""
    if reason is not None and reason not in REASON_CATALOG:
        raise CliError(f"Reason {reason!r} does not exist.{suggest(reason, REASON_CATALOG)}", ExitCode.USAGE)
    if watch and printer.structured:
        raise CliError("--watch prints tables, not JSON or YAML", ExitCode.USAGE)
    now = cluster.now
    selected = labelled(selector) | ({"fieldSelector": f"spec.policyRef.name={policy}"} if policy else {})
    wanted = _Wanted(selected, reason, not_ready)
    found = await wanted.read(cluster, now)
    if not found:
        await cluster.namespace_is_there()
        if policy is not None:
            await cluster.policy_is_there(policy)
    kind = "such ProtectedDisk" if found or selector else "ProtectedDisk"
    hint = "" if found or not cluster.namespace else " -A shows all namespaces."
    empty = f"No {kind} {cluster.where}.{hint}"
    printer.table(_columns(now, printer.out.encoding), wanted.of(found), empty, _name)
    if watch:
        await _watch(cluster, printer.without_headers(), wanted, found)
    return ExitCode.DONE


async def _watch(cluster: Cluster, printer: Printer, wanted: _Wanted, found: list[Disk]) -> None:
    """Print each disk again that differs from when it was read last, as `kubectl get -w` does."""
    while True:
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
        now, before = cluster.now, found
        found = await wanted.read(cluster, now)
        changed = wanted.of(each for each in found if each not in before)
        if changed:
            printer.table(_columns(now, printer.out.encoding), changed, "", _name)
        left = {(each.namespace, each.name) for each in found}
        for gone in before:
            if (gone.namespace, gone.name) not in left:
                printer.note(f"ProtectedDisk {gone.namespace}/{gone.name} was deleted.")


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
