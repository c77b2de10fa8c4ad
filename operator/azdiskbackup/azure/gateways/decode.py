"""From wire JSON to values, leniently: the service sends nulls and states that its documents do not know."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from sys import intern
from typing import Any, TypeVar

import msgspec
import structlog

from azdiskbackup.azure.client.error_table import failure
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import (
    AzureDisk,
    AzureGroup,
    AzureInstance,
    AzureJob,
    AzureRestorePoint,
    AzureVault,
    VaultSettings,
)
from azdiskbackup.errors import Unavailable

Json = Mapping[str, Any]
RowT = TypeVar("RowT")
WireT = TypeVar("WireT")

_log = structlog.get_logger("azdiskbackup.azure")

_OUR_TAGS = "azdiskbackup.io."
# The service takes any letter case, and keeps it.
_SOFT_DELETE = {"on": "On", "off": "Off", "alwayson": "AlwaysOn"}
_GIB = 1024**3
_NET_SPAN = re.compile(r"(?:(?P<days>\d+)\.)?(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+(?:\.\d+)?)")
_ISO_SPAN = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


def time(text: object) -> datetime | None:
    """Return a time; "never" is the year 1 in .NET."""
    if not isinstance(text, str) or text.startswith("0001-"):
        return None
    when = datetime.fromisoformat(text)
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def span(text: object) -> timedelta | None:
    """Return a duration; a job says PT3M36S, a list of jobs 00:03:39.72."""
    if not isinstance(text, str):
        return None
    match = _NET_SPAN.fullmatch(text) or _ISO_SPAN.fullmatch(text)
    if match is None:
        return None
    return timedelta(**{unit: float(number) for unit, number in match.groupdict().items() if number})


def _dig(body: Json, *path: str) -> Any:
    value: Any = body
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _shared(text: object) -> str | None:
    return intern(text) if isinstance(text, str) else None


def tags(found: object) -> dict[str, str]:
    """Return tags, our own names in our letter case: Azure keeps the case of whoever wrote them first."""
    texts = ((str(name), str(value)) for name, value in found.items()) if isinstance(found, Mapping) else ()
    return {
        intern(name.lower() if name.lower().startswith(_OUR_TAGS) else name): intern(value) for name, value in texts
    }


def each(rows: Iterable[WireT], read: Callable[[WireT], RowT]) -> list[RowT]:
    """Read the rows of a list; one that cannot be read is logged and left out, it must not hide all others."""
    found = []
    for row in rows:
        try:
            found.append(read(row))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            whole = msgspec.json.decode(row) if isinstance(row, msgspec.Raw) else row
            id_ = whole.get("id") if isinstance(whole, Mapping) else None
            _log.warning("cannot decode row", id=str(id_)[:300], error=repr(error))
    return found


def one(body: Json, read: Callable[[Json], RowT]) -> RowT:
    """Read a single answer; raise ``Unavailable`` for one that cannot be understood."""
    try:
        return read(body)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unavailable("NotUnderstood", f"cannot decode Azure's response: {error!r}") from error


def _region(name: str) -> str:
    """Return the short name of a region: each service answers in its own way, West Europe or westeurope."""
    return name.replace(" ", "").lower()


def vault(body: Json) -> AzureVault:
    """Read a vault."""
    properties = body["properties"]
    stores = properties.get("storageSettings") or [{}]
    soft = _dig(properties, "securitySettings", "softDeleteSettings") or {}
    return AzureVault(
        id=ArmId.parse(body["id"]),
        location=_region(body["location"]),
        provisioning_state=str(properties.get("provisioningState")),
        principal_id=_dig(body, "identity", "principalId"),
        is_guarded=bool(properties.get("isVaultProtectedByResourceGuard")),
        assigned={
            str(name).lower(): str(each_["principalId"])
            for name, each_ in (_dig(body, "identity", "userAssignedIdentities") or {}).items()
            if isinstance(each_, Mapping) and each_.get("principalId")
        },
        settings=VaultSettings(
            redundancy=str(stores[0].get("type")),
            soft_delete_state=_SOFT_DELETE.get(str(soft.get("state", "On")).lower(), str(soft.get("state"))),
            soft_delete_days=round(float(soft.get("retentionDurationInDays") or 14)),
            immutability=str(_dig(properties, "securitySettings", "immutabilitySettings", "state") or "Disabled"),
            tags=tags(body.get("tags")),
        ),
    )


def group(body: Json) -> AzureGroup:
    """Read a resource group."""
    return AzureGroup(location=str(body["location"]))


def disk(body: Json) -> AzureDisk:
    """Read a managed disk."""
    return AzureDisk(
        id=ArmId.parse(body["id"]),
        location=_region(body["location"]),
        size_gib=_dig(body, "properties", "diskSizeGB"),
        sku=_dig(body, "sku", "name"),
        zones=tuple(str(zone) for zone in body.get("zones") or ()),
        tags=tags(body.get("tags")),
    )


def instance(body: Json) -> AzureInstance:
    """Read a backup instance, or a deleted one."""
    properties = body["properties"]
    source = properties.get("dataSourceInfo") or {}
    stores = _dig(properties, "policyInfo", "policyParameters", "dataStoreParametersList") or [{}]
    state = properties.get("currentProtectionState") or _dig(properties, "protectionStatus", "status")
    return AzureInstance(
        id=ArmId.parse(body["id"]),
        disk_id=str(source.get("resourceID") or source.get("resourceId")),
        # The same few, in each of many thousand instances.
        policy_id=intern(str(_dig(properties, "policyInfo", "policyId"))),
        snapshot_group_id=_shared(stores[0].get("resourceGroupId")),
        state=intern(str(state)),
        tags=tags(body.get("tags")),
        failure=failure(
            properties.get("protectionErrorDetails") or _dig(properties, "protectionStatus", "errorDetails")
        ),
        identity=_dig(properties, "identityDetails", "userAssignedIdentityArmUrl"),
        soft_deleted_until=time(_dig(properties, "deletionInfo", "scheduledPurgeTime")),
    )


def job(body: Json, of: str | None = None) -> AzureJob:
    """Read a job, single or from a list; ``of`` is its backup instance where the job does not name it."""
    properties = body["properties"]
    start, end = time(properties.get("startTime")), time(properties.get("endTime"))
    point = _dig(properties, "extendedInfo", "targetRecoverPoint", "recoveryPointID")
    rule = _dig(properties, "extendedInfo", "additionalDetails", "RetentionTag")
    return AzureJob(
        id=str(body.get("name") or str(body["id"]).rsplit("/", 1)[-1]),
        instance_id=of or str(properties.get("backupInstanceId")),
        # A few words, in each of many thousand jobs.
        operation=intern(str(properties.get("operationCategory") or properties.get("operation"))),
        status=intern(str(properties.get("status"))),
        on_demand=bool(properties.get("isUserTriggered")),
        activity_id=str(properties.get("activityID")),
        start=start or datetime.fromtimestamp(0, UTC),
        end=end,
        duration=span(properties.get("duration")) if end else None,
        failure=failure(properties.get("errorDetails")),
        restore_point_id=point,
        retention_rule=intern(str(rule)) if rule else None,
    )


def restore_point(body: Json) -> AzureRestorePoint:
    """Read a recovery point."""
    properties = body["properties"]
    when = time(properties.get("recoveryPointTime"))
    return AzureRestorePoint(
        id=str(properties.get("recoveryPointId") or body.get("name")),
        time=when or datetime.fromtimestamp(0, UTC),
        expiry=time(properties.get("expiryTime")),
        retention_rule=properties.get("retentionTagName"),
        type=properties.get("recoveryPointType"),
        size_gib=_size_of_point(properties.get("recoveryPointDataStoresDetails")),
    )


def _size_of_point(stores: object) -> int | None:
    """Return the size of the disk that was backed up, in GiB.

    A single point has it in bytes, in a list as JSON within a string; a point of a list does not have it.
    """
    try:
        text = stores[0]["metaData"] if isinstance(stores, list) else None
        bytes_ = int(msgspec.json.decode(text)[0]["sizeBytes"]) if isinstance(text, str) else 0
    except (msgspec.DecodeError, IndexError, KeyError, TypeError, ValueError):
        return None
    return -(-bytes_ // _GIB) or None
