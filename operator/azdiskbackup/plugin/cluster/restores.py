"""DiskRestores: what a person may ask for, the object that asks for it, and how it is told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from azdiskbackup.api.v1alpha1.disk_restore import DiskRestoreStatus
from azdiskbackup.api.v1alpha1.names import GROUP, VERSION
from azdiskbackup.core.objects.recorded import recorded_time
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.objects.restored import EXCLUDE_FROM_BACKUP
from azdiskbackup.core.rules import reasons
from azdiskbackup.errors import AccessDenied
from azdiskbackup.kube.client import NotFoundError
from azdiskbackup.plugin.cluster.client import OBJECT_NAME, RESTORES, Cluster
from azdiskbackup.plugin.cluster.disk_rows import needs
from azdiskbackup.plugin.cluster.follow import has_ended
from azdiskbackup.plugin.output.formatting import State
from azdiskbackup.plugin.output.point_in_time import point_in_time
from azdiskbackup.plugin.output.printer import Shape
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode
from azdiskbackup.plugin.runtime.options import AccessMode, FsType, ReclaimPolicy, VolumeMode

Json = dict[str, Any]

_FAILURES_ARE_TOLD = timedelta(days=7)
_INSTANCE = re.compile(r"[-A-Za-z0-9]{1,150}")
_DISK = re.compile(r"[-A-Za-z0-9_.]{1,80}")
_POINT = re.compile(r"[-A-Za-z0-9_]{1,128}")


class Restore(Shape, frozen=True, kw_only=True):
    """A DiskRestore; ``succeeded`` is null until it has ended.

    Attributes:
        disk: name of the ProtectedDisk; null for a restore by backup instance.
        disk_id: ARM id of the restored disk, once it is there.
    """

    namespace: str
    name: str
    disk: str | None
    backup_instance: str | None
    succeeded: bool | None
    state: State
    reason: str
    message: str
    restore_point: str | None
    restore_point_time: datetime | None
    persistent_volume_claim: str | None
    persistent_volume: str | None
    disk_id: str | None
    zones: list[str] | None
    job_id: str | None
    duration_seconds: int | None
    completion_time: datetime | None


def restore(found: Resource) -> Restore:
    """Return a DiskRestore as it is told."""
    known = parse_status(DiskRestoreStatus, found)
    succeeded = found.condition(reasons.SUCCEEDED)
    source = found.spec.get("source") or {}
    decided = {"True": True, "False": False}.get(str(succeeded.get("status")))
    reason, disk = str(succeeded.get("reason", "")), known.disk
    return Restore(
        namespace=found.namespace,
        name=found.name,
        disk=(source.get("protectedDiskRef") or {}).get("name"),
        backup_instance=(source.get("backupInstance") or {}).get("name"),
        succeeded=decided,
        state=_state(found, reason, decided),
        reason=reason,
        message=str(succeeded.get("message", "")),
        restore_point=known.restore_point.id if known.restore_point else None,
        restore_point_time=known.restore_point.time if known.restore_point else None,
        persistent_volume_claim=claim_named(found),
        persistent_volume=known.persistent_volume,
        disk_id=disk.id if disk else None,
        zones=disk.zones if disk else None,
        job_id=known.job_id,
        duration_seconds=known.duration_seconds,
        completion_time=known.completion_time,
    )


def _state(found: Resource, reason: str, decided: bool | None) -> State:
    if decided is not None:
        return State.GOOD if decided else State.ACTION_REQUIRED
    if found.is_true(reasons.STALLED):
        return State.ACTION_REQUIRED
    return needs(reason) if reason else State.IN_PROGRESS


def claim_named(found: Resource) -> str | None:
    """Return the name of the PVC that a DiskRestore makes; None for the disk alone."""
    claim = (found.spec.get("target") or {}).get("persistentVolumeClaim") or {}
    return claim.get("name")


async def readable_restores(cluster: Cluster, namespace: str) -> list[Resource]:
    """Return the DiskRestores; none where they cannot be read: whoever adds them to something else does without."""
    try:
        return await cluster.all(RESTORES, namespace)
    except CliError as trouble:
        if not isinstance(trouble.__cause__, AccessDenied | NotFoundError):
            raise
        return []


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person typed.

    Attributes:
        name: a ProtectedDisk, or its PVC.
        at: restore the newest restore point of this time or before.
        earlier_disk: name in Azure of a disk that it protected before; None for the one that it does now.
        claim: name of the PVC to make.
        access_modes: of the PVC; None or empty: not typed.
        object_name: name of the DiskRestore.
    """

    name: str | None
    at: str | None
    point: str | None
    earlier_disk: str | None
    claim: str | None
    disk_only: bool
    instance: str | None
    vault: str | None
    storage_class: str | None
    fs_type: FsType | None
    access_modes: list[AccessMode] | None
    volume_mode: VolumeMode | None
    reclaim_policy: ReclaimPolicy
    object_name: str | None
    ttl: int | None

    @property
    def is_by_name(self) -> bool:
        """Return whether only the name of a DiskRestore was typed: it is to be followed."""
        return self.name is None and self.instance is None

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            CliError: of the kind of a usage error.
        """
        is_block = self.volume_mode is VolumeMode.BLOCK
        for is_wrong, sentence in (
            (self.is_by_name and self.object_name is None, "name a DISK, or a backup instance with --instance"),
            (self.name is not None and self.instance is not None, "use either DISK or --instance"),
            ((self.instance is None) != (self.vault is None), "use --instance and --vault together"),
            (self.earlier_disk is not None and self.name is None, "--earlier-disk is one of a DISK: name that, too"),
            (self.at is not None and self.point is not None, "use either --at or --point"),
            (
                self.disk_only and (self.claim is not None or self._about_claim),
                "--disk-only makes no PVC: use it without the options of one",
            ),
            (is_block and self.fs_type is not None, "a Block volume has no file system: use it without --fs-type"),
            (
                self.instance is not None
                and not self.disk_only
                and (self.claim is None or self.storage_class is None or (self.fs_type is None and not is_block)),
                "a backup instance does not say what its PVC was: use --pvc, --storage-class and --fs-type (or "
                "--volume-mode Block), or --disk-only",
            ),
        ):
            if is_wrong:
                raise CliError(sentence, ExitCode.USAGE)
        for value, form, what in (
            (self.object_name, OBJECT_NAME, "DiskRestore name"),
            (self.claim, OBJECT_NAME, "PVC name"),
            (self.storage_class or None, OBJECT_NAME, "storage class"),
            (self.vault, OBJECT_NAME, "BackupVault name"),
            (self.instance, _INSTANCE, "name of a backup instance"),
            (self.point, _POINT, "id of a restore point"),
            (self.earlier_disk, _DISK, "name of a disk"),
        ):
            if value is not None and not form.fullmatch(value):
                raise CliError(f"invalid {what} {value!r}", ExitCode.USAGE)

    @property
    def _about_claim(self) -> Json:
        """Return what was typed about the PVC, as the spec has it."""
        typed = {
            "storageClassName": self.storage_class,
            "accessModes": [each.value for each in self.access_modes or ()] or None,
            "volumeMode": self.volume_mode and self.volume_mode.value,
            "fsType": self.fs_type and self.fs_type.value,
        }
        return {key: value for key, value in typed.items() if value is not None}

    def target(self, claim: str) -> Json:
        """Return what is made of the restore point, as the spec has it; an empty claim means the disk alone."""
        return {"persistentVolumeClaim": {"name": claim} | self._about_claim} if claim else {}

    def selector(self, now: datetime) -> Json | None:
        """Return which restore point was asked for, as the spec has it; None for the newest.

        Raises:
            CliError: the time is none, or has not come yet.
        """
        if self.point is not None:
            return {"id": self.point}
        if self.at is None:
            return None
        try:
            when = point_in_time(self.at, now)
        except ValueError as error:
            raise CliError(str(error), ExitCode.USAGE) from error
        return {"notAfter": f"{when.replace(tzinfo=None).isoformat()}Z"}

    def source(self, disk: Resource | None) -> Json:
        """Return whose restore point it is, as the spec has it."""
        if disk is not None:
            which = {"disk": self.earlier_disk} if self.earlier_disk is not None else {}
            return {"protectedDiskRef": {"name": disk.name, **which}}
        return {"backupInstance": {"vaultRef": {"name": self.vault}, "name": self.instance}}


def manifest_of(wanted: Wanted, namespace: str, name: str, source: Json, selector: Json | None, claim: str) -> Json:
    """Return the object that asks for a restore; an empty claim asks for the disk alone."""
    spec: Json = {"source": source}
    if selector is not None:
        spec["restorePoint"] = selector
    spec["target"] = wanted.target(claim)
    spec["reclaimPolicy"] = wanted.reclaim_policy.value
    if wanted.ttl is not None:
        spec["ttlSecondsAfterFinished"] = wanted.ttl
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "DiskRestore",
        "metadata": {"name": name, "namespace": namespace, "labels": {**EXCLUDE_FROM_BACKUP}},
        "spec": spec,
    }


def same_restore(found: Resource, wanted: Wanted, source: Json, selector: Json | None) -> bool:
    """Return whether a DiskRestore does what is asked for; what was not said may be as it is."""
    claim = claim_named(found)
    return (
        found.spec.get("source") == source
        and (wanted.claim is None or wanted.claim == claim)
        and wanted.disk_only == (claim is None)
        and (selector is None or _same_point(found.spec.get("restorePoint"), selector))
    )


def _same_point(one: Any, other: Json) -> bool:
    if not isinstance(one, dict):
        return False
    return one.get("id") == other.get("id") and _time(one) == _time(other)


def _time(selector: Json) -> datetime | None:
    when = recorded_time(selector.get("notAfter"))
    return when.astimezone(UTC) if when is not None else None


def needs_a_look(restores: Iterable[Resource], now: datetime) -> list[Restore]:
    """Return those that have not ended, and those that failed lately, the newest first."""
    newest_first = sorted(restores, key=lambda each: each.created, reverse=True)
    told = [restore(each) for each in newest_first]
    return [each for each in told if each.succeeded is None or (not each.succeeded and _is_recent(each, now))]


def _is_recent(each: Restore, now: datetime) -> bool:
    return each.completion_time is not None and now - each.completion_time < _FAILURES_ARE_TOLD


def in_progress(restores: Iterable[Resource]) -> list[Resource]:
    """Return those that have not ended, the newest last."""
    return sorted((each for each in restores if not has_ended(each)), key=lambda each: each.created)
