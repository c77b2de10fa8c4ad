"""Bugs in what DiskProtectionRules make, stop and delete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest import mock

from azdiskbackup.core.disk_protection_rule import assessment
from azdiskbackup.core.disk_protection_rule.assessment import Action
from azdiskbackup.core.disk_protection_rule.claim import Claim
from azdiskbackup.core.disk_protection_rule.withdrawal import Withdrawal
from azdiskbackup.reconcilers.disk_protection_rule import assessments
from azdiskbackup.reconcilers.disk_protection_rule.assessments import Assessments
from azdiskbackup.reconcilers.disk_protection_rule.controller import DiskProtectionRuleKind
from simulation.mutants.plant import Patch


def _nothing_is_held() -> Any:
    return mock.patch.object(Withdrawal, "is_held", lambda *_: False)


def _the_grace_period_is_forgotten() -> Any:
    known = assessments.assess_without_claim

    def at_once(disk: Any, book: Any, now: datetime) -> Any:
        long_ago = datetime(2025, 1, 1, tzinfo=now.tzinfo)
        since = long_ago if disk.claim_missing_since is not None else None
        return known(replace(disk, claim_missing_since=since), book, now)

    return mock.patch.object(assessments, "assess_without_claim", at_once)


@contextmanager
def _one_whose_pvc_exists_is_deleted() -> Iterator[None]:
    def unselected(disk: Any, reason: str, book: Any) -> Any:
        found = known(disk, reason, book)
        return replace(found, action=Action.DELETE) if found.action is Action.STOP else found

    known = assessment._unselected

    async def is_absent(self: Any, namespace: str, name: str) -> bool:
        return True

    absent = mock.patch.object(DiskProtectionRuleKind, "_is_absent", is_absent)
    with absent, mock.patch.object(assessment, "_unselected", unselected):
        yield


def _what_is_selected_is_stopped() -> Any:
    known = assessments.assess

    def opted_in_is_out(claim: Claim, around: Any, book: Any, now: datetime) -> Any:
        found = known(claim, around, book, now)
        is_ours = found.rule and found.state is assessment.State.PROTECTED and found.action is None
        mine = [each for each in around.disks if each.rule == found.rule and not each.is_stopped_by_rule]
        return replace(found, action=Action.STOP, disk=mine[0].name) if is_ours and mine and claim.labels else found

    return mock.patch.object(assessments, "assess", opted_in_is_out)


def _new_pvcs_wake_no_rule() -> Any:
    known = Assessments._on_change

    def deaf(self: Assessments, key: Any, before: Any, after: Any) -> None:
        if key.kind not in ("PersistentVolumeClaim", "PersistentVolume"):
            known(self, key, before, after)

    return mock.patch.object(Assessments, "_on_change", deaf)


@contextmanager
def _what_is_refused_is_tried_at_once() -> Iterator[None]:
    def at_once(found: Any, *_: Any) -> Any:
        return found

    of_claims = mock.patch.object(assessment, "after_refusal", at_once)
    with of_claims, mock.patch.object(assessments, "after_refusal", at_once):
        yield


MUTANTS: Mapping[str, Patch] = {
    "no withdrawal is held": _nothing_is_held,
    "the grace period is forgotten": _the_grace_period_is_forgotten,
    "a ProtectedDisk whose PVC exists is deleted": _one_whose_pvc_exists_is_deleted,
    "what is selected is stopped": _what_is_selected_is_stopped,
    "new PVCs wake no rule": _new_pvcs_wake_no_rule,
    "what is refused is tried at once": _what_is_refused_is_tried_at_once,
}
