"""When it is known that a backup instance has no restore point yet, so that its jobs tell of all."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.azure.gateways.resource_graph import InstanceRow
from azdiskbackup.azure.gateways.rows import Known
from azdiskbackup.azure.inventory.snapshot import InventorySnapshot
from azdiskbackup.core.objects.azure import NO_JOBS, AzureInstance, JobHistory
from azdiskbackup.core.protected_disk.restore_points import none_since
from azdiskbackup.reconcilers.protected_disk.history import _no_points_at
from azdiskbackup.reconcilers.protected_disk.state import KnownHistory
from unit.core.protected_disk.disk_world import INSTANCE, NOW

LATER = NOW + timedelta(hours=5)
NEW = ProtectedDiskStatus()


def shows(
    *instances: AzureInstance, at: datetime = NOW, newest: datetime | None = None, jobs: JobHistory = NO_JOBS
) -> InventorySnapshot:
    rows = {str(each.id).lower(): Known(InstanceRow(each, newest)) for each in instances}
    return InventorySnapshot(at, rows, {key: Known(jobs) for key in rows})


def asked(
    before: ProtectedDiskStatus, instance: AzureInstance, snapshot: InventorySnapshot, known: KnownHistory
) -> datetime | None:
    return _no_points_at(before, instance.id, snapshot.of(instance.id), snapshot, known)


def test_what_the_index_showed_last_is_remembered_for_that_instance() -> None:
    known = KnownHistory(is_made_anew=True)
    assert asked(NEW, INSTANCE, shows(INSTANCE), known) == NOW
    assert not known.is_made_anew, "there is nothing to be read of an instance of before"
    backed_up = shows(INSTANCE, at=LATER, newest=LATER, jobs=replace(NO_JOBS, completed=1))
    assert asked(NEW, INSTANCE, backed_up, known) == NOW
    other = replace(INSTANCE, id=replace(INSTANCE.id, path=(*INSTANCE.id.path[:-1], "another")))
    assert asked(NEW, other, shows(other, at=LATER, newest=NOW), known) is None


def test_what_is_not_shown_is_not_known() -> None:
    for snapshot in (
        shows(),
        shows(INSTANCE, newest=NOW),
        shows(INSTANCE, jobs=replace(NO_JOBS, completed=1)),
        replace(shows(INSTANCE), listed=True),
    ):
        assert asked(NEW, INSTANCE, snapshot, KnownHistory()) is None
    read = ProtectedDiskStatus(restore_points=none_since(NOW))
    assert asked(read, INSTANCE, shows(INSTANCE), KnownHistory()) is None
