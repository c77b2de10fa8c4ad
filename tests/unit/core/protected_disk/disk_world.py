"""A disk, its policy, its vault and what is seen of them, for the tests of the rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from azdiskbackup.api.v1alpha1.disk_backup_policy import Retention, Schedule
from azdiskbackup.api.v1alpha1.label_selector import LabelSelector
from azdiskbackup.api.v1alpha1.vault_parts import VaultAccess
from azdiskbackup.core.identity.arm_ids import ArmId, ResourceGroupId, vault_id
from azdiskbackup.core.objects.azure import AzureDisk, AzureFailure, AzureInstance
from azdiskbackup.core.objects.markers import FINALIZER
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.pvc import ClaimedDisk
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.protected_disk.deletion import DELETION_RULES
from azdiskbackup.core.protected_disk.desired import OWNER_TAGS, Desired, read_desired
from azdiskbackup.core.protected_disk.observed import Fact, Observed, Recorded
from azdiskbackup.core.protected_disk.rules import PROVISIONING_RULES
from azdiskbackup.core.protected_disk.steps import Step
from azdiskbackup.core.protected_disk.validation import Passed
from azdiskbackup.core.rules.lookup import NOT_FOUND
from azdiskbackup.core.rules.verdicts import Need, Plan, evaluate
from azdiskbackup.errors import PermissionsMissing
from harness.objects import SUBSCRIPTION, disk, disk_id, stored

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
VAULT_ID = vault_id(SUBSCRIPTION, "backup-rg", "demo")
POLICY_ID = str(VAULT_ID.child("backupPolicies", "gold-1"))
DISK = AzureDisk(ArmId.parse(disk_id("d")), "westeurope", 32, "Premium_LRS")
SCHEDULE = Schedule(frequency="Hourly", interval_hours=4)
OWNED = {**dict(zip(OWNER_TAGS, ("cluster-1", "shop", "data"), strict=True)), "azdiskbackup.io.pvc": "data-0"}
INSTANCE = AzureInstance(
    VAULT_ID.child("backupInstances", "d-1"), str(DISK.id), POLICY_ID, "/snapshots", "ProtectionConfigured", OWNED
)


def resource(deleting: bool = False, **spec: Any) -> Resource:
    raw = stored(disk(**spec), generation=2, deleting=deleting)
    if deleting:
        raw["metadata"]["finalizers"] = [FINALIZER]
    return Resource(raw)


def desired(deleting: bool = False, **spec: Any) -> Desired:
    found = read_desired(resource(deleting, **spec), "cluster-1")
    assert isinstance(found, Desired)
    return found


POLICY = PolicyView("gold", "demo", True, "", POLICY_ID, True, SCHEDULE, "BackupHourly", Retention())
VAULT = VaultView(
    "demo",
    True,
    "",
    VAULT_ID,
    "principal",
    "westeurope",
    (ResourceGroupId(SUBSCRIPTION, "snapshots-rg"),),
    VaultAccess(),
)
NOTHING_FETCHED = Observed(POLICY, VAULT, {}, ClaimedDisk(DISK.id, "pv"), Recorded(has_finalizer=True))
UNPROTECTED = replace(NOTHING_FETCHED, disk=DISK, instance=NOT_FOUND, role_grant=True, validation=Passed())
PROTECTED = replace(NOTHING_FETCHED, disk=DISK, instance=INSTANCE)
MAY_DELETE = replace(VAULT, access=VaultAccess(deletion_namespaces=LabelSelector()))
DENIED = PermissionsMissing("UserErrorNotEnoughPermissionOnDisk", "Not yet.")


LACKS = AzureFailure("UserErrorNotEnoughPermissionOnDisk", "No right.", None, about_rights=True)


def in_state(state: str, **more: Any) -> Observed:
    return replace(PROTECTED, instance=replace(INSTANCE, state=state, **more))


def with_recorded(observed: Observed, **recorded: Any) -> Observed:
    return replace(observed, recorded=replace(observed.recorded, **recorded))


def decide(desired: Desired, observed: Observed, now: datetime) -> Plan[Step] | Need:
    return evaluate(DELETION_RULES if desired.deleting else PROVISIONING_RULES, desired, observed, now)


def make_plan(desired: Desired, observed: Observed, now: datetime) -> Plan[Step]:
    found = decide(desired, observed, now)
    assert isinstance(found, Plan), f"{found} is missing"
    return found


def needs(desired: Desired, observed: Observed) -> Fact:
    found = decide(desired, observed, NOW)
    assert isinstance(found, Need) and isinstance(found.fact, Fact), "nothing is missing"
    return found.fact
