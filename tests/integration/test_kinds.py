"""The kinds on a real API server: accepted without a warning, described everywhere, and as strict as the models."""

from __future__ import annotations

import json
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from azdiskbackup.api.v1alpha1.backup_vault import BACKUP_VAULT
from azdiskbackup.api.v1alpha1.disk_backup_policy import DISK_BACKUP_POLICY
from azdiskbackup.api.v1alpha1.disk_protection_rule import DISK_PROTECTION_RULE
from azdiskbackup.api.v1alpha1.disk_restore import DISK_RESTORE
from azdiskbackup.api.v1alpha1.kind import Kind
from azdiskbackup.api.v1alpha1.kinds import KINDS
from azdiskbackup.api.v1alpha1.names import GROUP, VERSION
from azdiskbackup.api.v1alpha1.on_demand_backup import ON_DEMAND_BACKUP
from azdiskbackup.api.v1alpha1.protected_disk import PROTECTED_DISK
from controlplane.plane import KubectlError
from harness.objects import Json, backup, disk, policy, restore, rule, vault
from harness.stack import ROOT, Stack
from harness.tenant import Tenant

SELECTOR = {"matchExpressions": [{"key": "team", "operator": "In", "values": ["a"]}], "matchLabels": {"x": "y"}}
FULL: dict[str, Json] = {
    BACKUP_VAULT.name: vault(
        subscriptionID="11111111-1111-4111-8111-111111111111",
        azureName="DemoVault",
        redundancy="ZoneRedundant",
        identity={"type": "UserAssigned", "userAssignedIdentityID": "/subscriptions/x"},
        softDelete={"state": "AlwaysOn", "retentionDays": 30},
        immutability="Unlocked",
        tags={"env": "prod"},
        snapshotResourceGroups=[
            {"name": "a"},
            {"name": "b", "subscriptionID": "22222222-2222-4222-8222-222222222222", "create": True},
        ],
        restoreResourceGroups=[{"name": "c", "tags": {"env": "prod"}}],
        access={
            "namespaces": SELECTOR,
            "diskIDNamespaces": {},
            "deletionNamespaces": SELECTOR,
            "restoreNamespaces": SELECTOR,
            "restoreOrphanNamespaces": {},
        },
        deletionPolicy="Delete",
    ),
    DISK_BACKUP_POLICY.name: policy(
        azureName="gold",
        schedule={"frequency": "Hourly", "intervalHours": 8, "startTime": "23:59", "timeZone": "Europe/Berlin"},
        retention={"default": {"days": 1}, "daily": {"days": 2}, "weekly": {"days": 365}},
        deletionPolicy="Retain",
    ),
    PROTECTED_DISK.name: disk(protection="Stopped", deletionPolicy="Suspend"),
    ON_DEMAND_BACKUP.name: backup(retentionRule="Weekly", ttlSecondsAfterFinished=60),
    DISK_RESTORE.name: restore(
        source={"backupInstance": {"vaultRef": {"name": "demo"}, "name": "data-0"}},
        restorePoint={"notAfter": "2026-11-22T10:00:00Z"},
        target={
            "persistentVolumeClaim": {
                "name": "data-restored",
                "storageClassName": "managed-csi",
                "accessModes": ["ReadWriteOnce"],
                "volumeMode": "Filesystem",
                "fsType": "ext4",
                "labels": {"team": "shop"},
                "annotations": {"example.com/note": "restored"},
            }
        },
        reclaimPolicy="Delete",
        ttlSecondsAfterFinished=60,
    ),
    DISK_PROTECTION_RULE.name: rule(
        namespaceSelector=SELECTOR,
        claimSelector=SELECTOR,
        storageClassNames=["managed-csi", "managed-csi-premium"],
        accessModes=["ReadWriteOnce"],
        minSizeGiB=8,
        maxSizeGiB=64,
        minAgeMinutes=5,
        priority=-3,
        mode="DryRun",
        optOut="Forbidden",
        maxNewPerHour=30,
        maxProtected=400,
        whenUnselected="Stop",
        whenClaimDeleted="Keep",
        gracePeriodHours=48,
    ),
}
VALUES: list[Any] = [
    *(None, True, False, 0, 1, 4, 14, 366, -1, 10**12, 1.5, "", "a", "A b", "x" * 300, "Ünïcødé", "../..", "UTC"),
    *("Daily", "Hourly", "Delete", "Retain", "24:00", "02:00", "11111111-1111-4111-8111-111111111111", "a\n"),
    *([], ["a"], {}, {"a": "b"}, {"name": "x"}, {"days": 5}, [{"name": "a"}], "DoesNotExist", {"name": None}),
    "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/g/providers/Microsoft.Compute/disks/d",
]


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every member, the root of the spec excluded."""
    found = [prefix] if prefix else []
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        found += paths(member, (*prefix, key))
    return found


@st.composite
def mutated(draw: st.DrawFn, kind: Kind) -> Json:
    """Return a full spec with up to three members replaced, removed, or joined by one that nobody knows."""
    spec: Json = deepcopy(FULL[kind.name]["spec"])
    for _ in range(draw(st.integers(0, 3))):
        known = paths(spec)
        if not known:
            break
        *way, last = draw(st.sampled_from(known))
        holder: Any = spec
        for step in way:
            holder = holder[step]
        match draw(st.sampled_from(["replace", "replace", "remove", "add"])):
            case "replace":
                holder[last] = deepcopy(draw(st.sampled_from(VALUES)))
            case "remove":
                del holder[last]
            case _ if isinstance(holder, dict):
                name = draw(st.sampled_from(["nonsense", "days", "type", "values", "name"]))
                holder[name] = deepcopy(draw(st.sampled_from(VALUES)))
    return spec


def model_accepts(kind: Kind, spec: Json) -> bool:
    try:
        found = kind.spec.model_validate(deepcopy(spec))
    except ValidationError:
        return False
    return all(rule.holds(SimpleNamespace(spec=found, name="demo")) for rule in kind.root_rules)


class Server:
    """Sends objects to the API server, which checks them and keeps nothing."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.says = ""

    def accepts(self, kind: Kind, spec: Json) -> bool:
        place = "namespaces/default/" if kind.namespaced else ""
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind.name, "metadata": {"name": "demo-x"}, "spec": spec}
        path = f"/apis/{GROUP}/{VERSION}/{place}{kind.plural}?dryRun=All&fieldValidation=Strict"
        status, answer = self._stack.plane.request("POST", path, body)
        self.says = json.dumps(answer)
        assert status in (201, 400, 422), self.says
        return status == 201


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_server_and_the_model_accept_the_same(stack: Stack, kind: Kind) -> None:
    server = Server(stack)
    assert server.accepts(kind, FULL[kind.name]["spec"]), server.says

    @settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
    @given(mutated(kind))
    def same(spec: Json) -> None:
        there, here = server.accepts(kind, spec), model_accepts(kind, spec)
        assert there == here, f"server: {there}, model: {here}\n{json.dumps(spec)}\n{server.says}"

    same()


