"""Backup vaults."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from azure_simulator.model.cloud import Cloud
from azure_simulator.model.faults import AzureFault, invalid
from azure_simulator.model.instance import Instance
from azure_simulator.model.jobs import Job
from azure_simulator.model.operations import Operation
from azure_simulator.model.policies import Policy

_NAME = re.compile(r"[-a-zA-Z0-9]{2,50}")
_STORES = {"ArchiveStore", "OperationalStore", "VaultStore"}
_REDUNDANCY = {"LocallyRedundant", "GeoRedundant", "ZoneRedundant"}
_SUPPORT = ["Please contact Microsoft Support if this is not expected."]
# From this api-version on the service takes vaults only with soft delete that is always on (reported by users).
ALWAYS_ON_FROM = "2025-09-01"


@dataclass
class Vault:
    """A vault and all that is in it; ``properties`` are those of the last PUT or PATCH."""

    subscription: str
    group: str
    name: str
    location: str
    tags: dict[str, str] | None
    identity_type: str
    principal: str | None
    properties: dict[str, Any]
    # Object ids of the user-assigned identities, by lower-case ARM id.
    assigned: dict[str, str] = field(default_factory=dict)
    state: str = "Provisioning"
    policies: dict[str, Policy] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    deleted: dict[str, Instance] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)

    @property
    def soft_delete_state(self) -> str:
        security = self.properties.get("securitySettings") or {}
        return str((security.get("softDeleteSettings") or {}).get("state", "On"))

    @property
    def is_immutable(self) -> bool:
        security = self.properties.get("securitySettings") or {}
        return (security.get("immutabilitySettings") or {}).get("state") in ("Unlocked", "Locked")

    @property
    def cross_subscription_restore(self) -> str:
        """Return the state in lower case; a vault that says nothing allows it (Microsoft's 'Manage Backup vaults')."""
        return _cross_subscription(self.properties).lower()

    def principal_of(self, details: dict[str, Any] | None) -> str:
        """Return the identity that works for an instance, by its ``identityDetails``; empty if there is none."""
        if details and details.get("useSystemAssignedIdentity") is False:
            return self.assigned.get(str(details.get("userAssignedIdentityArmUrl")).lower(), "")
        return self.principal or ""

    @property
    def id(self) -> str:
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/Microsoft.DataProtection/backupVaults/{self.name}"
        )


