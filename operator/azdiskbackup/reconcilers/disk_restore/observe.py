"""What a pass of a DiskRestore has to know: what the cache tells, and one fetcher for each fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import quote

from azdiskbackup.azure.gateways.azure import capture_error
from azdiskbackup.core.disk_restore.desired import Desired
from azdiskbackup.core.disk_restore.manifests import source_volume
from azdiskbackup.core.disk_restore.observed import (
    Claim,
    Fact,
    NoRestorePoint,
    Observed,
    Recorded,
    SourceDisk,
    Volume,
    read_recorded,
)
from azdiskbackup.core.disk_restore.rules.target import restore_grant, restore_request
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureDisk, AzureRestorePoint
from azdiskbackup.core.objects.markers import MADE_BY
from azdiskbackup.core.objects.recorded import INSTANCE, azure_name, recorded_id, recorded_text, recorded_time
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.objects.vault_view import VaultView, vault_view
from azdiskbackup.core.protected_disk.earlier_disks import instance_of, is_of_earlier
from azdiskbackup.core.protected_disk.restore_points import ONE_BACKUP
from azdiskbackup.core.protected_disk.validation import Running, after_look, is_answer_due
from azdiskbackup.core.rules.lookup import NOT_FOUND, FetchFailed, NotFound
from azdiskbackup.engine.cache import Key
from azdiskbackup.kube.client import NotFoundError
from azdiskbackup.kube.watched import CLAIM, VOLUME
from azdiskbackup.reconcilers.common import reconciler
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.disk_restore.job_follower import RestoreFollower, RestoreState
from azdiskbackup.reconcilers.watch.indices import VAULTS_BY_ID, VOLUMES_BY_DISK

Pass: TypeAlias = reconciler.Pass[Desired, RestoreState]


class Fetchers:
    """Fetches facts."""

    def __init__(self, context: ReconcileContext) -> None:
        self._context = context
        self._follower = RestoreFollower(context)
        self.by_fact = {
            Fact.ATTEMPT: self._attempt,
            Fact.INSTANCE: self._instance,
            Fact.RESTORE_POINT: self._restore_point,
            Fact.SOURCE_VOLUME: self._source_volume,
            Fact.VALIDATION: self._validation,
            Fact.DISK: self._disk,
        }

    async def _attempt(self, pass_: Pass, observed: Observed) -> Observed:
        attempt = await self._follower.attempt(pass_.desired, observed.recorded.job, observed.instance_id, pass_.state)
        return replace(observed, attempt=attempt)

    async def _instance(self, pass_: Pass, observed: Observed) -> Observed:
        """Look at the instance as the sweep shows it, or by a GET: its tags are what counts, and they hardly change."""
        id_ = observed.instance_id
        assert id_ is not None, "the rules before guarantee it"
        snapshot = await capture_error(
            self._context.sweep.read(id_.parent, pass_.now - self._context.settings.snapshot_max_age)
        )
        shown = None if isinstance(snapshot, FetchFailed) else snapshot.of(id_).instance
        if shown is None:
            found = await capture_error(self._context.azure.instances.get(id_))
            pass_.state.prove_absence(id_, found, pass_.now, was_there=observed.recorded.pinned is not None)
            return self._with_instance(replace(observed, instance=found))
        return self._with_instance(replace(observed, instance=shown))

    def _with_instance(self, observed: Observed) -> Observed:
        grant = restore_grant(observed)
        return replace(observed, is_role_known=grant is not None and self._context.grants.is_known(grant))

    async def _restore_point(self, pass_: Pass, observed: Observed) -> Observed:
        return replace(observed, point=await capture_error(self._point(pass_, observed)))

    async def _point(self, pass_: Pass, observed: Observed) -> AzureRestorePoint | NoRestorePoint:
        """Return the restore point that is asked for, with the size of its disk: that only the point itself tells."""
        wanted, instance = pass_.desired.spec.restore_point, observed.instance_id
        assert instance is not None, "the rules before guarantee it"
        backups = self._context.azure.backups
        not_after = wanted.not_after if wanted is not None else None
        id_ = wanted.id if wanted is not None and wanted.id is not None else self._listed(pass_, not_after)
        if id_ is not None and pass_.state.chosen is None:
            found = await backups.get_restore_point(instance, id_)
            if isinstance(found, AzureRestorePoint):
                return found
            if wanted is not None and wanted.id is not None:
                return NoRestorePoint()
        if pass_.state.chosen is None:
            points = sorted(await backups.list_restore_points(instance), key=lambda each: each.time)
            fitting = [each for each in points if not_after is None or each.time <= not_after]
            if not fitting:
                return NoRestorePoint(points[0].time if points else None)
            # Kept: the next call may have to wait for its turn, and a list is scarce.
            pass_.state.chosen = fitting[-1]
        chosen = pass_.state.chosen
        whole = await backups.get_restore_point(instance, chosen.id)
        pass_.state.chosen = None
        return whole if isinstance(whole, AzureRestorePoint) else chosen

    def _listed(self, pass_: Pass, not_after: datetime | None) -> str | None:
        """Return the restore point as the status of the ProtectedDisk has it, which saves a scarce call.

        None where that may lack the one that is asked for: it shows the newest ones, as they were listed last.
        """
        raw = self._context.cache.get(Key("ProtectedDisk", pass_.desired.namespace, pass_.desired.protected_disk or ""))
        if raw is None or pass_.desired.disk is not None:
            return None
        disk = Resource(raw)
        known = disk.status.get("restorePoints")
        recent = known.get("recent") if isinstance(known, Mapping) else None
        listed = [each for each in recent if isinstance(each, Mapping)] if isinstance(recent, list) else []
        times = [(recorded_time(each.get("time")), azure_name(each.get("id"))) for each in listed]
        dated = sorted((time, id_) for time, id_ in times if time is not None and id_ is not None)
        if not dated:
            return None
        if not_after is None or not_after > dated[-1][0]:
            backed_up = recorded_time(disk.status.get("lastSuccessfulBackupTime"))
            is_newest_listed = backed_up is None or backed_up <= dated[-1][0] + ONE_BACKUP
            return dated[-1][1] if is_newest_listed else None
        return next((id_ for time, id_ in reversed(dated) if time <= not_after), None)

    async def _source_volume(self, pass_: Pass, observed: Observed) -> Observed:
        """Read the source's PVC and volume whole: the cache keeps a few members of each."""
        source = observed.source
        claim = volume = None
        if isinstance(source, SourceDisk) and source.claim is not None:
            path = f"{CLAIM.path_in(pass_.desired.namespace)}/{quote(source.claim, safe='')}"
            claim = await self._read(path)
            name = ((claim or {}).get("spec") or {}).get("volumeName") or source.volume
            volume = await self._read(f"{VOLUME.path_in('')}/{quote(name, safe='')}") if name else None
            about = ((volume or {}).get("spec") or {}).get("claimRef") or {}
            if about.get("namespace") != pass_.desired.namespace:
                # Whoever may write a PVC or a status can name any volume.
                volume = None
        return replace(observed, source_volume=source_volume(claim, volume))

    async def _read(self, path: str) -> Mapping[str, Any] | None:
        try:
            return await self._context.kube.get(path)
        except NotFoundError:
            return None

    async def _validation(self, pass_: Pass, observed: Observed) -> Observed:
        state = pass_.state
        if isinstance(state.validation, Running):
            # A validation is followed on its own; to ask for it once more, after its answer, is no repetition.
            state.steps.last_completed = None
            if is_answer_due(state.validation, pass_.now):
                answer = await capture_error(self._context.azure.operations.check(state.validation.operation))
                state.validation = after_look(state.validation, answer, pass_.now, None)
        return replace(observed, validation=state.validation)

    async def _disk(self, pass_: Pass, observed: Observed) -> Observed:
        if pass_.state.disk is not None:
            return replace(observed, disk=pass_.state.disk)
        id_ = observed.recorded.disk
        if id_ is None or id_.name != pass_.desired.disk_name:
            # Of a status that was wiped or written by others: where it would be made today.
            id_ = restore_request(pass_.desired, observed).disk if observed.recorded.point is not None else None
        if id_ is None:
            return replace(observed, disk=NOT_FOUND)
        found = await capture_error(self._context.azure.resources.get_disk(id_))
        # Resource Manager may not find yet what Compute has just made.
        pass_.state.prove_absence(id_, found, pass_.now, was_there=True)
        pass_.state.disk = found if isinstance(found, AzureDisk) else None
        return replace(observed, disk=found)


