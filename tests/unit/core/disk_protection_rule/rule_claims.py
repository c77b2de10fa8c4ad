"""PVCs, ProtectedDisks and rules as the tests of rules have them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from azdiskbackup.api.v1alpha1.disk_protection_rule import DiskProtectionRuleSpec
from azdiskbackup.api.v1alpha1.label_selector import LabelSelector
from azdiskbackup.core.disk_protection_rule.claim import Claim
from azdiskbackup.core.disk_protection_rule.disk_view import DiskView, Progress
from azdiskbackup.core.disk_protection_rule.rule_view import RuleBook, RuleView, rule_book
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.pvc import ClaimedDisk
from harness.objects import disk_id

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=30)


def spec(**given: Any) -> DiskProtectionRuleSpec:
    wanted = {"policyRef": {"name": "gold"}, "namespaceSelector": {}} | given
    return DiskProtectionRuleSpec.model_validate(wanted)


def rule(name: str = "databases", *, vault: str | None = "demo", serves: Any = None, **given: Any) -> RuleView:
    served = LabelSelector.model_validate(serves if serves is not None else {})
    return RuleView(name, LONG_AGO, spec(**given), vault, served)


def book(*rules: RuleView) -> RuleBook:
    return rule_book(rules or (rule(),))


def claim(**given: Any) -> Claim:
    source = ClaimedDisk(ArmId.parse(disk_id("d")), "pv-1", "u")
    usual: dict[str, Any] = {
        "namespace": "shop",
        "name": "data-0",
        "uid": "u",
        "created": LONG_AGO,
        "labels": {},
        "namespace_labels": {},
        "storage_class": "managed-csi",
        "access_modes": ("ReadWriteOnce",),
        "size_gib": 32.0,
        "owners": (),
        "deleting": False,
        "source": source,
    }
    return Claim(**(usual | given))


def disk(**given: Any) -> DiskView:
    usual: dict[str, Any] = {
        "namespace": "shop",
        "name": "data-0",
        "uid": "d",
        "rule": "databases",
        "claim": "data-0",
        "policy": "gold",
        "vault": "demo",
        "deletion_policy": "Retain",
        "deleting": False,
        "is_stopped_by_rule": False,
        "follows": None,
        "has_changed_disk": False,
        "claim_missing_since": None,
        "progress": Progress.PROTECTED,
        "reason": "Protected",
    }
    return DiskView(**(usual | given))
