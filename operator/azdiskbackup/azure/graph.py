"""Azure Resource Graph: a few queries tell what is known of all disks of a subscription.

Its answers lag by minutes, rows can be missing, and who lacks a right gets no rows instead of an error: what it says
is believed where it fits what is known, and else looked at in the resource itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

import msgspec

from azdiskbackup.api.v1alpha1.protected_disk import RECENT_JOBS
from azdiskbackup.azure import decode
from azdiskbackup.azure.connection import AzureConnection
from azdiskbackup.core.azure_model import JOB_HISTORY, AzureDisk, AzureInstance, JobHistory
from azdiskbackup.errors import Unavailable

Json = Mapping[str, Any]
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

# One row an instance, however many jobs it had; what is still running has no end.
_JOBS = f"""\
RecoveryServicesResources
| where type =~ 'microsoft.dataprotection/backupvaults/backupjobs'
| where properties.dataSourceType =~ 'Microsoft.Compute/disks'
| extend start = todatetime(properties.startTime), state = tolower(tostring(properties.status))
| where start > ago({JOB_HISTORY.days}d)
| extend running = isempty(tostring(properties.endTime)), good = state in ('completed', 'completedwithwarnings')
| extend manual = properties.isUserTriggered == 'true' and start > ago(1d)
| order by start desc
| summarize completed = countif(good), running = countif(running), total = count(),
    recent = make_list(pack('name', name, 'properties', pack(
      'operationCategory', properties.operationCategory,
      'status', properties.status, 'isUserTriggered', properties.isUserTriggered,
      'activityID', properties.activityID, 'startTime', properties.startTime, 'endTime', properties.endTime,
      'duration', properties.duration, 'errorDetails', properties.errorDetails,
      'extendedInfo', pack('targetRecoverPoint', properties.extendedInfo.targetRecoverPoint))), {RECENT_JOBS}),
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


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """An instance as the index shows it, and when its newest restore point was taken."""

    instance: AzureInstance
    newest_point: datetime | None


# Whether the backup instance or the disk of an id, in lower case, is of interest.
Keep: TypeAlias = Callable[[str], bool]


class Graph:
    """Azure Resource Graph."""

    def __init__(self, connection: AzureConnection) -> None:
        self._connection = connection

    async def instances(self, subscription: str) -> AsyncIterator[InstanceRow]:
        """Yield the backup instances of disks in a subscription; some may come twice."""
        async for row in self._rows(subscription, _INSTANCES, _instance):
            yield row

    async def jobs(self, subscription: str, keep: Keep) -> AsyncIterator[tuple[str, JobHistory]]:
        """Yield lower-case ARM id and jobs of each backup instance in a subscription; some may come twice."""

        def read(row: Json) -> tuple[str, JobHistory] | None:
            key = str(row["id"]).lower()
            return (key, _history(row)) if keep(key) else None

        async for found in self._rows(subscription, _JOBS, read):
            if found is not None:
                yield found

    async def disks(self, subscription: str) -> AsyncIterator[AzureDisk]:
        """Yield the managed disks of a subscription; some may come twice."""
        async for row in self._rows(subscription, _DISKS, decode.disk):
            yield row

    async def _rows(self, subscription: str, text: str, read: Callable[[Json], RowT]) -> AsyncIterator[RowT]:
        """Yield the rows of a query, a page at a time: all of them at once would be what needs most memory here."""
        async for page in self._pages(subscription, text):
            for row in page:
                for found in decode.each((row,), read):
                    yield found

    async def _pages(self, subscription: str, text: str) -> AsyncIterator[Iterator[Json]]:
        token: str | None = None
        for _ in range(MOST_PAGES):
            options = {"resultFormat": "objectArray", "$top": PAGE} | ({"$skipToken": token} if token else {})
            body = {"subscriptions": [subscription], "query": text, "options": options}
            response = await self._connection.send("POST", PATH, GRAPH_API, body)
            try:
                page = msgspec.json.decode(response.content, type=_Page)
            except msgspec.MsgspecError as error:
                raise Unavailable("NotUnderstood", f"Resource Graph answered without rows: {error}") from error
            token = page.token
            yield (msgspec.json.decode(row) for row in page.data)
            if not token:
                return
        raise Unavailable("NotUnderstood", f"Resource Graph answers with more than {MOST_PAGES} pages")


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