def from_cache(context: ReconcileContext, pass_: Pass) -> Observed:
    """Return what the cache tells of a restore."""
    cache, desired = context.cache, pass_.desired
    recorded = _believed(context, read_recorded(pass_.resource))
    source, vault_name, instance = _source(context, desired, recorded)
    raw_vault = cache.get(Key("BackupVault", "", vault_name)) if vault_name is not None else None
    vault = vault_view(Resource(raw_vault)) if raw_vault is not None else NOT_FOUND
    named = desired.spec.source.backup_instance
    if named is not None and isinstance(vault, VaultView) and vault.id is not None:
        instance = vault.id.child("backupInstances", named.name)
    namespace = cache.get(Key("Namespace", "", desired.namespace))
    about = namespace["metadata"] if namespace is not None else {}
    return Observed(
        source=source,
        vault=vault,
        instance_id=instance,
        namespace_labels=about.get("labels") or {},
        namespace_uid=about.get("uid"),
        is_enabled=context.settings.restore_enabled,
        recorded=recorded,
        claim=_claim(context, desired),
        volume=_volume(context, desired),
        other_volume=_other_volume(context, desired, recorded),
        is_untaggable=pass_.state.is_untaggable,
    )


def _believed(context: ReconcileContext, recorded: Recorded) -> Recorded:
    """Return what status says; an instance in a vault that no BackupVault has was written by somebody else."""
    vault = str(recorded.pinned.parent).lower() if recorded.pinned is not None else ""
    if context.cache.knows(VAULTS_BY_ID, vault):
        return recorded
    return replace(recorded, pinned=None, point=None, job=replace(recorded.job, instance=None))