def test_definitions_are_applied_without_a_warning(stack: Stack) -> None:
    stack.plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    assert stack.plane.last_warnings == []
    stack.plane.kubectl(
        "apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"), "--dry-run=server", "--validate=strict"
    )
    assert stack.plane.last_warnings == []


def test_every_field_is_described(stack: Stack) -> None:
    schemas = stack.plane.read(f"/openapi/v3/apis/{GROUP}/{VERSION}")["components"]["schemas"]
    for kind in KINDS:
        mine = next(each for name, each in schemas.items() if name.endswith(f".{kind.name}"))
        assert not undescribed(mine, kind.name)
        shown = stack.plane.kubectl("explain", kind.plural, "--recursive")
        assert "<empty>" not in shown and "status" in shown


def undescribed(schema: Json, path: str) -> list[str]:
    found = []
    for name, member in schema.get("properties", {}).items():
        if not member.get("description") and name != "metadata":
            found.append(f"{path}.{name}")
        found += undescribed(member, f"{path}.{name}") + undescribed(member.get("items", {}), f"{path}.{name}[]")
    return found


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"resourceGroup": "other-rg"}, "resourceGroup"),
        ({"location": "northeurope"}, "location"),
        ({"redundancy": "GeoRedundant"}, "redundancy"),
        ({"azureName": "Another"}, "azureName"),
        ({"subscriptionID": "22222222-2222-4222-8222-222222222222"}, "subscriptionID"),
    ],
)
def test_what_may_not_change_is_neither_changed_nor_set_later(shop: Tenant, changes: Json, field: str) -> None:
    shop.apply(vault("fixed", managementPolicy="Observe"))
    with pytest.raises(KubectlError, match=f"`{field}` may not be changed after creation; create another"):
        shop.stack.plane.apply(vault("fixed", managementPolicy="Observe", **changes))


