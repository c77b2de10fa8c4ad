"""Azure Resource Graph: a few queries tell what is known of all disks of a subscription.

Its answers lag by minutes, rows can be missing, and who lacks a right gets no rows instead of an error: what it says
is believed where it fits what is known, and else looked at in the resource itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Any, NamedTuple, TypeAlias, TypeVar

import msgspec

from azdiskbackup.api.v1alpha1.protected_disk import RECENT_JOBS
from azdiskbackup.azure.gateways import decode
from azdiskbackup.azure.gateways.gateway import Gateway
from azdiskbackup.azure.gateways.rows import Json, Packed, Row
from azdiskbackup.compression import pack
from azdiskbackup.core.objects.azure import (
    BACKUP,
    ENDED_STATES,
    GOOD_STATES,
    JOB_HISTORY,
    RUNNING_STATES,
    AzureDisk,
    AzureInstance,
    JobHistory,
)
from azdiskbackup.errors import Unavailable

RowT = TypeVar("RowT")

GRAPH_API = "2021-03-01"
PATH = "/providers/Microsoft.ResourceGraph/resources"
PAGE = 1000
# More pages than any subscription needs; a chain that does not end is an error of the service.
MOST_PAGES = 500

# Pages are cut by the order, which must be one of a unique text column.
_INSTANCES = """\
RecoveryServicesResources
| where type =~ 'microsoft.dataprotection/backupvaults/backupinstances'
| where properties.dataSourceInfo.datasourceType =~ 'Microsoft.Compute/disks'
| project id, tags, properties
| order by id asc"""

# One row an instance, however many backups it had; ``job_history`` tells the same from a list. Restores are somebody's
# as well, and would be counted as on-demand backups of the day.
_JOBS = f"""\
RecoveryServicesResources
| where type =~ 'microsoft.dataprotection/backupvaults/backupjobs'
| where properties.dataSourceType =~ 'Microsoft.Compute/disks' and properties.operationCategory =~ '{BACKUP}'
| extend start = todatetime(properties.startTime), state = tolower(tostring(properties.status))
| where start > ago({JOB_HISTORY.days}d)
| extend good = state in {GOOD_STATES}
| extend running = state in {RUNNING_STATES} or (isempty(tostring(properties.endTime)) and state !in {ENDED_STATES})
| extend manual = properties.isUserTriggered == 'true' and start > ago(1d)
| order by start desc
| summarize completed = countif(good), running = countif(running), total = count(),
    recent = make_list(pack('name', name, 'properties', pack(
      'operationCategory', properties.operationCategory,
      'status', properties.status, 'isUserTriggered', properties.isUserTriggered,
      'activityID', properties.activityID, 'startTime', properties.startTime, 'endTime', properties.endTime,
      'duration', properties.duration, 'errorDetails', properties.errorDetails,
      'extendedInfo', pack('targetRecoverPoint', properties.extendedInfo.targetRecoverPoint,
        'additionalDetails', pack('RetentionTag', properties.extendedInfo.additionalDetails.RetentionTag)))),
      {RECENT_JOBS}),
    manual = make_set(iff(manual, strcat(name, ' ', tostring(properties.startTime)), ''), 20)
    by id = tolower(tostring(properties.backupInstanceId))