class Vaults:
    """All vaults."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.all: dict[str, Vault] = {}
        # Whether an immutable vault keeps the instances of disks: the documentation says that it has no effect on
        # snapshots, users report the refusal (terraform-azurerm-avm-res-compute-virtualmachine 214).
        self.keeps_items = False
        # Documented; the code of one too many is not.
        self.most_instances = 5000

    def _key(self, subscription: str, group: str, name: str) -> str:
        return f"{subscription}/{group}/{name}".lower()

    def get(self, subscription: str, group: str, name: str) -> Vault:
        self._cloud.group(subscription, group)
        found = self.all.get(self._key(subscription, group, name))
        if found is None:
            raise AzureFault(
                "ResourceNotFound",
                f"The Resource 'Microsoft.DataProtection/backupVaults/{name}' under resource group "
                f"'{group}' was not found. For more details please go to "
                "https://aka.ms/ARMResourceNotFoundFix",
            )
        return found

    def in_group(self, subscription: str, group: str) -> list[Vault]:
        self._cloud.group(subscription, group)
        return [
            vault
            for vault in self.all.values()
            if (vault.subscription.lower(), vault.group.lower()) == (subscription.lower(), group.lower())
        ]

    def put(
        self, subscription: str, group: str, name: str, body: dict[str, Any], version: str
    ) -> tuple[Vault, Operation | None]:
        """Create or replace a vault; an unchanged PUT starts no operation."""
        self._cloud.group(subscription, group)
        _check(name, body)
        check_soft_delete(body["properties"], version)
        key = self._key(subscription, group, name)
        existing = self.all.get(key)
        properties = deepcopy(body["properties"])
        # It is the service that says where a vault is replicated.
        properties.pop("replicatedRegions", None)
        if existing is not None:
            _check_change(existing, body)
            before = (existing.properties, existing.tags, existing.identity_type, existing.assigned)
            existing.properties, existing.tags = properties, body.get("tags")
            self._set_identity(existing, body)
            unchanged = before == (existing.properties, existing.tags, existing.identity_type, existing.assigned)
            if unchanged:
                return existing, None
            existing.state = "Updating"
            return existing, self._provision(existing)
        vault = Vault(
            subscription,
            group,
            name,
            body["location"],
            body.get("tags"),
            "None",
            None,
            properties,
        )
        self._set_identity(vault, body)
        self.all[key] = vault
        return vault, self._provision(vault)

    def patch(self, vault: Vault, body: dict[str, Any], version: str) -> None:
        """Change tags and settings, at once (recorded)."""
        changes = deepcopy(body.get("properties") or {})
        check_soft_delete(changes, version)
        _check_settings(changes)
        _check_one_way(vault.properties, changes)
        for name, value in changes.items():
            held = vault.properties.setdefault(name, {})
            held.update(value) if isinstance(value, dict) else vault.properties.update({name: value})
        if "tags" in body:
            vault.tags = body["tags"]
        if "identity" in body:
            self._set_identity(vault, body)

    def _provision(self, vault: Vault) -> Operation:
        def done() -> None:
            vault.state = "Succeeded"

        return self._cloud.operations.start(self._cloud.knobs.span("vault_provisioning"), lambda: done())

    def _set_identity(self, vault: Vault, body: dict[str, Any]) -> None:
        """Give a vault the identities of a request and no others: its own comes or goes, with another id each time."""
        vault.identity_type = (body.get("identity") or {}).get("type", "None")
        self._assign(vault, body)
        self._make_principal(vault)

    def _assign(self, vault: Vault, body: dict[str, Any]) -> None:
        wanted = (body.get("identity") or {}).get("userAssignedIdentities") or {}
        if ("UserAssigned" in vault.identity_type) != bool(wanted):
            raise invalid("User-assigned identities must be named when the type is UserAssigned, and only then.")
        vault.assigned = {each.lower(): self._cloud.identity(each).principal for each in wanted}

    def _make_principal(self, vault: Vault) -> None:
        if "SystemAssigned" in vault.identity_type and vault.principal is None:
            vault.principal = self._cloud.timeline.new_id()
            self._cloud.access.add_principal(vault.principal)
        if "SystemAssigned" not in vault.identity_type and vault.principal is not None:
            self._cloud.access.remove_principal(vault.principal)
            vault.principal = None

    def delete(self, vault: Vault, version: str) -> Operation:
        """Delete an empty vault; newer api-versions count one as empty that holds only soft-deleted items."""
        if vault.instances:
            # The real codes of these two are not documented.
            raise AzureFault(
                "UserErrorVaultHasBackupInstances",
                "The vault cannot be deleted since it holds backup instances.",
            )
        if vault.deleted and version < ALWAYS_ON_FROM:
            raise AzureFault(
                "UserErrorVaultHasSoftDeletedItems",
                "The vault cannot be deleted since it holds soft-deleted backup instances.",
            )

        return self._cloud.operations.start(self._cloud.knobs.span("vault_provisioning"), lambda: self.forget(vault))

    def forget(self, vault: Vault) -> None:
        """Let a vault be gone, with its own identity."""
        if self.all.pop(self._key(vault.subscription, vault.group, vault.name), None) and vault.principal:
            self._cloud.access.remove_principal(vault.principal)


def _check(name: str, body: dict[str, Any]) -> None:
    if not _NAME.fullmatch(name):
        raise invalid(f"The vault name '{name}' is invalid.")
    if not isinstance(body.get("location"), str):
        raise AzureFault("LocationRequired", "The location property is required for this definition.")
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise invalid("The property 'properties' is required.")
    stores = properties.get("storageSettings")
    if not isinstance(stores, list) or not stores:
        raise invalid("The property 'storageSettings' is required.")
    for store in stores:
        if store.get("datastoreType") not in _STORES or store.get("type") not in _REDUNDANCY:
            raise invalid("The storage settings are invalid.")
    _check_settings(properties)


def check_soft_delete(properties: dict[str, Any], version: str) -> None:
    """Refuse, from a certain api-version on, soft delete that could be switched off."""
    security = properties.get("securitySettings") or {}
    state = (security.get("softDeleteSettings") or {}).get("state", "On")
    if version >= ALWAYS_ON_FROM and state != "AlwaysOn":
        raise AzureFault(
            "DppAlwaysOnSoftDeleteStateMandatory",
            "This API version requires backup vaults to have soft delete always on.",
        )


def _check_settings(properties: dict[str, Any]) -> None:
    security = properties.get("securitySettings") or {}
    soft = security.get("softDeleteSettings") or {}
    # In any letter case, which is kept.
    if str(soft.get("state", "On")).lower() not in ("on", "off", "alwayson"):
        raise invalid("The soft delete state is invalid.")
    if not 14 <= float(soft.get("retentionDurationInDays", 14)) <= 180:
        raise invalid("The soft delete retention must be between 14 and 180 days.")
    if _cross_subscription(properties) not in ("Enabled", "Disabled", "PermanentlyDisabled"):
        raise invalid("The state of cross-subscription restore is invalid.")
    state = (security.get("immutabilitySettings") or {}).get("state", "Disabled")
    if state not in ("Disabled", "Unlocked", "Locked"):
        raise invalid("The immutability state is invalid.")


def _check_change(vault: Vault, body: dict[str, Any]) -> None:
    if vault.location.lower() != body["location"].lower():
        raise AzureFault(
            "InvalidResourceLocation",
            f"The resource '{vault.name}' already exists in location '{vault.location}'.",
        )
    if vault.properties["storageSettings"] != body["properties"]["storageSettings"]:
        raise invalid("The storage settings of a vault cannot be changed.")
    _check_one_way(vault.properties, body["properties"])


def _cross_region(properties: dict[str, Any]) -> str:
    features = properties.get("featureSettings") or {}
    return str((features.get("crossRegionRestoreSettings") or {}).get("state", ""))


def _cross_subscription(properties: dict[str, Any]) -> str:
    features = properties.get("featureSettings") or {}
    return str((features.get("crossSubscriptionRestoreSettings") or {}).get("state") or "Enabled")


def _check_one_way(old: dict[str, Any], new: dict[str, Any]) -> None:
    if _cross_subscription(old) == "PermanentlyDisabled" and _cross_subscription(new) != "PermanentlyDisabled":
        # Documented; the code is not.
        raise AzureFault(
            "UserErrorCrossSubscriptionRestoreStateChangeNotAllowed",
            "Cross Subscription Restore is permanently disabled, and cannot be enabled again.",
            _SUPPORT,
        )
    if _cross_region(old) == "Enabled" and _cross_region(new) == "Disabled":
        raise AzureFault(
            "UserErrorCrossRegionRestoreStateChangeNotAllowed",
            "CrossRegionRestore state cannot be changed from Enabled to Disabled.",
            _SUPPORT,
        )
    before, after = old.get("securitySettings") or {}, new.get("securitySettings")
    if after is None:
        return
    if (before.get("immutabilitySettings") or {}).get("state") == "Locked" and (
        after.get("immutabilitySettings") or {}
    ).get("state") != "Locked":
        raise AzureFault(
            "UserErrorUnsupportedVaultImmutabilityStateChange",
            "The immutable vault property for this vault is locked, hence, this setting cannot be disabled.",
            [
                "The vault has its immutable vault property enabled and locked, and it can no longer be reverted to a "
                "non-immutable vault. Refer to the documentation to learn more: "
                "https://aka.ms/AB-ImmutableVaults-States "
            ],
        )
    if (before.get("softDeleteSettings") or {}).get("state") == "AlwaysOn" and (
        after.get("softDeleteSettings") or {}
    ).get("state") != "AlwaysOn":
        raise AzureFault(
            "UserErrorDisableSoftDeleteNotAllowed", "Cannot disable soft delete once set to AlwaysOn", _SUPPORT
        )
