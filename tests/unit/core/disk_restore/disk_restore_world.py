"""Restores for the tests of their rules: as desired, as observed, and what Azure has of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from azdiskbackup.api.v1alpha1.vault_parts import VaultAccess
from azdiskbackup.core.disk_restore.desired import Desired, read_desired
from azdiskbackup.core.disk_restore.observed import (
    Claim,
    Observed,
    Recorded,
    SourceDisk,
    SourceVolume,
    Volume,
)
from azdiskbackup.core.disk_restore.rules import PROVISIONING_RULES
from azdiskbackup.core.identity.arm_ids import ArmId, ResourceGroupId, vault_id
from azdiskbackup.core.jobs.attempt import (
    Following,
    NotStarted,
)
from azdiskbackup.core.jobs.recorded import Recorded as RecordedJob
from azdiskbackup.core.objects.azure import AzureDisk, AzureFailure, AzureInstance, AzureJob, AzureRestorePoint
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.protected_disk.validation import Passed, ValidationRefused
from azdiskbackup.core.rules.verdicts import Plan, evaluate
from azdiskbackup.errors import (
    AccessDenied,
)
from harness.objects import SUBSCRIPTION, disk_id, restore, stored

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
VAULT = vault_id(SUBSCRIPTION, "g", "v")
INSTANCE = VAULT.child("backupInstances", "i")
GROUP = ResourceGroupId(SUBSCRIPTION, "restored-rg")
TAGS = {
    "azdiskbackup.io.cluster": "c",
    "azdiskbackup.io.namespace": "shop",
    "azdiskbackup.io.protecteddisk": "data",
    "azdiskbackup.io.namespaceuid": "n",
}
PROTECTED = AzureInstance(INSTANCE, disk_id("d"), "/p", None, "ProtectionConfigured", TAGS)
DENIED = AccessDenied("No", "Words")
DISK = ArmId.parse(disk_id("restored-data-restored-uid-1", group="restored-rg"))
RESTORED = AzureDisk(DISK, "westeurope", 32, "Premium_LRS", ("2",), {"their": "tag"})
POINT = AzureRestorePoint("p", NOW, NOW + timedelta(days=7), "Default", "Incremental", 32)
PINNED = Recorded(point="p", point_time=NOW, size_gib=32, pinned=INSTANCE, claim=True)
INTENT = replace(PINNED, disk=DISK, job=RecordedJob(intent=NOW, instance=INSTANCE))
OWN_CLAIM = Claim("claim-uid", is_ours=True, is_bound=False)
BOUND = replace(OWN_CLAIM, is_bound=True)
VOLUME = Volume("claim-uid", "Retain")


def vault(**more: Any) -> VaultView:
    access = VaultAccess.model_validate({"restoreNamespaces": {}, **more.pop("access", {})})
    given: dict[str, Any] = {"restore_groups": (GROUP,), "snapshot_groups": (ResourceGroupId(SUBSCRIPTION, "s"),)}
    return VaultView("demo", True, "", VAULT, "principal", "westeurope", access=access, **(given | more))


def resource(status_: dict[str, Any] | None = None, **spec: Any) -> Resource:
    return Resource({**stored(restore(**spec), uid="uid-1"), "status": status_ or {}})


def desired(**spec: Any) -> Desired:
    found = read_desired(resource(**spec), "c")
    assert isinstance(found, Desired)
    return found


def observed(**more: Any) -> Observed:
    given: dict[str, Any] = {
        "source": SourceDisk(INSTANCE, "data-0", "v"),
        "vault": vault(),
        "instance_id": INSTANCE,
        "namespace_labels": {},
        "namespace_uid": "n",
        "recorded": PINNED,
        "claim": OWN_CLAIM,
        "is_role_known": True,
        "attempt": NotStarted(),
        "instance": PROTECTED,
        "point": POINT,
        "source_volume": SourceVolume("managed-csi", ("ReadWriteOnce",), "Filesystem", "ext4", "ReadOnly"),
        "validation": Passed(),
        "disk": RESTORED,
    }
    return Observed(**(given | more))


def make_plan(wanted: Desired, found: Observed, now: datetime = NOW) -> Plan[Any]:
    plan = evaluate(PROVISIONING_RULES, wanted, found, now)
    assert isinstance(plan, Plan), f"{plan} is missing"
    return plan


def job(state: str, **more: Any) -> AzureJob:
    end = None if state == "InProgress" else NOW + timedelta(seconds=216)
    return AzureJob("job-1", str(INSTANCE), "Restore", state, True, "uid-1", NOW, end, end and end - NOW, **more)


RUNS = Following(job("InProgress"))
DONE = Following(job("Completed"))
SAME_NAME = Following(job("Failed", failure=AzureFailure("UserErrorSameNameDiskAlreadyExists", "It exists.")))
BY_INSTANCE = {"source": {"backupInstance": {"vaultRef": {"name": "demo"}, "name": "i"}}}
LONG_AGO = {"restorePoint": {"notAfter": "2025-01-01T00:00:00Z"}}
ORPHANS = vault(access={"restoreOrphanNamespaces": {}})
ORPHAN: dict[str, Any] = {"source": None, "vault": ORPHANS, "source_volume": SourceVolume()}


def refused(error: Exception, **more: Any) -> ValidationRefused:
    return ValidationRefused(error, NOW, NOW, 1, **more)  # type: ignore[arg-type] # of ours, all of them