| order by id asc"""

_DISKS = """\
Resources
| where type =~ 'microsoft.compute/disks'
| project id, location, sku, properties = pack('diskSizeGB', properties.diskSizeGB)
| order by id asc"""


class _Page(msgspec.Struct):
    """A page of an answer, with rows that are not parsed yet."""

    data: list[msgspec.Raw]
    token: str | None = msgspec.field(name="$skipToken", default=None)


class _Id(msgspec.Struct):
    """Whose jobs a row tells of."""

    id: str


class _Source(msgspec.Struct):
    """The disk of an instance."""

    id: str = msgspec.field(name="resourceID")


class _Properties(msgspec.Struct):
    """What of an instance tells whether it is of interest."""

    source: _Source = msgspec.field(name="dataSourceInfo")


class _Ids(msgspec.Struct):
    """Which instance a row tells of, and of which disk."""

    id: str
    properties: _Properties
    tags: Any = None


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """An instance as the index shows it, and when its newest restore point was taken."""

    instance: AzureInstance
    newest_point: datetime | None


class ShownInstance(NamedTuple):
    """An instance as a query shows it.

    Attributes:
        key: its ARM id in lower case.
        row: None for one that is not of interest.
    """

    key: str
    row: Row[InstanceRow] | None
    tags: Mapping[str, str]


# Whether the backup instance or the disk of an id, in lower case, is of interest.
Keep: TypeAlias = Callable[[str], bool]


class Graph(Gateway):
    """Azure Resource Graph."""

    async def instances(
        self, subscription: str, keep: Keep, known: Mapping[str, Row[InstanceRow]]
    ) -> AsyncIterator[ShownInstance]:
        """Yield each backup instance of a disk; some may come twice.

        Args:
            subscription: its id.
            keep: tells of which instances or disks the rows are wanted; of others there are only id and tags.
            known: rows that are yielded again where nothing has changed.
        """

        def read(row: msgspec.Raw) -> ShownInstance:
            ids = msgspec.json.decode(row, type=_Ids)
            # The same for both queries, and for each sweep.
            key = intern(ids.id.lower())
            wanted = keep(key) or keep(ids.properties.source.id.lower())
            found = _again(row, known.get(key), _instance) if wanted else None
            return ShownInstance(key, found, decode.tags(ids.tags))

        async for found in self._rows(subscription, _INSTANCES, read):
            yield found

    async def jobs(
        self, subscription: str, keep: Keep, known: Mapping[str, Row[JobHistory]]
    ) -> AsyncIterator[tuple[str, Row[JobHistory]]]:
        """Yield lower-case ARM id and backups of each backup instance that is of interest; some may come twice."""

        def read(row: msgspec.Raw) -> tuple[str, Row[JobHistory]] | None:
            key = intern(msgspec.json.decode(row, type=_Id).id.lower())
            return (key, _again(row, known.get(key), _history)) if keep(key) else None

        async for found in self._rows(subscription, _JOBS, read):
            if found is not None:
                yield found

    async def disks(self, subscription: str) -> AsyncIterator[AzureDisk]:
        """Yield the managed disks of a subscription; some may come twice."""
        async for row in self._rows(subscription, _DISKS, lambda row: decode.disk(msgspec.json.decode(row))):
            yield row

    async def _rows(self, subscription: str, text: str, read: Callable[[msgspec.Raw], RowT]) -> AsyncIterator[RowT]:
        """Yield the rows of a query, a page at a time: all of them at once would be what needs most memory here."""
        token: str | None = None
        for _ in range(MOST_PAGES):
            options = {"resultFormat": "objectArray", "$top": PAGE} | ({"$skipToken": token} if token else {})
            body = {"subscriptions": [subscription], "query": text, "options": options}
            response = await self._connection.send("POST", PATH, GRAPH_API, body)
            try:
                page = msgspec.json.decode(response.content, type=_Page)
            except msgspec.MsgspecError as error:
                raise Unavailable("NotUnderstood", f"cannot decode Resource Graph's response: {error}") from error
            for row in page.data:
                for found in decode.each((row,), read):
                    yield found
            token = page.token
            if not token:
                return
        raise Unavailable("NotUnderstood", f"Resource Graph returned more than {MOST_PAGES} pages")


def _again(text: msgspec.Raw, known: Row[RowT] | None, reader: Callable[[Json], RowT]) -> Row[RowT]:
    """Return a row as it is known, if it is the same."""
    found = Packed(pack(memoryview(text)), reader)
    if found == known and known is not None:
        return known
    # What cannot be understood is to be found here, where it is left out.
    found.read()
    return found


def _instance(row: Json) -> InstanceRow:
    extended = row["properties"].get("backupInstanceExtendedProperties") or {}
    points = extended.get("recoveryPointInfo") or {}
    return InstanceRow(decode.instance(row), decode.time(points.get("latestRecoveryPointInPrimaryRegion")))


def _history(row: Json) -> JobHistory:
    instance = str(row["id"])
    completed, running = int(row["completed"]), int(row["running"])
    manual = (str(each).split(" ") for each in row["manual"] or () if each)
    return JobHistory(
        completed=completed,
        failed=int(row["total"]) - completed - running,
        running=running,
        recent=tuple(decode.each(row["recent"] or (), lambda job: decode.job(job, of=instance))),
        on_demand={job: when for job, start in manual if (when := decode.time(start)) is not None},
    )
