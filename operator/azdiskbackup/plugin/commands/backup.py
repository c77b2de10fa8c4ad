"""`backup`: one backup of a disk, now; with `--wait` until it has ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from rich.text import Text

from azdiskbackup.api.v1alpha1.names import GROUP, VERSION
from azdiskbackup.api.v1alpha1.on_demand_backup import OnDemandBackupStatus
from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.objects.restored import EXCLUDE_FROM_BACKUP
from azdiskbackup.core.rules import reasons
from azdiskbackup.errors import Unavailable
from azdiskbackup.plugin.cluster.client import BACKUPS, OBJECT_NAME, Cluster
from azdiskbackup.plugin.cluster.disk_rows import needs
from azdiskbackup.plugin.cluster.follow import Followed, follow
from azdiskbackup.plugin.output import manifests
from azdiskbackup.plugin.output.formatting import State, duration
from azdiskbackup.plugin.output.live import live_line
from azdiskbackup.plugin.output.printer import Printer, Shape
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode
from azdiskbackup.plugin.runtime.options import Output, RetentionRule


class Backup(Shape, frozen=True, kw_only=True):
    """An OnDemandBackup; ``succeeded`` is null until it has ended."""

    namespace: str
    name: str
    disk: str
    succeeded: bool | None
    reason: str
    message: str
    job_id: str | None
    restore_point: str | None
    duration_seconds: int | None


async def run(
    cluster: Cluster,
    printer: Printer,
    *,
    name: str,
    rule: RetentionRule,
    object_name: str | None,
    ttl: int | None,
    wait: bool,
    within: float,
    dry_run: bool,
) -> ExitCode:
    """Ask for a backup."""
    if object_name is not None and not OBJECT_NAME.fullmatch(object_name):
        raise CliError(f"invalid OnDemandBackup name {object_name!r}", ExitCode.USAGE)
    disk = await cluster.disk(name)
    manifest = manifest_of(disk, rule.value, object_name, ttl)
    if dry_run:
        if printer.form is Output.JSON:
            printer.json(manifest)
        else:
            printer.write(manifests.manifest(manifest))
        return ExitCode.DONE
    made = await _made(cluster, manifest, disk.namespace)
    if not wait:
        _tell(printer, shape(made))
        if not printer.structured:
            printer.note(f"To follow it: kubectl get odbackup {made.name} -n {made.namespace} -w")
        return ExitCode.DONE
    if not printer.structured:
        printer.note(f"OnDemandBackup {made.namespace}/{made.name} created.")
    try:
        with _progress(printer, _usually(disk)) as tell:
            ended = await follow(cluster, made, _followed(made), tell, within)
    except asyncio.CancelledError:
        printer.note(f"The backup continues. To follow it: kubectl get odbackup {made.name} -n {made.namespace}")
        raise
    _tell(printer, shape(ended))
    return ExitCode.DONE if shape(ended).succeeded else ExitCode.UNHEALTHY


def _followed(made: Resource) -> Followed:
    return Followed(
        BACKUPS,
        "backup",
        "A backup that has started continues; see `kubectl azdiskbackup jobs`.",
        f"kubectl get odbackup {made.name} -n {made.namespace}",
    )


async def _made(cluster: Cluster, manifest: dict[str, Any], namespace: str) -> Resource:
    try:
        return await cluster.create(BACKUPS, manifest, namespace)
    except CliError as trouble:
        if not isinstance(trouble.__cause__, Unavailable):
            raise
        # The request may have arrived, and each backup counts.
        look = f"It is unknown whether it was created; check before you retry: kubectl get odbackup -n {namespace}"
        raise CliError(f"{trouble.user_message} {look}") from trouble.__cause__


def manifest_of(disk: Resource, rule: str, name: str | None, ttl: int | None) -> dict[str, Any]:
    """Return the object that asks for a backup."""
    called = {"name": name} if name else {"generateName": f"{disk.name[:200].rstrip('.-')}-"}
    spec: dict[str, Any] = {"protectedDiskRef": {"name": disk.name}, "retentionRule": rule}
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "OnDemandBackup",
        "metadata": {**called, "namespace": disk.namespace, "labels": {**EXCLUDE_FROM_BACKUP}},
        "spec": spec | ({"ttlSecondsAfterFinished": ttl} if ttl is not None else {}),
    }


def shape(backup: Resource) -> Backup:
    """Return an OnDemandBackup as it is told."""
    known = parse_status(OnDemandBackupStatus, backup)
    succeeded = backup.condition(reasons.SUCCEEDED)
    return Backup(
        namespace=backup.namespace,
        name=backup.name,
        disk=str(backup.spec["protectedDiskRef"]["name"]),
        succeeded={"True": True, "False": False}.get(str(succeeded.get("status"))),
        reason=str(succeeded.get("reason", "")),
        message=str(succeeded.get("message", "")),
        job_id=known.job_id,
        restore_point=known.restore_point.id if known.restore_point is not None else None,
        duration_seconds=known.duration_seconds,
    )


def _usually(disk: Resource) -> float | None:
    """Return how long backups of the disk took lately, in seconds."""
    known = parse_status(ProtectedDiskStatus, disk)
    took = [job.duration_seconds for job in (known.jobs.recent if known.jobs else []) if job.duration_seconds]
    return median(took) if took else None


@contextlib.contextmanager
def _progress(printer: Printer, usually: float | None) -> Iterator[Callable[[Resource, float], None]]:
    """Yield what shows how it goes: a line that changes on a terminal, else a line a change; on stderr."""
    if not printer.live:
        last = [""]

        def line(found: Resource, waited: float) -> None:
            now = shape(found)
            if now.reason != last[0] and now.succeeded is None:
                last[0] = now.reason
                printer.note(f"{now.reason or 'Waiting for the operator'}: {now.message}")

        yield line
        return
    with live_line(printer) as turn:
        yield lambda found, waited: turn(_words(shape(found), waited, usually))


def _words(now: Backup, waited: float, usually: float | None) -> Text:
    state = needs(now.reason) if now.reason else State.IN_PROGRESS
    often = f" (usually {duration(usually)})" if usually is not None else ""
    head = (now.reason or "Waiting for the operator", state.style)
    return Text.assemble(head, f" for {duration(waited)}{often}. {now.message} Ctrl-C leaves it running.")


def _tell(printer: Printer, each: Backup) -> None:
    if printer.structured:
        printer.data(each)
        return
    if each.succeeded is None:
        printer.show(Text(f"ondemandbackup/{each.name}"))
        return
    state = State.GOOD if each.succeeded else State.ACTION_REQUIRED
    took = f" in {duration(each.duration_seconds)}" if each.duration_seconds is not None else ""
    head = (each.reason, state.style)
    printer.show(Text.assemble(state.sign(printer.out.encoding), f" {each.namespace}/{each.disk}: ", head, f"{took}."))
    if each.restore_point:
        printer.show(Text(f"Restore point {each.restore_point}"))
    if not each.succeeded:
        printer.paragraph(each.message)
