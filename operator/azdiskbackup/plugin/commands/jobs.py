"""`jobs`: what Azure Backup did in the last days, as status shows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from azdiskbackup.api.v1alpha1.protected_disk import JobStatus, ProtectedDiskStatus
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.plugin.cluster.client import DISKS, Cluster, labelled
from azdiskbackup.plugin.cluster.disk_rows import state_of_job
from azdiskbackup.plugin.output.formatting import State, age, duration
from azdiskbackup.plugin.output.printer import Column, Printer, Shape
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode


class Job(Shape, frozen=True, kw_only=True):
    """A job of a disk."""

    namespace: str
    disk: str
    id: str
    operation: str
    type: str
    status: str
    state: State
    start_time: datetime
    end_time: datetime | None
    duration_seconds: int | None
    error_code: str | None
    error_message: str | None
    recommended_action: str | None


async def run(cluster: Cluster, printer: Printer, *, name: str | None, failed: bool, selector: str | None) -> ExitCode:
    """Show the newest jobs of one disk, or of all."""
    if name is not None:
        if not cluster.namespace:
            raise CliError("A disk is in one namespace: use -n instead of -A.", ExitCode.USAGE)
        if selector is not None:
            raise CliError("use either DISK or --selector", ExitCode.USAGE)
        found = jobs(await cluster.disk(name))
    else:
        found = [
            job async for each in cluster.each(DISKS, cluster.namespace, **labelled(selector)) for job in jobs(each)
        ]
        if not found:
            await cluster.namespace_is_there()
    found = [job for job in found if not failed or job.state == State.ACTION_REQUIRED]
    found.sort(key=lambda job: job.start_time, reverse=True)
    what = "No job failed" if failed else "No jobs"
    empty = f"{what} in the last seven days {cluster.where}."
    printer.table(_columns(cluster.now, printer.out.encoding, failed=failed), found, empty)
    return ExitCode.DONE


def _columns(now: datetime, encoding: str, *, failed: bool) -> Sequence[Column[Job]]:
    return (
        Column("NAMESPACE", lambda job: job.namespace),
        Column("DISK", lambda job: job.disk),
        Column("", lambda job: job.state.sign(encoding)),
        Column("STATUS", lambda job: Text(job.status, style=job.state.style)),
        Column("OPERATION", lambda job: job.operation, spare=True),
        Column("TYPE", lambda job: job.type, spare=True),
        Column("STARTED", lambda job: f"{age(job.start_time, now)} ago", right=True),
        Column("TOOK", lambda job: duration(job.duration_seconds), right=True, spare=True),
        Column("ERROR", lambda job: job.error_code or "", spare=not failed),
        Column("MESSAGE", lambda job: " ".join(filter(None, (job.error_message, job.recommended_action))), wide=True),
        Column("JOB ID", lambda job: job.id, wide=True),
    )


def jobs(disk: Resource) -> list[Job]:
    """Return the jobs that the status of a disk has."""
    known = parse_status(ProtectedDiskStatus, disk)
    return [_job(disk, each) for each in (known.jobs.recent if known.jobs is not None else [])]


def _job(disk: Resource, job: JobStatus) -> Job:
    return Job(
        namespace=disk.namespace,
        disk=disk.name,
        id=job.id,
        operation=job.operation,
        type=job.type,
        status=job.status,
        state=state_of_job(job),
        start_time=job.start_time,
        end_time=job.end_time,
        duration_seconds=job.duration_seconds,
        error_code=job.error.code if job.error else None,
        error_message=job.error.message if job.error else None,
        recommended_action=job.error.recommended_action if job.error else None,
    )
