"""What is asked of Azure about many objects at once, and wakes those that it tells something new about.

The sweep reads all disks of a subscription together. The search for jobs of lost answers is one in a vault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

import structlog

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.recorded import recorded_time
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.protected_disk.desired import OWNER_TAGS
from azdiskbackup.core.rules import reasons
from azdiskbackup.engine.cache import Cache, Key
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.watch.indices import (
    CLAIMS_BY_VOLUME,
    DISKS_BY_AZURE_ID,
    DISKS_BY_CLAIM,
    DISKS_BY_VAULT_ID,
    VAULTS_BY_ID,
    VOLUMES_BY_DISK,
    place,
)

SWEEP = "Sweep"
JOB_SEARCH = "LostJobs"

_log = structlog.get_logger("azdiskbackup.sweep")


def sweep_of(subscription: str) -> Key:
    """Return the key of the sweep of a subscription: each goes on by itself, whatever happens to others."""
    return Key(SWEEP, "", subscription.lower())


def search_of(vault: ArmId) -> Key:
    """Return the key of the search in a vault."""
    return Key(JOB_SEARCH, "", str(vault).lower())


class Background:
    """Sweeps and searches; an object about which there is nothing new costs neither a call nor a pass."""

    def __init__(self, context: ReconcileContext, wake: Callable[[Key], None]) -> None:
        self._context = context
        self._wake = wake

    async def sweep(self, key: Key) -> datetime | None:
        """Sweep a subscription, and come back after a while."""
        now = self._context.clock.now()
        changes = await self._context.sweep.refresh(key.name)
        cache = self._context.cache
        woken = {disk for id_ in changes.ids for disk in cache.find(DISKS_BY_AZURE_ID, id_)}
        for vault in changes.vaults:
            woken.update(cache.find(DISKS_BY_VAULT_ID, str(vault).lower()))
            woken.update(cache.find(VAULTS_BY_ID, str(vault).lower()))
        # What was due and did not come changes nothing that could be seen.
        woken.update(self._context.deadlines.passed(now))
        for each in sorted(woken):
            self._wake(each)
        _log.debug("swept", subscription=key.name, changed=len(woken))
        return now + self._context.settings.observe_every if self._context.sweep.is_swept(key.name) else None

    async def search_jobs(self, key: Key) -> None:
        """Search on in a vault, from where the last turn ended, and wake those who asked for it."""
        for each in await self._context.job_search.search(ArmId.parse(key.name)):
            self._wake(cast(Key, each))


def expected(cache: Cache, vault: ArmId, before: datetime) -> list[str]:
    """Return the lower-case ids of the instances of a vault that have been as they should be since a time."""
    found = []
    for raw in cache.read(DISKS_BY_VAULT_ID, str(vault).lower()):
        disk = Resource(raw)
        protected = disk.condition(reasons.PROTECTED)
        since = recorded_time(protected.get("lastTransitionTime"))
        if protected.get("status") == "True" and since is not None and since < before:
            found.append(str(disk.status["backupInstanceID"]).lower())
    return found


def is_used(cache: Cache, vault: ArmId) -> bool:
    """Return whether any object is about a vault in Azure."""
    return any(cache.knows(index, str(vault).lower()) for index in (VAULTS_BY_ID, DISKS_BY_VAULT_ID))


def is_orphaned(cache: Cache, cluster: str, instance: str, tags: Mapping[str, str]) -> bool:
    """Return whether a backup instance is of this cluster, and of a ProtectedDisk that is gone or has another one.

    Args:
        cache: what is watched.
        cluster: the id of this cluster.
        instance: its lower-case id.
        tags: its tags.
    """
    owner, namespace, name = (tags.get(each, "") for each in OWNER_TAGS)
    if owner != cluster or cache.knows(DISKS_BY_AZURE_ID, instance):
        return False
    raw = cache.get(Key("ProtectedDisk", namespace, name))
    if raw is None:
        return True
    status = parse_status(ProtectedDiskStatus, Resource(raw))
    # One that has none yet may adopt it; that of an earlier disk is its own.
    known = [status.backup_instance_id, *(each.backup_instance_id for each in status.earlier_disks or ())]
    return known[0] is not None and instance not in {str(each).lower() for each in known}


def is_ours(cache: Cache, azure_id: str) -> bool:
    """Return whether a lower-case id is of a backup instance or a disk that some ProtectedDisk is about."""
    if cache.knows(DISKS_BY_AZURE_ID, azure_id):
        return True
    # A volume that was released still names its PVC, which may have another one now.
    claims = (
        claim for volume in cache.find(VOLUMES_BY_DISK, azure_id) for claim in cache.find(CLAIMS_BY_VOLUME, volume.name)
    )
    return any(cache.knows(DISKS_BY_CLAIM, place(each.namespace, each.name)) for each in claims)
