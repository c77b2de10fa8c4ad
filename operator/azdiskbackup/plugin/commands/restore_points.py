"""`restore-points`: all of a disk's, from Azure where the caller may read them there, else the newest, from status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from msgspec import structs

from azdiskbackup.api.v1alpha1.protected_disk import EarlierDiskStatus, ProtectedDiskStatus, RestorePointStatus
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureRestorePoint
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.errors import OperatorError
from azdiskbackup.plugin.cluster.client import DISKS, Cluster, arm_id_of, claim_of
from azdiskbackup.plugin.output.formatting import age, moment, until
from azdiskbackup.plugin.output.printer import Column, Printer, Shape
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode
from azdiskbackup.plugin.runtime.options import From


class RestorePoint(Shape, frozen=True, kw_only=True):
    """A restore point.

    Attributes:
        disk: name of the ProtectedDisk.
        earlier_disk: name in Azure of the disk, where the ProtectedDisk protects another one by now.
        arm_id: by which it is restored.
    """

    disk: str
    earlier_disk: str | None = None
    id: str
    time: datetime
    expiry_time: datetime | None
    retention_rule: str | None
    type: str | None
    arm_id: str | None


async def run(cluster: Cluster, printer: Printer, *, name: str, source: From, all_disks: bool) -> ExitCode:
    """Show the restore points of a disk, newest first; or those of all ProtectedDisks of a PVC."""
    resources = await _of_claim(cluster, name) if all_disks else [await cluster.disk(name)]
    read_ = [await read(each, source) for each in resources]
    if all_disks:
        read_ += [
            await _read_earlier(each, disk, source)
            for each in resources
            for disk in parse_status(ProtectedDiskStatus, each).earlier_disks or ()
        ]
    points = sorted((point for each in read_ for point in each.points), key=lambda point: point.time, reverse=True)
    names = ", ".join(each.name for each in resources)
    columns = _columns(cluster.now)
    printer.table(
        [*_DISK_COLUMNS, *columns] if all_disks else columns,
        points,
        f"{cluster.home}/{names} has no restore point yet.",
    )
    for note in dict.fromkeys(each.note for each in read_ if each.note):
        printer.note(note)
    if not all_disks and any(parse_status(ProtectedDiskStatus, each).earlier_disks for each in resources):
        printer.note("Those of the disks that the PVC had before: --all-disks")
    if points and not printer.structured:
        which = "DISK" if len(resources) > 1 else names
        of_earlier = " [--earlier-disk NAME]" if any(each.earlier_disk for each in points) else ""
        printer.note(f"To restore one: kubectl azdiskbackup restore {which} -n {cluster.home} --point ID{of_earlier}")
    return ExitCode.DONE


async def _of_claim(cluster: Cluster, name: str) -> list[Resource]:
    """Return the ProtectedDisks that name a PVC, by its name or by that of one of them.

    After a PVC got another disk there may be one for each of its disks.
    """
    name = cluster.named(name)
    disks = await cluster.all(DISKS, cluster.home)
    claims = {claim_of(each) for each in disks if name in (each.name, claim_of(each))} - {""}
    return [each for each in disks if claim_of(each) in claims] or [await cluster.disk(name)]


_DISK_COLUMNS: Sequence[Column[RestorePoint]] = (
    Column("DISK", lambda point: point.disk),
    Column("EARLIER DISK", lambda point: point.earlier_disk or "-"),
)


def _columns(now: datetime) -> Sequence[Column[RestorePoint]]:
    return (
        Column("TIME (UTC)", lambda point: moment(point.time)),
        Column("AGE", lambda point: age(point.time, now), right=True, spare=True),
        Column("EXPIRES", lambda point: until(point.expiry_time, now), right=True),
        Column("RULE", lambda point: point.retention_rule or "-", spare=True),
        Column("TYPE", lambda point: point.type or "-", spare=True),
        Column("ID", lambda point: point.id),
        Column("ARM ID", lambda point: point.arm_id or "-", wide=True),
    )


@dataclass(frozen=True, slots=True)
class Read:
    """The restore points of a disk, newest first.

    Attributes:
        complete: whether they are all; if not, older ones are left out.
        note: what a person should know about where they come from.
    """

    points: list[RestorePoint]
    complete: bool = True
    note: str = ""


async def read(resource: Resource, source: From) -> Read:
    """Return the restore points.

    Raises:
        CliError: they were wanted from Azure, which does not tell.
    """
    known = parse_status(ProtectedDiskStatus, resource)
    return await _read(known.backup_instance_id, resource.name, source, of_status(known, resource.name))


async def _read(instance_id: str | None, disk: str, source: From, of_status: Read) -> Read:
    instance = arm_id_of(instance_id)
    if source is From.STATUS or instance is None:
        return of_status
    try:
        return Read(await _of_azure(instance, disk))
    except OperatorError as error:
        from azdiskbackup.plugin.cluster.azure_account import unreadable_reason

        message = unreadable_reason(error, f"the vault of {instance_id}")
        if source is From.AZURE:
            raise CliError(message) from error
        return replace(of_status, note=f"{of_status.note}{' ' if of_status.note else ''}Azure was not read: {message}")


async def _read_earlier(resource: Resource, disk: EarlierDiskStatus, source: From) -> Read:
    """Return the restore points of a disk that an object protected before; status has their times only."""
    status = Read([], complete=False, note=_earlier_note(resource, disk))
    found = await _read(disk.backup_instance_id, resource.name, source, status)
    return replace(found, points=[structs.replace(point, earlier_disk=disk.name) for point in found.points])


def _earlier_note(resource: Resource, disk: EarlierDiskStatus) -> str:
    oldest, newest = disk.oldest_restore_point, disk.newest_restore_point
    times = f" from {moment(oldest)} to {moment(newest)} UTC" if oldest and newest else ""
    return (
        f"Restore points of the earlier disk {disk.name}{times}: kubectl azdiskbackup restore {resource.name} -n "
        f"{resource.namespace} --earlier-disk {disk.name} [--at TIME]"
    )


async def _of_azure(instance: ArmId, disk: str) -> list[RestorePoint]:
    from azdiskbackup.plugin.cluster.azure_account import azure_of

    async with azure_of(instance.subscription) as azure:
        points = await azure.backups.list_restore_points(instance)
    newest_first = sorted(points, key=lambda point: point.time, reverse=True)
    return [_point(disk, each, each.expiry, str(instance)) for each in newest_first]


def of_status(known: ProtectedDiskStatus, disk: str) -> Read:
    """Return the restore points that a status has."""
    points = known.restore_points
    if points is None:
        return Read([], complete=False)
    found = [_point(disk, each, each.expiry_time, known.backup_instance_id) for each in points.recent]
    more = points.count - len(found)
    return Read(found, more <= 0, f"{more} older ones are not in status." if more > 0 else "")


def _point(
    disk: str, point: AzureRestorePoint | RestorePointStatus, expiry: datetime | None, instance: str | None
) -> RestorePoint:
    return RestorePoint(
        disk=disk,
        id=point.id,
        time=point.time,
        expiry_time=expiry,
        retention_rule=point.retention_rule,
        type=point.type,
        arm_id=f"{instance}/recoveryPoints/{point.id}" if instance else None,
    )
