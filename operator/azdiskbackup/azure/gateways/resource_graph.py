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
from azdiskbackup.azure.client.connection import AzureConnection
from azdiskbackup.azure.gateways import decode
from azdiskbackup.azure.gateways.gateway import Gateway
from azdiskbackup.azure.gateways.rows import Json, Packer, Row
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
from azdiskbackup.turns import let_others_work

RowT = TypeVar("RowT")

GRAPH_API = "2021-03-01"
PATH = "/providers/Microsoft.ResourceGraph/resources"
PAGE = 1000
# More pages than any subscription needs; a chain that does not end is an error of the service.
MOST_PAGES = 500
# So many rows of a page are read before others have their turn.
_WITHOUT_A_PAUSE = 25

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
    by key = tolower(tostring(properties.backupInstanceId))"""

# Either may be missing: the backups of a new instance, and the instance of backups where the index lost it. Keys are
# compared with regard to letter case. Pages are cut by the order, which must be one of a unique text column.
_BACKUPS = f"""\
RecoveryServicesResources
| where type =~ 'microsoft.dataprotection/backupvaults/backupinstances'
| where properties.dataSourceInfo.datasourceType =~ 'Microsoft.Compute/disks'
| project key = tolower(id), id, tags, properties
| join kind=fullouter ({_JOBS}) on key
| extend key = iff(isempty(key), key1, key)
| project key, instance = pack('id', id, 'tags', tags, 'properties', properties),
    jobs = pack('id', key, 'completed', completed, 'running', running, 'total', total, 'recent', recent,
      'manual', manual)
| order by key asc"""

# Incremental snapshots that others took of a disk, such as CSI VolumeSnapshots, share its limit with the backups, whose
# own are called AzureBackup_…; full ones do not count.
_DISKS = """\
Resources
| where type =~ 'microsoft.compute/disks'
| project key = tolower(id), id, location, sku, properties = pack('diskSizeGB', properties.diskSizeGB)
| join kind=leftouter (Resources
  | where type =~ 'microsoft.compute/snapshots' and tobool(properties.incremental)
  | where not(name startswith 'AzureBackup_')
  | summarize otherSnapshots = count() by key = tolower(tostring(properties.creationData.sourceResourceId))) on key
| project key, id, location, sku, properties, otherSnapshots
| order by key asc"""


class _Page(msgspec.Struct):
    """A page of an answer, with rows that are not parsed yet."""

    data: list[msgspec.Raw]
    token: str | None = msgspec.field(name="$skipToken", default=None)


class _Source(msgspec.Struct):
    """The disk of an instance."""

    id: str = msgspec.field(name="resourceID")


class _Properties(msgspec.Struct):
    """What of an instance tells whether it is of interest."""

    source: _Source = msgspec.field(name="dataSourceInfo")


class _Instance(msgspec.Struct):
    """Of which disk an instance is; there is none where it has no id."""

    id: str | None = None
    properties: _Properties | None = None
    tags: Any = None


class _Jobs(msgspec.Struct):
    """How many jobs there were; null where there was none."""

    total: int | None = None


class _BackupsRow(msgspec.Struct):
    """An instance and its jobs, which are kept as they come."""

    key: str
    instance: msgspec.Raw
    jobs: msgspec.Raw


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """An instance as the index shows it, and when its newest restore point was taken."""

    instance: AzureInstance
    newest_point: datetime | None


class ShownBackups(NamedTuple):
    """An instance and its backups, as a query shows them.

    Attributes:
        key: its ARM id in lower case.
        exists: whether the instance itself is shown.
        row: None where it is not, and for one that is not of interest.
        jobs: None where there was no backup, and for an instance that is not of interest.
        tags: those of the instance.
    """

    key: str
    exists: bool
    row: Row[InstanceRow] | None
    jobs: Row[JobHistory] | None
    tags: Mapping[str, str]


class ShownDisk(NamedTuple):
    """A managed disk, and how many incremental snapshots of it others took, as far as the operator may read them."""

    disk: AzureDisk
    other_snapshots: int


# Whether the backup instance or the disk of an id, in lower case, is of interest.
Keep: TypeAlias = Callable[[str], bool]


class Graph(Gateway):
    """Azure Resource Graph."""

    def __init__(self, connection: AzureConnection) -> None:
        super().__init__(connection)
        self._instances, self._histories = Packer(_instance), Packer(_history)

    async def backups(
        self,
        subscription: str,
        keep: Keep,
        instances: Mapping[str, Row[InstanceRow]],
        jobs: Mapping[str, Row[JobHistory]],
    ) -> AsyncIterator[ShownBackups]:
        """Yield each backup instance of a disk, with its backups; some may come twice.

        Args:
            subscription: its id.
            keep: tells of which instances or disks the rows are wanted; of others there are only id and tags.
            instances: rows that are yielded again where nothing has changed.
            jobs: the same for those of backups.
        """

        def read(text: msgspec.Raw) -> ShownBackups:
            row = msgspec.json.decode(text, type=_BackupsRow)
            # The same for each sweep.
            key = intern(row.key)
            ids = msgspec.json.decode(row.instance, type=_Instance)
            exists = bool(ids.id) and ids.properties is not None
            disk = ids.properties.source.id.lower() if ids.properties is not None else key
            is_kept = keep(key)
            is_shown = exists and (is_kept or keep(disk))
            has_jobs = is_kept and msgspec.json.decode(row.jobs, type=_Jobs).total is not None
            return ShownBackups(
                key,
                exists,
                _again(row.instance, instances.get(key), self._instances) if is_shown else None,
                _again(row.jobs, jobs.get(key), self._histories) if has_jobs else None,
                decode.tags(ids.tags),
            )

        async for found in self._rows(subscription, _BACKUPS, read):
            yield found

    async def disks(self, subscription: str) -> AsyncIterator[ShownDisk]:
        """Yield the managed disks of a subscription; some may come twice."""
        async for row in self._rows(subscription, _DISKS, _shown_disk):
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
            for number, row in enumerate(page.data):
                if number and number % _WITHOUT_A_PAUSE == 0:
                    # A whole page takes a tenth of a second.
                    await let_others_work()
                for found in decode.each((row,), read):
                    yield found
            token = page.token
            if not token:
                return
        raise Unavailable("NotUnderstood", f"Resource Graph returned more than {MOST_PAGES} pages")


def _again(text: msgspec.Raw, known: Row[RowT] | None, packer: Packer[RowT]) -> Row[RowT] | None:
    """Return a part of a row as it is known, if it is the same; None where it cannot be understood."""
    found = packer.pack(text)
    if found == known and known is not None:
        return known
    # What cannot be understood leaves the other part as it is.
    return found if decode.each((text,), lambda _: found.read()) else None


def _shown_disk(text: msgspec.Raw) -> ShownDisk:
    row = msgspec.json.decode(text)
    return ShownDisk(decode.disk(row), int(row["otherSnapshots"] or 0))


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
