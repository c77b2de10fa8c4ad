"""The rows of the two tables, as they are at this time."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from azure_simulator.http import wire, wire_backups
from azure_simulator.model.azure import Azure
from azure_simulator.model.instance import Instance
from azure_simulator.model.jobs import Job, RecoveryPoint
from azure_simulator.model.snapshot import Snapshot
from azure_simulator.model.vaults import Vault

Row = dict[str, Any]


class _Owned(Protocol):
    @property
    def subscription(self) -> str: ...


OwnedT = TypeVar("OwnedT", bound=_Owned)

_NO_SPAN = "-10675199.02:48:05.4775808"
JOBS_KEPT = timedelta(days=14)


class Tables:
    """Makes rows; those of jobs that ended never change and are kept."""

    def __init__(self, azure: Azure) -> None:
        self._azure = azure
        self._ended: dict[str, Row] = {}
        # By id, those of backups: none changes, and those that are gone are few.
        self._snapshots: dict[str, Row] = {}
        # Ids of rows that are left out.
        self.lost: re.Pattern[str] | None = None

    def rows(self, table: str, subscriptions: Container[str] | None = None) -> list[Row]:
        """Return the rows of a table, by its lower-case name; raise KeyError for one that is not known.

        Args:
            table: its name.
            subscriptions: whose, in lower case; all without.
        """
        wanted = self._azure.cloud.subscriptions if subscriptions is None else subscriptions
        found = {"resources": self._resources, "recoveryservicesresources": self._backup}[table](wanted)
        return [each for each in found if self.lost is None or not self.lost.fullmatch(each["id"])]

    def _vaults(self, subscriptions: Container[str]) -> Iterator[Vault]:
        return _of(self._azure.vaults.all.values(), subscriptions)

    def _resources(self, subscriptions: Container[str]) -> list[Row]:
        cloud = self._azure.cloud
        disks, snapshots = _of(cloud.disks.values(), subscriptions), _of(cloud.snapshots.values(), subscriptions)
        return [
            *(_row(wire.vault(each, cloud), each.subscription, cloud.tenant) for each in self._vaults(subscriptions)),
            *(_row(wire.disk(each), each.subscription, cloud.tenant) for each in disks),
            *(_row(wire.snapshot(each), each.subscription, cloud.tenant) for each in snapshots),
            *self._snapshots_of_backups(subscriptions),
        ]

    def _snapshots_of_backups(self, subscriptions: Container[str]) -> Iterator[Row]:
        """Yield the incremental snapshots that Azure Backup keeps; none changes."""
        for vault in self._azure.vaults.all.values():
            for instance in vault.instances.values():
                for point in instance.points.values():
                    if not point.snapshot_deleted and point.disk.subscription.lower() in subscriptions:
                        yield self._snapshot(point)

    def _snapshot(self, point: RecoveryPoint) -> Row:
        known = self._snapshots.get(point.snapshot_id)
        if known is not None:
            return known
        disk = point.disk
        kept = Snapshot(
            point.snapshot_id, point.snapshot_name, disk.subscription, disk.location, disk.id, True, point.taken
        )
        row = _row(wire.snapshot(kept), disk.subscription, self._azure.cloud.tenant)
        self._snapshots[point.snapshot_id] = row
        return row

    def _backup(self, subscriptions: Container[str]) -> list[Row]:
        found = []
        for vault in self._vaults(subscriptions):
            found += [self._instance(each, vault) for each in vault.instances.values()]
            found += [self._policy(each, vault) for each in vault.policies.values()]
            since = self._azure.cloud.now - JOBS_KEPT
            found += [self._job(each, vault) for each in self._azure.backups.jobs(vault) if each.start > since]
        return found

    def _policy(self, policy: Any, vault: Vault) -> Row:
        return _row(wire.policy(policy, vault), vault.subscription, self._azure.cloud.tenant)

    def _instance(self, instance: Instance, vault: Vault) -> Row:
        body = wire.instance(instance, vault)
        source = {"resourceProperties": None, "baseUri": None} | body["properties"]["dataSourceInfo"]
        policy = body["properties"]["policyInfo"]
        parameters = {"backupDatasourceParametersList": None, "tags": None} | policy["policyParameters"]
        status = {"errorDetails": None} | body["properties"]["protectionStatus"]
        absent = ("resourceGuardOperationRequests", "dataSourceSetInfo", "datasourceAuthCredentials", "identityDetails")
        properties = dict.fromkeys((*absent, "protectionErrorDetails", "dataSourceProperties", "validationType"))
        properties |= body["properties"]
        properties |= {
            "dataSourceInfo": source,
            "policyInfo": {"policyVersion": None} | policy | {"policyParameters": parameters},
            "protectionStatus": status,
            "backupInstanceExtendedProperties": self._extended(instance, vault),
        }
        row = _row(body | {"properties": properties}, vault.subscription, self._azure.cloud.tenant)
        return row | {"location": vault.location}

    def _extended(self, instance: Instance, vault: Vault) -> Row:
        self._azure.instances.expire(instance)
        taken = [point.taken for point in instance.points.values()]
        frequency = instance.policy.period
        return {
            "allowedOperations": ["BackupNow", "Restore", "ChangePolicy", "EditBackupInstance", "StopBackup", "Delete"],
            "protectionStateInSecondaryRegion": "NotProtected",
            "protectedPrimaryRegion": vault.location,
            "vaultId": vault.id,
            "protectedSecondaryRegion": "",
            "dataSourceExtendedInfo": {"dataSourceId": instance.disk_id.rsplit("/", 1)[-1]},
            "policyExtendedInfo": {
                "configuredRPGenerationFrequencyInSecondaryRegion": _NO_SPAN,
                "configuredMaximumRetentionInSecondaryRegion": _NO_SPAN,
                "rpoWarningThresholdInSecondaryRegion": _NO_SPAN,
                "rpoWarningThresholdInPrimaryRegion": _net_span(frequency + timedelta(hours=12)),
                "configuredRPGenerationFrequency": _net_span(frequency),
                "configuredMaximumRetention": _net_span(max(instance.policy.retention.values())),
            },
            "recoveryPointInfo": {
                "oldestRecoveryPointInSecondaryRegion": wire.NEVER,
                "latestRecoveryPointInSecondaryRegion": wire.NEVER,
                "latestRecoveryPointInPrimaryRegion": wire.time(max(taken)) if taken else wire.NEVER,
                "oldestRecoveryPointInPrimaryRegion": wire.time(min(taken)) if taken else wire.NEVER,
            },
        }

    def _job(self, job: Job, vault: Vault) -> Row:
        known = self._ended.get(job.id)
        if known is not None:
            return known
        body = wire_backups.job_of_graph(job, vault, self._azure.cloud.now)
        row = _row(body, vault.subscription, self._azure.cloud.tenant)
        if job.end is not None:
            self._ended[job.id] = row
        return row


def _of(things: Iterable[OwnedT], subscriptions: Container[str]) -> Iterator[OwnedT]:
    return (each for each in things if each.subscription.lower() in subscriptions)


def _row(body: Row, subscription: str, tenant: str) -> Row:
    """Every row has all columns, most of them empty."""
    return {
        "id": body["id"],
        "name": body["name"],
        "type": body["type"].lower(),
        "tenantId": tenant,
        "kind": "",
        "location": body.get("location", ""),
        "resourceGroup": body["id"].split("/")[4].lower(),
        "subscriptionId": subscription,
        "managedBy": "",
        "sku": body.get("sku"),
        "plan": None,
        "properties": body["properties"],
        "tags": body.get("tags"),
        "identity": body.get("identity"),
        "zones": body.get("zones"),
        "extendedLocation": None,
    }


def _net_span(span: timedelta) -> str:
    hours, rest = divmod(span.seconds, 3600)
    return f"{span.days}.{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"
