"""The way of a restore, from its creation to a PVC that a pod can mount."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from azdiskbackup.core.disk_restore.desired import Desired, read_desired
from azdiskbackup.core.disk_restore.observed import (
    Fact,
    NoRestorePoint,
    Observed,
    Recorded,
    SourceDisk,
    SourceVolume,
)
from azdiskbackup.core.disk_restore.rules import NOT_REPEATED_RULES, PROVISIONING_RULES
from azdiskbackup.core.disk_restore.rules.request import JOB_ENDS_WITHIN, job_poll
from azdiskbackup.core.disk_restore.rules.target import restore_grant, restore_request
from azdiskbackup.core.disk_restore.status import build_status
from azdiskbackup.core.disk_restore.steps import (
    AssignRole,
    CreateClaim,
    CreateVolume,
    PinPoint,
    RecordIntent,
    SetReclaimPolicy,
    Submit,
    TagDisk,
    Validate,
)
from azdiskbackup.core.jobs.attempt import (
    Following,
    IntentRecorded,
    NotStarted,
    RequestRefused,
    Restored,
    Sent,
    Unfollowable,
)
from azdiskbackup.core.objects.azure import AzureFailure
from azdiskbackup.core.objects.resource import Invalid
from azdiskbackup.core.protected_disk.validation import NeverRun, Running, ValidationRefused
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NOT_FETCHED, NOT_FOUND, FetchFailed
from azdiskbackup.core.rules.verdicts import Need, Plan, Progress, evaluate
from azdiskbackup.errors import (
    InvalidRequest,
    QuotaExceeded,
    RestoreGroupMissing,
    RestoreGroupPermissionsMissing,
    RestorePointGone,
    SnapshotGone,
    TargetDiskExists,
    Throttled,
    Unavailable,
)
from harness.objects import SECOND_SUBSCRIPTION, disk_id
from unit.core.disk_restore.disk_restore_world import (
    BOUND,
    BY_INSTANCE,
    DENIED,
    DISK,
    DONE,
    GROUP,
    INSTANCE,
    INTENT,
    LATER,
    LONG_AGO,
    NOW,
    ORPHAN,
    OWN_CLAIM,
    PINNED,
    POINT,
    PROTECTED,
    RESTORED,
    RUNS,
    SAME_NAME,
    TAGS,
    VOLUME,
    desired,
    job,
    make_plan,
    observed,
    refused,
    resource,
    vault,
)


@pytest.mark.parametrize(
    ("found", "spec", "condition", "reason"),
    [
        (observed(is_enabled=False), {}, "SourceResolved", "RestoresDisabled"),
        (observed(is_enabled=False, attempt=DONE, recorded=INTENT), {}, "VolumeBound", "RestoresDisabled"),
        (observed(source=NOT_FOUND, instance_id=None), {}, "SourceResolved", "ProtectedDiskNotFound"),
        (observed(source=SourceDisk(None), instance_id=None), {}, "SourceResolved", "NoRestorePoint"),
        (
            observed(source=SourceDisk(None), instance_id=None),
            {"source": {"protectedDiskRef": {"name": "data", "disk": "before"}}},
            "SourceResolved",
            "NoRestorePoint",
        ),
        (observed(vault=NOT_FOUND), {}, "SourceResolved", "VaultNotFound"),
        (observed(**(ORPHAN | {"vault": NOT_FOUND})), BY_INSTANCE, "SourceResolved", "VaultNotFound"),
        (observed(vault=Invalid("`x`: no.")), {}, "SourceResolved", "VaultNotReady"),
        (observed(vault=replace(vault(), id=None)), {}, "SourceResolved", "VaultNotReady"),
        (observed(vault=vault(access={"restoreNamespaces": None})), {}, "SourceResolved", "NamespaceNotAllowed"),
        (observed(vault=vault(access={"namespaces": {"matchLabels": {"a": "b"}}})), {}, "SourceResolved",
         "NamespaceNotAllowed"),
        (observed(**(ORPHAN | {"vault": vault()})), BY_INSTANCE, "SourceResolved", "NamespaceNotAllowed"),
        (observed(instance=NOT_FOUND), {}, "SourceResolved", "BackupInstanceNotFound"),
        (observed(instance=FetchFailed(DENIED)), {}, "SourceResolved", "AccessDenied"),
        (observed(instance=replace(PROTECTED, tags={})), {}, "SourceResolved", "OwnedElsewhere"),
        (observed(instance=replace(PROTECTED, tags={}), **ORPHAN), BY_INSTANCE, "SourceResolved", "OwnedElsewhere"),
        (observed(instance=replace(PROTECTED, tags=TAGS | {"azdiskbackup.io.cluster": "x"}), **ORPHAN), BY_INSTANCE,
         "SourceResolved", "OwnedElsewhere"),
        (observed(namespace_uid="another", **ORPHAN), BY_INSTANCE, "SourceResolved", "OwnedElsewhere"),
        (observed(recorded=Recorded(), point=NoRestorePoint()), {}, "SourceResolved", "NoRestorePoint"),
        (observed(recorded=Recorded(), point=NoRestorePoint()), {"restorePoint": {"id": "x"}}, "SourceResolved",
         "NoRestorePoint"),
        (observed(recorded=Recorded(), point=NoRestorePoint(NOW)), LONG_AGO, "SourceResolved",
         "NoRestorePoint"),
        (observed(recorded=Recorded(), point=replace(POINT, expiry=NOW)), {"restorePoint": {"id": "p"}},
         "SourceResolved", "RestorePointExpired"),
        (observed(vault=vault(restore_groups=())), {}, "AccessGranted", "TargetGroupNotConfigured"),
        (observed(instance=replace(PROTECTED, disk_id=disk_id("d", SECOND_SUBSCRIPTION))), {}, "AccessGranted",
         "TargetGroupNotConfigured"),
        (observed(instance=replace(PROTECTED, disk_id="nonsense")), {}, "AccessGranted", "TargetGroupNotConfigured"),
        (observed(vault=vault(snapshot_groups=(GROUP,))), {}, "AccessGranted", "TargetGroupNotConfigured"),
        (observed(claim=NOT_FOUND), {}, "VolumeBound", "ClaimDeleted"),
        (observed(claim=replace(OWN_CLAIM, is_ours=False), recorded=replace(PINNED, claim=False)), {}, "VolumeBound",
         "ClaimExists"),
        (observed(claim=NOT_FOUND, recorded=replace(PINNED, claim=False), source_volume=SourceVolume()), {},
         "VolumeBound", "TargetUnderspecified"),
        (observed(claim=NOT_FOUND, recorded=replace(PINNED, claim=False, size_gib=None)), {}, "VolumeBound",
         "TargetUnderspecified"),
        (observed(instance=replace(PROTECTED, identity="/gone")), {}, "AccessGranted", "IdentityMissing"),
        (observed(validation=Running("url", NOW)), {}, "Validated", "Validating"),
        (observed(validation=Running("url", NOW, refused(QuotaExceeded("x", "y")))), {}, "Validated", "QuotaExceeded"),
        (observed(validation=refused(SnapshotGone("x", "y"))), {}, "Validated", "SnapshotGone"),
        (observed(validation=refused(RestorePointGone("x", "y"))), {}, "Validated", "RestorePointExpired"),
        (observed(validation=refused(RestoreGroupMissing("x", "y"))), {}, "Validated", "TargetGroupNotFound"),
        (observed(validation=refused(RestoreGroupPermissionsMissing("x", "y"))), {}, "Validated",
         "WaitingForPermissions"),
        (observed(attempt=Sent(), recorded=INTENT), {}, "DiskRestored", "Starting"),
        (observed(attempt=Sent(Unavailable("x", "y")), recorded=INTENT), {}, "DiskRestored", "Unavailable"),
        (observed(attempt=Unfollowable(DENIED), recorded=INTENT), {}, "DiskRestored", "AccessDenied"),
        (observed(attempt=IntentRecorded(INSTANCE, DENIED, LATER), recorded=INTENT), {}, "DiskRestored",
         "AccessDenied"),
        (observed(attempt=RequestRefused(InvalidRequest("x", "y"), NOW), recorded=INTENT), {}, "DiskRestored",
         "Refused"),
        (observed(attempt=RequestRefused(TargetDiskExists("x", "y"), NOW), recorded=INTENT, disk=NOT_FOUND), {},
         "DiskRestored", "Refused"),
        (observed(attempt=RequestRefused(InvalidRequest("x", "y"), NOW, "job"), recorded=INTENT), {}, "DiskRestored",
         "Failed"),
        (observed(attempt=Restored("label"), recorded=INTENT), {}, "DiskRestored", "NotRepeated"),
        (observed(attempt=RUNS, recorded=INTENT), {}, "DiskRestored", "InProgress"),
        (observed(attempt=Following(job("Failed", failure=AzureFailure("C", "Words.", "Do."))), recorded=INTENT), {},
         "DiskRestored", "Failed"),
        (observed(attempt=Following(job("Cancelled")), recorded=INTENT), {}, "DiskRestored", "Failed"),
        (observed(attempt=SAME_NAME, recorded=INTENT, disk=NOT_FOUND), {}, "DiskRestored", "Failed"),
        (observed(attempt=DONE, recorded=INTENT, disk=NOT_FOUND), {}, "DiskRestored", "DiskNotFound"),
        (observed(attempt=DONE, recorded=INTENT, claim=NOT_FOUND), {}, "VolumeBound", "ClaimDeleted"),
        (observed(attempt=DONE, recorded=INTENT, other_volume="theirs"), {}, "VolumeBound", "VolumeExists"),
        (observed(attempt=DONE, recorded=INTENT, volume=replace(VOLUME, claim_uid="x")), {}, "VolumeBound",
         "ClaimDeleted"),
        (observed(attempt=DONE, recorded=INTENT, volume=VOLUME), {}, "VolumeBound", "BindPending"),
    ],
)  # fmt: skip
def test_what_keeps_a_restore_from_success(found: Observed, spec: dict[str, Any], condition: str, reason: str) -> None:
    result = make_plan(desired(**spec), found)
    assert (result.condition, result.verdict.reason, result.step) == (condition, reason, None)


@pytest.mark.parametrize(
    ("found", "fact"),
    [
        (observed(attempt=NOT_FETCHED), Fact.ATTEMPT),
        (observed(instance=NOT_FETCHED), Fact.INSTANCE),
        (observed(recorded=Recorded(), point=NOT_FETCHED), Fact.RESTORE_POINT),
        (observed(claim=NOT_FOUND, recorded=replace(PINNED, claim=False), source_volume=NOT_FETCHED),
         Fact.SOURCE_VOLUME),
        (observed(validation=NOT_FETCHED), Fact.VALIDATION),
        (observed(attempt=DONE, recorded=INTENT, disk=NOT_FETCHED), Fact.DISK),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_decide_names_the_fact(found: Observed, fact: Fact) -> None:
    assert evaluate(PROVISIONING_RULES, desired(), found, NOW) == Need(fact)


def test_the_way_in_order() -> None:
    wanted, new = desired(), Recorded()
    assert make_plan(wanted, observed(recorded=new, claim=NOT_FOUND)).step == PinPoint("demo", INSTANCE, POINT)
    unclaimed = observed(recorded=replace(PINNED, claim=False), claim=NOT_FOUND)
    assert isinstance(make_plan(wanted, unclaimed).step, CreateClaim)
    grant = restore_grant(observed())
    assert grant is not None and make_plan(wanted, observed(is_role_known=False)).step == AssignRole(grant)
    request = restore_request(wanted, observed())
    assert request.disk == DISK and request.point == "p" and request.identity is None
    assert make_plan(wanted, observed(validation=NeverRun())).step == Validate(request, grant)
    assert make_plan(wanted, observed()).step == RecordIntent(INSTANCE, DISK)
    sent = observed(attempt=IntentRecorded(INSTANCE), recorded=INTENT, validation=NOT_FETCHED)
    assert make_plan(wanted, sent).step == Submit(request, "uid-1")
    assert isinstance(make_plan(wanted, observed(attempt=DONE, recorded=INTENT)).step, CreateVolume)
    bound = observed(attempt=DONE, recorded=INTENT, volume=VOLUME, claim=BOUND)
    tagged = make_plan(wanted, bound)
    assert isinstance(tagged.step, TagDisk) and tagged.step.tags == {"their": "tag", **wanted.owner}
    done = make_plan(wanted, replace(bound, is_untaggable=True))
    assert done.ready and done.step is None and "'data-restored'" in done.verdict.message


def test_no_role_is_known_for_what_is_not_known() -> None:
    assert restore_grant(observed(instance=NOT_FOUND)) is None
    assert restore_grant(observed(instance=replace(PROTECTED, identity="/gone"))) is None


def test_the_disk_alone() -> None:
    wanted = desired(target={})
    found = observed(attempt=DONE, recorded=INTENT, claim=NOT_FOUND, disk=replace(RESTORED, tags=wanted.owner))
    done = make_plan(wanted, found)
    assert done.ready and done.step is None and RESTORED.id.name in done.verdict.message
    assert wanted.disk_name == "restored-back-uid-1"


def test_the_reclaim_policy_comes_last() -> None:
    wanted = desired(reclaimPolicy="Delete")
    found = observed(attempt=DONE, recorded=INTENT, volume=VOLUME, claim=OWN_CLAIM)
    assert make_plan(wanted, found).step is None
    assert make_plan(wanted, replace(found, claim=BOUND)).step == SetReclaimPolicy(wanted.volume, "Delete")
    switched_off = make_plan(wanted, replace(found, claim=BOUND, is_enabled=False))
    told = [each.message for each in switched_off.findings]
    assert switched_off.ready and any("keeps the reclaim policy Retain" in each for each in told)


def test_where_others_assign_the_roles_azure_decides() -> None:
    others = vault(assigns_roles=False)
    assert make_plan(desired(), observed(vault=others, is_role_known=False, validation=NeverRun())).step is not None
    waits = make_plan(desired(), observed(vault=others, validation=refused(RestoreGroupPermissionsMissing("x", "y"))))
    assert "az role assignment create" in waits.verdict.message and waits.verdict.progress is Progress.STALLED


def test_another_cluster_is_adopted_where_the_vault_names_it() -> None:
    theirs = replace(PROTECTED, tags=TAGS | {"azdiskbackup.io.cluster": "x", "azdiskbackup.io.namespaceuid": "y"})
    adopting = vault(access={"restoreOrphanNamespaces": {}, "adoptFromClusters": ["x"]})
    found = observed(instance=theirs, **(ORPHAN | {"vault": adopting, "recorded": Recorded()}))
    assert isinstance(make_plan(desired(**BY_INSTANCE), found).step, PinPoint)
    untold = replace(PROTECTED, tags={key: value for key, value in TAGS.items() if "uid" not in key})
    found = observed(instance=untold, namespace_uid="another", **(ORPHAN | {"recorded": Recorded()}))
    assert isinstance(make_plan(desired(**BY_INSTANCE), found).step, PinPoint)


def test_a_namespace_that_was_made_again_restores_where_the_vault_names_this_cluster() -> None:
    anew = observed(namespace_uid="another", **(ORPHAN | {"recorded": Recorded()}))
    refused = make_plan(desired(**BY_INSTANCE), anew).verdict
    assert refused.reason == reasons.OWNED_ELSEWHERE
    assert "belongs to a namespace of this name that was deleted" in refused.message
    assert "name the cluster c in `access.adoptFromClusters` of BackupVault 'demo'" in refused.message
    vouching = vault(access={"restoreOrphanNamespaces": {}, "adoptFromClusters": ["c"]})
    assert isinstance(make_plan(desired(**BY_INSTANCE), replace(anew, vault=vouching)).step, PinPoint)
    # That is nobody else's leave: not of another namespace, nor of who may not restore by instance.
    elsewhere = replace(PROTECTED, tags=TAGS | {"azdiskbackup.io.namespace": "bank"})
    for found, reason in (
        (replace(anew, vault=vouching, instance=elsewhere), reasons.OWNED_ELSEWHERE),
        (replace(anew, vault=vault(access={"adoptFromClusters": ["c"]})), reasons.NAMESPACE_NOT_ALLOWED),
    ):
        assert make_plan(desired(**BY_INSTANCE), found).verdict.reason == reason


def test_a_refusal_is_told_with_what_comes_next() -> None:
    missing = RestoreGroupPermissionsMissing("Code", "Words")
    first = make_plan(desired(), observed(validation=refused(missing)))
    assert first.verdict.progress is Progress.RECONCILING and "30 minutes" in first.verdict.message
    assert make_plan(desired(), observed(validation=refused(missing)), LATER).step is not None
    overdue = ValidationRefused(missing, NOW, NOW - timedelta(hours=1), 20)
    for state in (overdue, Running("url", NOW, overdue)):
        late = make_plan(desired(), observed(validation=state))
        assert late.verdict.progress is Progress.STALLED and "Disk Restore Operator" in late.verdict.message
    unknown = observed(validation=overdue, instance=replace(PROTECTED, identity="/gone"), attempt=NotStarted())
    assert make_plan(desired(), unknown).verdict.reason == reasons.IDENTITY_MISSING
    many = ValidationRefused(QuotaExceeded("x", "y"), NOW, NOW, 20)
    assert "at intervals of 10 min to 1 h" in make_plan(desired(), observed(validation=many)).verdict.message
    throttled = observed(attempt=Sent(Throttled("x", "y")), recorded=INTENT)
    assert "when Azure allows it" in make_plan(desired(), throttled).verdict.message


def test_a_lost_request_that_made_the_disk_is_recognised() -> None:
    for attempt in (SAME_NAME, RequestRefused(TargetDiskExists("x", "y"), NOW)):
        found = observed(attempt=attempt, recorded=INTENT, volume=VOLUME, claim=BOUND, is_untaggable=True)
        assert make_plan(desired(), found).ready


def test_a_job_is_looked_at_patiently_and_not_for_ever() -> None:
    assert job_poll(timedelta(minutes=1)) == timedelta(seconds=20)
    assert job_poll(timedelta(hours=2)) == timedelta(minutes=4)
    hangs = make_plan(desired(), observed(attempt=RUNS, recorded=INTENT), NOW + JOB_ENDS_WITHIN)
    assert hangs.verdict.reason == reasons.TIMED_OUT


def test_what_a_restore_of_manifests_brought_back_restores_nothing() -> None:
    labelled = resource()
    assert isinstance(labelled.raw, dict)
    labelled.raw["metadata"]["labels"] = {"velero.io/restore-name": "nightly"}
    wanted = read_desired(labelled, "c")
    assert isinstance(wanted, Desired)
    plan = evaluate(NOT_REPEATED_RULES, wanted, observed(), NOW)
    assert isinstance(plan, Plan) and plan.ready and plan.step is None
    status = build_status(labelled, wanted, observed(claim=NOT_FOUND), plan, NOW)
    conditions = {each.type: each.status for each in status.conditions}
    assert conditions == {"Succeeded": "False", "Ready": "True"} and status.completion_time == NOW


def test_a_spec_of_another_version_is_told() -> None:
    assert isinstance(read_desired(resource(target={"x": 1}), "c"), Invalid)
    assert isinstance(read_desired(resource(restorePoint={}), "c"), Invalid)
    assert isinstance(read_desired(resource(source={}), "c"), Invalid)