def _source(
    context: ReconcileContext, desired: Desired, recorded: Recorded
) -> tuple[SourceDisk | NotFound | None, str | None, ArmId | None]:
    """Return the ProtectedDisk, the name of the vault, and the instance."""
    named = desired.spec.source.backup_instance
    if named is not None:
        return None, named.vault_ref.name, None
    raw = context.cache.get(Key("ProtectedDisk", desired.namespace, desired.protected_disk or ""))
    if raw is None:
        return NOT_FOUND, _vault_with(context, recorded.pinned), recorded.pinned
    disk = Resource(raw)
    claim = (disk.spec.get("source") or {}).get("persistentVolumeClaim") or {}
    wanted = desired.disk
    instance = recorded_id(disk, INSTANCE, "backupInstanceID") if wanted is None else instance_of(disk, wanted)
    if recorded.pinned is not None and is_of_earlier(disk, recorded.pinned):
        # The object has followed its PVC since; which restore point it is was decided before.
        instance = recorded.pinned
    source = SourceDisk(instance, claim.get("name"), recorded_text(disk, "disk", "persistentVolume"))
    return source, _vault_with(context, instance), instance


def _vault_with(context: ReconcileContext, instance: ArmId | None) -> str | None:
    if instance is None:
        return None
    found = context.cache.find(VAULTS_BY_ID, str(instance.parent).lower())
    return found[0].name if found else None


def _claim(context: ReconcileContext, desired: Desired) -> Claim | NotFound:
    if desired.claim is None:
        return NOT_FOUND
    raw = context.cache.get(Key("PersistentVolumeClaim", desired.namespace, desired.claim.name))
    if raw is None:
        return NOT_FOUND
    found = Resource(raw)
    is_ours = found.labels.get(MADE_BY) == desired.uid
    is_bound = found.status.get("phase") == "Bound" and found.spec.get("volumeName") == desired.volume
    return Claim(found.uid, is_ours and not found.deleting, is_bound)


def _volume(context: ReconcileContext, desired: Desired) -> Volume | NotFound:
    raw = context.cache.get(Key("PersistentVolume", "", desired.volume))
    if raw is None:
        return NOT_FOUND
    spec = Resource(raw).spec
    return Volume((spec.get("claimRef") or {}).get("uid"), spec.get("persistentVolumeReclaimPolicy"))


def _other_volume(context: ReconcileContext, desired: Desired, recorded: Recorded) -> str | None:
    if recorded.disk is None:
        return None
    keys = context.cache.find(VOLUMES_BY_DISK, str(recorded.disk).lower())
    return next((key.name for key in keys if key.name != desired.volume), None)
