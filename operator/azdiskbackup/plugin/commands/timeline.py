"""`timeline`: a calendar of the days of a disk, good, missed and failed."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from rich.text import Text

from azdiskbackup.api.v1alpha1.disk_backup_policy import DiskBackupPolicySpec
from azdiskbackup.api.v1alpha1.protected_disk import RECENT_JOBS, ProtectedDiskStatus
from azdiskbackup.core.objects.azure import is_running, succeeded
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.rules import reasons
from azdiskbackup.plugin.cluster.client import Cluster
from azdiskbackup.plugin.commands.restore_points import Read, read
from azdiskbackup.plugin.output.calendar import Day, DayState, KnownBackups, days
from azdiskbackup.plugin.output.formatting import counted
from azdiskbackup.plugin.output.printer import Printer
from azdiskbackup.plugin.runtime.exit_code import ExitCode
from azdiskbackup.plugin.runtime.options import From

# The restore point of a job is taken within this time of its start.
_A_JOB = timedelta(hours=1)


async def run(cluster: Cluster, printer: Printer, *, name: str, count: int, source: From) -> ExitCode:
    """Show the last days of a disk."""
    resource = await cluster.disk(name)
    policy = await cluster.policy_of(resource)
    points = await read(resource, source)
    found = days(known_of(resource, policy, points, cluster.now), cluster.now, count)
    if printer.structured:
        printer.data(found)
    else:
        show(f"{resource.namespace}/{resource.name}", found, printer)
    if points.note:
        printer.note(points.note)
    return ExitCode.DONE


def known_of(resource: Resource, policy: DiskBackupPolicySpec | None, read: Read, now: datetime) -> KnownBackups:
    """Return what is known of the backups of a disk: by its restore points, and by newer jobs than those."""
    status = parse_status(ProtectedDiskStatus, resource)
    recent = status.jobs.recent if status.jobs is not None else []
    jobs = [job for job in recent if not is_running(job.status, job.end_time)]
    failed = [job for job in jobs if job.end_time is not None and not succeeded(job.status)]
    newest = max((each.time for each in read.points), default=None)
    # A list of restore points is scarce, and may be older than what the jobs tell.
    after = newest + _A_JOB if newest is not None else None
    good = [job.start_time for job in jobs if succeeded(job.status) and (after is None or job.start_time > after)]
    return KnownBackups(
        points=sorted([*(each.time for each in read.points), *good]),
        failures=sorted(job.end_time for job in failed if job.end_time is not None),
        failed_starts=sorted(job.start_time for job in failed if job.type == "Scheduled"),
        schedule=policy.schedule if policy is not None else None,
        since=_since(resource, status),
        kept=timedelta(days=policy.retention.default.days) if policy is not None else None,
        complete_since=_complete_since(read, status, newest, now),
    )


def _complete_since(read: Read, status: ProtectedDiskStatus, newest: datetime | None, now: datetime) -> datetime | None:
    """Return since when every backup is known, by its restore point or by its job; None for all of them."""
    jobs = status.jobs.recent if status.jobs is not None else []
    first_job = min((job.start_time for job in jobs), default=now)
    if newest is None:
        return None if read.complete else first_job
    # Between the newest restore point that was read and the oldest job that is listed there may be others.
    gap = len(jobs) >= RECENT_JOBS and first_job > newest + _A_JOB
    if gap:
        return first_job
    return None if read.complete else min(each.time for each in read.points)


def _since(resource: Resource, status: ProtectedDiskStatus) -> datetime | None:
    if status.active_since is not None or resource.spec.get("protection", "Active") != "Active":
        return status.active_since
    return resource.created if resource.is_true(reasons.PROTECTED) else None


def show(name: str, found: list[Day], printer: Printer) -> None:
    """Write a calendar: a week a line, Monday first."""
    printer.show(Text.assemble((name, "bold"), f"  the last {counted(len(found), 'day')}, in UTC"))
    printer.show(Text("             Mo Tu We Th Fr Sa Su", style="dim"))
    weeks: dict[date, list[Day]] = {}
    for each in found:
        weeks.setdefault(each.date - timedelta(days=each.date.weekday()), []).append(each)
    for monday, members in weeks.items():
        line = Text(f"{monday:%Y-%m-%d}   ")
        line.append("   " * members[0].date.weekday())
        for each in members:
            line.append_text(each.verdict.sign(printer.out.encoding))
            line.append("  ")
        printer.show(line)
    seen = [verdict for verdict in DayState if any(each.verdict is verdict for each in found)]
    printer.show("")
    for verdict in seen:
        number = sum(each.verdict is verdict for each in found)
        meaning = f" {counted(number, 'day')}: {verdict.meaning}"
        printer.paragraph(Text.assemble(verdict.sign(printer.out.encoding), meaning))
    for each in found:
        if each.failed or each.verdict in (DayState.SOME, DayState.MISSED, DayState.FAILED):
            due = f" of {each.due} due" if each.due else ""
            failed = f", {each.failed} failed" if each.failed else ""
            printer.show(
                Text.assemble(
                    f"{each.date}  ", (f"{each.good}{due}{failed}", "red" if each.failed else each.verdict.style)
                )
            )