@pytest.mark.parametrize(
    ("first", "then", "says"),
    [
        ({"immutability": "Locked"}, {"immutability": "Unlocked"}, "may not leave 'Locked'"),
        ({"softDelete": {"state": "AlwaysOn"}}, {"softDelete": {"state": "On"}}, "may not leave 'AlwaysOn'"),
        ({"azureName": "Fixed"}, {"azureName": None}, "`azureName` may not be changed"),
    ],
)
def test_one_way_settings(shop: Tenant, first: Json, then: Json, says: str) -> None:
    shop.apply(vault("one-way", managementPolicy="Observe", **first))
    patch = json.dumps({"spec": then})
    with pytest.raises(KubectlError, match=says):
        shop.kubectl("patch", "backupvault", "one-way", "--type=merge", "-p", patch)


def test_a_source_and_a_backup_are_never_edited(shop: Tenant, gold: str) -> None:
    shop.protect(claim="nothing")
    with pytest.raises(KubectlError, match="`source` may not be changed after creation"):
        shop.stack.plane.apply(disk("data", shop.namespace, claim="other"))
    shop.back_up()
    with pytest.raises(KubectlError, match="create another OnDemandBackup instead"):
        shop.stack.plane.apply(backup("now", shop.namespace, "data", retentionRule="Daily"))
    shop.restore()
    with pytest.raises(KubectlError, match="create another DiskRestore instead"):
        shop.stack.plane.apply(restore("back", shop.namespace, "data", reclaimPolicy="Delete"))
    with pytest.raises(KubectlError, match="`vaultRef` may not be changed"):
        shop.stack.plane.apply(policy("gold", "another"))


def test_objects_are_found_by_what_they_refer_to(shop: Tenant, gold: str) -> None:
    shop.protect(claim="nothing")
    shop.back_up()
    for kind, selector in (
        ("protecteddisk", "spec.policyRef.name=gold,spec.source.persistentVolumeClaim.name=nothing"),
        ("ondemandbackup", "spec.protectedDiskRef.name=data"),
        ("diskbackuppolicy", "spec.vaultRef.name=demo"),
    ):
        assert shop.kubectl("get", kind, f"--field-selector={selector}", "-o", "name").strip()
        nothing = selector.split("=")[0] + "=none"
        assert not shop.kubectl("get", kind, f"--field-selector={nothing}", "-o", "name").strip()


def test_columns_and_the_common_category(shop: Tenant, gold: str) -> None:
    shop.protect(claim="nothing")
    shown = shop.kubectl("get", "azdiskbackup")
    assert "PersistentVolumeClaimNotFound" in shown
    wide = shop.kubectl("get", "pdisk", "-o", "wide")
    assert {"READY", "REASON", "POLICY", "LAST BACKUP", "POINTS", "PVC", "MESSAGE"} <= set(
        part.strip() for part in wide.splitlines()[0].split("  ") if part.strip()
    )
