"""The source stands for another disk: the earlier one is kept to, unless the annotation names the new PVC."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from azdiskbackup.api.v1alpha1.label_selector import LabelSelector
from azdiskbackup.api.v1alpha1.protected_disk import EARLIER_DISKS, ProtectedDiskStatus
from azdiskbackup.api.v1alpha1.vault_parts import VaultAccess
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.markers import FOLLOW_PVC
from azdiskbackup.core.objects.pvc import ClaimedDisk
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.protected_disk.desired import Desired, read_desired
from azdiskbackup.core.protected_disk.earlier_disks import change_over, instance_of, is_of_earlier, without
from azdiskbackup.core.protected_disk.observed import Fact, Observed
from azdiskbackup.core.protected_disk.status import build_status
from azdiskbackup.core.protected_disk.steps import FollowPVC, Stop, Suspend
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NOT_FETCHED, NOT_FOUND
from harness.objects import disk_id
from unit.core.protected_disk.disk_world import (
    DISK,
    INSTANCE,
    NOW,
    POLICY,
    PROTECTED,
    VAULT,
    make_plan,
    needs,
    resource,
)

NEW = ClaimedDisk(ArmId.parse(disk_id("new")), "pv-new", "pvc-2")
CHANGED = replace(PROTECTED, claim=NEW, recorded=replace(PROTECTED.recorded, disk=DISK, instance_id=str(INSTANCE.id)))
NARROWED = replace(VAULT, access=VaultAccess(namespaces=LabelSelector(match_labels={"team": "nobody"})))
STOPPED = replace(INSTANCE, state="ProtectionStopped")


def asked(uid: str | None = "pvc-2", **spec: Any) -> Desired:
    found = resource(**spec)
    found.raw["metadata"]["annotations"] = {FOLLOW_PVC: uid} if uid else {}  # type: ignore[index]
    desired = read_desired(found, "cluster-1")
    assert isinstance(desired, Desired)
    return desired


@pytest.mark.parametrize("uid", [None, "", "pvc-1"])
def test_without_the_uid_of_the_pvc_it_stays_and_says_how_to_follow(uid: str | None) -> None:
    found = make_plan(asked(uid), CHANGED, NOW)
    assert found.step is None and found.verdict.reason == reasons.DISK_CHANGED
    assert f"{FOLLOW_PVC}=pvc-2" in found.verdict.message


def test_a_source_without_a_pvc_has_nothing_to_follow() -> None:
    found = make_plan(asked(""), replace(CHANGED, claim=replace(NEW, uid="")), NOW)
    assert found.verdict.reason == reasons.DISK_CHANGED and FOLLOW_PVC not in found.verdict.message


@pytest.mark.parametrize(
    ("policy", "state", "step"),
    [
        ("Retain", "ProtectionConfigured", Stop(INSTANCE.id)),
        ("Delete", "ProtectionConfigured", Stop(INSTANCE.id)),
        ("Retain", "BackupsSuspended", Stop(INSTANCE.id)),
        ("Suspend", "ProtectionConfigured", Suspend(INSTANCE.id)),
        ("Retain", "ConfiguringProtection", None),
        ("Retain", "ProtectionStopped", FollowPVC(STOPPED)),
        ("Suspend", "BackupsSuspended", FollowPVC(replace(INSTANCE, state="BackupsSuspended"))),
    ],
)
def test_backups_of_the_earlier_disk_end_first(policy: str, state: str, step: object) -> None:
    observed = replace(CHANGED, instance=replace(INSTANCE, state=state))
    found = make_plan(asked(deletionPolicy=policy), observed, NOW)
    assert found.step == step and found.verdict.reason == reasons.FOLLOWING_PVC
    verdict = found.verdict
    assert (verdict.requeue_at or verdict.recheck_every) is not None, "status is written, and the next pass follows"


@pytest.mark.parametrize(
    "instance",
    [
        NOT_FOUND,
        replace(INSTANCE, tags={}),
        replace(INSTANCE, soft_deleted_until=NOW + timedelta(days=14)),
    ],
    ids=["gone", "of others", "deleted"],
)
def test_where_there_is_nothing_to_restore_from_nothing_is_kept(instance: Any) -> None:
    assert make_plan(asked(), replace(CHANGED, instance=instance), NOW).step == FollowPVC(None)


def test_the_instance_is_looked_at_first() -> None:
    assert needs(asked(), replace(CHANGED, instance=NOT_FETCHED)) is Fact.INSTANCE


def test_another_object_of_the_new_disk_comes_first() -> None:
    found = make_plan(asked(), replace(CHANGED, new_disk_protected_by="other"), NOW)
    assert found.step is None and found.verdict.reason == reasons.DUPLICATE_PROTECTED_DISK


def test_a_resource_guard_is_told_of() -> None:
    observed = replace(CHANGED, vault=replace(VAULT, is_guarded=True))
    hint = make_plan(asked(), observed, NOW).verdict.hint or ""
    assert "retain data" in hint and "Until then the disk new has no backups; another ProtectedDisk" in hint


def status(observed: Observed, before: ProtectedDiskStatus | None = None) -> ProtectedDiskStatus:
    known = Resource({**resource().raw, "status": before.to_wire()}) if before is not None else resource()
    return build_status(known, asked(), observed, make_plan(asked(), observed, NOW), NOW)


def test_status_forgets_the_disk_and_keeps_the_way_back() -> None:
    found = status(replace(CHANGED, instance=STOPPED), status(PROTECTED))
    assert (found.disk, found.backup_instance_id, found.protection_state, found.policy_id) == (None,) * 4
    assert (found.vault, found.policy) == ("demo", "gold") and found.earlier_disks is not None
    (kept,) = found.earlier_disks
    assert (kept.name, kept.backup_instance_id, kept.replaced_time) == ("d", str(INSTANCE.id), NOW)
    later = status(replace(PROTECTED, disk=replace(DISK, id=NEW.id), claim=NEW), found)
    assert later.earlier_disks == [kept]
    back = status(PROTECTED, found)
    assert back.earlier_disks is None, "the disk that is protected is not an earlier one"


def test_the_list_is_bounded_and_names_no_disk_twice() -> None:
    known = ProtectedDiskStatus()
    for number in [*range(EARLIER_DISKS + 2), EARLIER_DISKS + 1]:
        known = change_over(known, FollowPVC(replace(STOPPED, disk_id=disk_id(f"d{number}"))), NOW)
    assert known.earlier_disks is not None
    assert [each.name for each in known.earlier_disks] == [f"d{EARLIER_DISKS + 1 - n}" for n in range(EARLIER_DISKS)]
    assert change_over(known, FollowPVC(None), NOW).earlier_disks == known.earlier_disks
    assert without(None, "x") is None


def test_the_instance_of_a_disk_is_found_by_its_name() -> None:
    known = change_over(ProtectedDiskStatus(), FollowPVC(STOPPED), NOW).to_wire()
    current = {"disk": {"id": str(NEW.id), "name": "new", "location": "x"}, "backupInstanceID": f"{INSTANCE.id}-new"}
    found = Resource({**resource().raw, "status": {**known, **current}})
    assert str(instance_of(found, "D")) == str(INSTANCE.id) and str(instance_of(found, "new")) == f"{INSTANCE.id}-new"
    assert instance_of(found, "other") is None
    for nonsense in (7, [7], [{"id": 7}], [{"id": disk_id("other"), "backupInstanceID": "x"}]):
        forged = Resource({**resource().raw, "status": {"earlierDisks": nonsense}})
        assert instance_of(forged, "other") is None


def test_an_instance_that_azure_may_still_be_creating_is_waited_for() -> None:
    soon = NOW + timedelta(minutes=1)
    observed = replace(CHANGED, instance=NOT_FOUND, creation_visible_at=soon)
    found = make_plan(asked(), observed, NOW)
    assert found.step is None and found.verdict.requeue_at == soon
    assert make_plan(asked(), observed, soon).step == FollowPVC(None)


@pytest.mark.parametrize("disk", [str(NEW.id), "None"], ids=["the very disk", "unknown"])
def test_backups_of_the_very_disk_that_is_followed_are_not_stopped(disk: str) -> None:
    step = make_plan(asked(), replace(CHANGED, instance=replace(INSTANCE, disk_id=disk)), NOW).step
    assert not isinstance(step, Stop | Suspend)


@pytest.mark.parametrize(
    ("observed", "reason"),
    [
        (replace(CHANGED, vault=NARROWED), reasons.NAMESPACE_NOT_ALLOWED),
        (replace(CHANGED, vault=replace(VAULT, ready=False)), reasons.POLICY_NOT_READY),
        (replace(CHANGED, policy=replace(POLICY, ready=False)), reasons.POLICY_NOT_READY),
        (replace(CHANGED, disk=replace(DISK, location="northeurope")), reasons.REGION_MISMATCH),
        (replace(CHANGED, disk=NOT_FOUND), reasons.DISK_NOT_FOUND),
    ],
)
def test_backups_do_not_end_for_a_disk_that_cannot_be_protected(observed: Observed, reason: str) -> None:
    found = make_plan(asked(), observed, NOW)
    assert found.step is None and found.verdict.reason == reason
    assert found.verdict.message.endswith("Until then the earlier disk stays protected.")


def test_an_instance_that_is_left_to_others_is_told_of() -> None:
    found = make_plan(asked(), replace(CHANGED, instance=replace(INSTANCE, tags={})), NOW)
    assert "tags do not name this object; it stays as it is" in found.verdict.message


def test_an_earlier_disk_is_meant_before_the_current_one_of_the_same_name() -> None:
    known = change_over(ProtectedDiskStatus(), FollowPVC(STOPPED), NOW).to_wire()
    current = {"disk": {"id": str(DISK.id).replace("disks-rg", "new-rg"), "name": "d", "location": "x"}}
    found = Resource({**resource().raw, "status": {**known, **current, "backupInstanceID": f"{INSTANCE.id}-new"}})
    assert str(instance_of(found, "d")) == str(INSTANCE.id)
    assert is_of_earlier(found, INSTANCE.id) and not is_of_earlier(found, ArmId.parse(f"{INSTANCE.id}-new"))
