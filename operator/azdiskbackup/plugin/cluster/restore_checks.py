"""What is known to stand in the way of a restore before an object is made, with the permissions of the caller."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import TypeVar

from azdiskbackup.api.v1alpha1.label_selector import LabelSelector
from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus, RestorePointsStatus
from azdiskbackup.core.disk_restore.manifests import source_volume
from azdiskbackup.core.objects.resource import Invalid, Resource, parse_status, selects
from azdiskbackup.core.objects.vault_view import vault_view
from azdiskbackup.errors import AccessDenied
from azdiskbackup.kube.watched import NAMESPACE, VOLUME, WatchedResource
from azdiskbackup.plugin.cluster.client import VAULTS, WHOLE_CLAIMS, Cluster, claim_of
from azdiskbackup.plugin.cluster.restores import Json, Wanted
from azdiskbackup.plugin.output.formatting import moment
from azdiskbackup.plugin.runtime.exit_code import CliError, suggest

# The volumes as they are: those that are watched are cut down to what the operator needs.
WHOLE_VOLUMES = WatchedResource("PersistentVolume", "", "v1", VOLUME.plural, lambda raw: raw)

AnswerT = TypeVar("AnswerT")
# After the start of its job.
_TAKEN_WITHIN = timedelta(minutes=5)


async def known(asked: Awaitable[AnswerT | None]) -> tuple[bool, AnswerT | None]:
    """Return whether the caller may read something, and what it is; None for what does not exist."""
    try:
        return True, await asked
    except CliError as trouble:
        if not isinstance(trouble.__cause__, AccessDenied):
            raise
        return False, None


async def vault_allows(cluster: Cluster, vault: str, *, by_instance: bool) -> None:
    """Make sure that a vault lets the namespace restore, as far as the caller may see that.

    Raises:
        CliError: it does not.
    """
    may_read, found = await known(cluster.get_or_none(VAULTS, "", vault))
    if may_read and found is None:
        names = [each.name for each in await cluster.all(VAULTS)]
        raise CliError(f"BackupVault {vault!r} does not exist.{suggest(vault, names)}")
    view = vault_view(found) if found is not None else None
    if view is None or isinstance(view, Invalid):
        return
    if not view.restore_groups:
        raise CliError(
            f"BackupVault {vault!r} names no resource group for restored disks. Ask the platform team to add one to "
            "its `restoreResourceGroups`."
        )
    _, space = await known(cluster.get_or_none(NAMESPACE, "", cluster.home))
    if space is None:
        return
    selectors = {
        "access.namespaces": view.access.namespaces,
        "access.restoreNamespaces": view.access.restore_namespaces,
    }
    if by_instance:
        selectors["access.restoreOrphanNamespaces"] = view.access.restore_orphan_namespaces
    for field, selector in selectors.items():
        if not selects(selector, space.labels):
            raise CliError(
                f"BackupVault {vault!r} does not allow the namespace {cluster.home!r} to restore this (`{field}`). "
                f"{_request(selector, field, cluster.home)}"
            )


def _request(selector: LabelSelector | None, field: str, namespace: str) -> str:
    if selector is None:
        return f"It allows no namespace: ask the platform team to set `{field}`."
    labels = " ".join(f"{key}={value}" for key, value in (selector.match_labels or {}).items())
    if not labels or selector.match_expressions:
        return f"Ask the platform team to label the namespace as `{field}` requires."
    return f"Ask the platform team for `kubectl label namespace {namespace} {labels}`."


def check_earlier_disk(disk: Resource, name: str) -> None:
    """Make sure that a ProtectedDisk protected a disk before.

    Raises:
        CliError: its status does not say so.
    """
    names = [each.name for each in parse_status(ProtectedDiskStatus, disk).earlier_disks or ()]
    if name not in names:
        raise CliError(f"{disk.namespace}/{disk.name} has protected no disk {name!r} before.{suggest(name, names)}")


def check_points(disk: Resource, selector: Json | None, when: datetime | None) -> str:
    """Return a note on the restore point that is asked for, as the status of the disk knows them.

    Args:
        disk: the ProtectedDisk.
        selector: which was asked for.
        when: the time in it.

    Raises:
        CliError: there is none such.
    """
    status = parse_status(ProtectedDiskStatus, disk)
    place = f"{disk.namespace}/{disk.name}"
    if status.backup_instance_id is None:
        raise CliError(
            f"{place} is not backed up yet, so there is nothing to restore. See `kubectl azdiskbackup describe "
            f"{disk.name} -n {disk.namespace}`.{_earlier(status, when)}"
        )
    points = status.restore_points
    if points is None or not points.count:
        if status.last_successful_backup_time is None:
            raise CliError(
                f"{place} has no restore point yet.{_earlier(status, when)} To take one: kubectl azdiskbackup backup "
                f"{disk.name} -n {disk.namespace} --wait"
            )
        return ""
    if when is not None and points.oldest is not None and when < points.oldest:
        raise CliError(
            f"The oldest restore point of {place} was taken at {moment(points.oldest)} UTC, after {moment(when)} UTC. "
            f"{_earlier(status, when).strip() or 'Name a later time with --at.'}"
        )
    id_ = selector.get("id") if selector is not None else None
    if id_ is not None and points.count == len(points.recent) and all(each.id != id_ for each in points.recent):
        return f"Restore point {id_} is not among the {points.count} that the status of {place} lists."
    return _inexact(points, when) if when is not None else ""


def _inexact(points: RestorePointsStatus, when: datetime) -> str:
    """Return a note where the restore point that a person means may have been taken after the time that they name."""
    known = (each for each in points.recent if each.computed and each.time <= when < each.time + _TAKEN_WITHIN)
    near = next(known, None)
    if near is None:
        return ""
    return (
        f"The restore point of {moment(near.time)} UTC is known from its job only, and may have been taken after "
        f"{moment(when)} UTC. To restore exactly that one, use --point {near.id}."
    )


def _earlier(status: ProtectedDiskStatus, when: datetime | None) -> str:
    """Say where there is an older restore point; nothing where none is known."""
    for each in status.earlier_disks or ():
        oldest = each.oldest_restore_point
        if oldest is not None and (when is None or oldest <= when):
            return f" The PVC had another disk before: --earlier-disk {each.name} restores it."
    return ""


async def check_claim(cluster: Cluster, name: str) -> None:
    """Make sure that the PVC to be made does not exist yet.

    Raises:
        CliError: it does.
    """
    if await exists(cluster, name):
        raise CliError(
            f"PVC {name!r} exists in the namespace {cluster.home!r}, and a restore touches nothing that exists. Choose "
            "another name with --pvc."
        )


async def exists(cluster: Cluster, name: str) -> bool:
    """Return whether a PVC is known to exist."""
    _, found = await known(cluster.get_or_none(WHOLE_CLAIMS, cluster.home, name))
    return found is not None


async def check_source(cluster: Cluster, disk: Resource, wanted: Wanted) -> str:
    """Return a note on what is not in a backup, and nobody tells any more.

    Raises:
        CliError: the source is gone, and has to be replaced by options.
    """
    status = parse_status(ProtectedDiskStatus, disk)
    name = claim_of(disk)
    may_read, claim = await known(cluster.get_or_none(WHOLE_CLAIMS, disk.namespace, name)) if name else (True, None)
    volume_name = str(claim.spec.get("volumeName") or "") if claim is not None else ""
    if not volume_name and name and status.disk is not None:
        volume_name = status.disk.persistent_volume or ""
    may_read_volume, volume = True, None
    if volume_name:
        may_read_volume, volume = await known(cluster.get_or_none(WHOLE_VOLUMES, "", volume_name))
    if not may_read or (claim is not None and not may_read_volume):
        return ""
    source = source_volume(claim.raw if claim else None, volume.raw if volume else None)
    missing = []
    if wanted.storage_class is None and source.storage_class is None:
        missing.append("--storage-class")
    if wanted.fs_type is None and source.fs_type is None and (wanted.volume_mode or source.volume_mode) != "Block":
        missing.append("--fs-type (or --volume-mode Block)")
    if not missing:
        return ""
    options = " and ".join(missing)
    gone = f"The PVC {name!r} no longer exists" if claim is None and name else "The volume of the source is not known"
    if not may_read_volume:
        return f"{gone}. If its volume is gone too, the restore needs {options}."
    raise CliError(
        f"{gone}, and a backup contains neither storage class nor file system. Use {options} as the old PVC had "
        "them, or --disk-only."
    )
