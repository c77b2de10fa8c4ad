"""`describe`: one disk, its conditions in order, its backups, and what to do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.padding import Padding
from rich.text import Text

from azdiskbackup.api.v1alpha1.disk_backup_policy import DiskBackupPolicySpec, Schedule
from azdiskbackup.api.v1alpha1.protected_disk import JobStatus, ProtectedDiskStatus
from azdiskbackup.core.objects.resource import Resource, parse_status, parse_time
from azdiskbackup.core.reason_catalog import REASON_CATALOG, Expect
from azdiskbackup.core.rules import reasons
from azdiskbackup.plugin.cluster.client import EVENTS, Cluster, gather_in_order
from azdiskbackup.plugin.cluster.disk_rows import Disk, disk, needs, state_of_job
from azdiskbackup.plugin.cluster.restores import Restore, needs_a_look, readable_restores
from azdiskbackup.plugin.output.formatting import State, age, duration, moment, until
from azdiskbackup.plugin.output.printer import Printer, Shape
from azdiskbackup.plugin.runtime.exit_code import ExitCode

_CONDITIONS = (
    reasons.ACCEPTED,
    reasons.DISK_RESOLVED,
    reasons.ROLES_GRANTED,
    reasons.VALIDATED,
    reasons.PROTECTED,
    reasons.BACKUP_HEALTHY,
    reasons.READY,
)
_JOBS, _RESTORES, _EVENTS = 5, 3, 5


class Step(Shape, frozen=True, kw_only=True):
    """A condition, in the order in which they come to hold.

    Attributes:
        since: since when it is so.
    """

    condition: str
    state: State
    reason: str
    message: str
    since: datetime | None


class Story(Shape, frozen=True, kw_only=True):
    """A disk, described.

    Attributes:
        remediation: what to do about what is unhealthy; empty if nothing is.
        restores: those of it that have not ended, or failed lately.
    """

    disk: Disk
    schedule: str | None
    steps: list[Step]
    remediation: str
    status: dict[str, Any]
    restores: list[Restore]
    events: list[str]


async def run(cluster: Cluster, printer: Printer, *, name: str) -> ExitCode:
    """Describe a disk."""
    resource = await cluster.disk(name)
    policy, restores, events = await gather_in_order(
        cluster.policy_of(resource),
        readable_restores(cluster, resource.namespace),
        cluster.all_if_allowed(EVENTS, resource.namespace, fieldSelector=f"regarding.uid={resource.uid}"),
    )
    found = story(resource, policy, restores, events or [], cluster.now)
    if printer.structured:
        printer.data(found)
    else:
        show(found, resource, printer, cluster.now)
    return ExitCode.DONE


def story(
    resource: Resource,
    policy: DiskBackupPolicySpec | None,
    restores: list[Resource],
    events: list[Resource],
    now: datetime,
) -> Story:
    """Return the description of a disk."""
    steps = [_step(resource, each) for each in _CONDITIONS]
    open_ = next((each for each in steps if each.state not in (State.GOOD, State.UNKNOWN)), None)
    known = REASON_CATALOG.get(open_.reason) if open_ is not None else None
    return Story(
        disk=disk(resource, now),
        schedule=_schedule(policy.schedule) if policy is not None else None,
        steps=steps,
        remediation=known.remediation if known is not None and known.expect is not Expect.GOOD else "",
        status=dict(resource.status),
        restores=[each for each in needs_a_look(restores, now) if each.disk == resource.name],
        events=[_event(each) for each in sorted(events, key=_time_of)[-_EVENTS:]],
    )


def _step(resource: Resource, condition: str) -> Step:
    found = resource.condition(condition)
    reason = str(found.get("reason", ""))
    state = {"True": State.GOOD, "False": needs(reason)}.get(str(found.get("status")), State.UNKNOWN)
    if reason == reasons.NO_BACKUP_YET:
        state = State.IN_PROGRESS
    if state is State.IN_PROGRESS and resource.is_true(reasons.STALLED):
        state = State.ACTION_REQUIRED
    since = found.get("lastTransitionTime")
    return Step(
        condition=condition,
        state=state,
        reason=reason,
        message=str(found.get("message", "Not reconciled yet.")),
        since=parse_time(str(since)) if since else None,
    )


def _schedule(schedule: Schedule) -> str:
    every = f"every {schedule.interval_hours} h, from" if schedule.interval_hours else "daily at"
    return f"{every} {schedule.start_time} {schedule.time_zone}"


def _time_of(event: Resource) -> str:
    series = event.raw.get("series") or {}
    return str(series.get("lastObservedTime") or event.raw.get("eventTime") or event.meta.get("creationTimestamp"))


def _event(event: Resource) -> str:
    count = (event.raw.get("series") or {}).get("count")
    times = f" ({count} times)" if count else ""
    return f"{_time_of(event)[:16].replace('T', ' ')} {event.raw.get('reason')}{times}: {event.raw.get('note')}"


# --- for a person -------------------------------------------------------------------------------------


def show(found: Story, resource: Resource, printer: Printer, now: datetime) -> None:
    """Write it to stdout."""
    each, known = found.disk, parse_status(ProtectedDiskStatus, resource)
    printer.show(
        Text.assemble(
            each.state.sign(printer.out.encoding), " ", (f"{each.namespace}/{each.name}", "bold"), "  ",
            (each.reason or "not reconciled yet", each.state.style),
        )
    )  # fmt: skip
    by = f" ({found.schedule})" if found.schedule else ""
    printer.fields([
        ("Source", _source(resource, known)),
        ("Policy", f"{each.policy}{by}, vault {each.vault or 'not resolved yet'}"),
        ("Mode", f"{resource.spec.get('protection', 'Active')}; when deleted: {_on_deletion(resource)}"),
    ])  # fmt: skip
    _title(printer, "Conditions")
    width = max(len(step.condition) for step in found.steps)
    for step in found.steps:
        state = step.state
        since = (
            f" for {age(step.since, now)}" if state in (State.ACTION_REQUIRED, State.IN_PROGRESS) and step.since else ""
        )
        head = Text.assemble(
            "  ", state.sign(printer.out.encoding), f" {step.condition:{width}}  ", (step.reason, state.style), since
        )
        printer.show(head)
        if state is not State.GOOD or printer.wide:
            printer.show(Padding(Text(step.message), (0, 0, 0, width + 6)))
    if found.remediation:
        _title(printer, "What to do")
        printer.show(Padding(Text(found.remediation), (0, 0, 0, 2)))
    _backups(printer, each, known, now)
    _restores(printer, found.restores)
    _in_azure(printer, known)
    if found.events:
        _title(printer, "Events")
        for event in found.events:
            printer.show(Padding(Text(event), (0, 0, 0, 2)))


def _source(resource: Resource, known: ProtectedDiskStatus) -> str:
    claim = (resource.spec.get("source") or {}).get("persistentVolumeClaim")
    parts = [f"PVC {claim['name']}"] if claim else []
    if known.disk is None:
        return ", ".join([*parts, "disk not resolved yet"])
    size = f", {known.disk.size_gib} GiB" if known.disk.size_gib is not None else ""
    sku = f" {known.disk.sku}" if known.disk.sku else ""
    if known.disk.persistent_volume:
        parts.append(f"volume {known.disk.persistent_volume}")
    return ", ".join([*parts, f"disk {known.disk.name}{size}{sku} in {known.disk.location}"])


def _on_deletion(resource: Resource) -> str:
    return {
        "Suspend": "backups stop, restore points expire, except the newest",
        "Delete": "restore points are deleted",
    }.get(str(resource.spec.get("deletionPolicy")), "backups stop, restore points are kept")


def _backups(printer: Printer, each: Disk, known: ProtectedDiskStatus, now: datetime) -> None:
    _title(printer, "Backups")
    last, due = each.last_successful_backup_time, each.next_backup_time
    fields: list[tuple[str, str]] = [
        ("Last good", f"{moment(last)} ({age(last, now)} ago)" if last else "none yet"),
        ("Next", f"{moment(due)} ({until(due, now)})" if due else "none scheduled"),
    ]
    points, jobs = known.restore_points, known.jobs
    if points is not None:
        span = f", {moment(points.oldest)} to {moment(points.newest)}" if points.count else ""
        fields.append(("Points", f"{points.count}{span} (read {age(points.observed_time, now)} ago)"))
    for earlier in known.earlier_disks or ():
        fields.append(("Earlier", f"disk {earlier.name}, until {moment(earlier.replaced_time)}"))
    if jobs is not None:
        fields.append(("7 days", f"{jobs.completed} good, {jobs.failed} failed, {jobs.in_progress} running"))
    printer.fields(fields, indent=2)
    for job in jobs.recent[:_JOBS] if jobs is not None else []:
        printer.show(Padding(job_line(job, printer.out.encoding), (0, 0, 0, 4)))


def _restores(printer: Printer, restores: list[Restore]) -> None:
    if restores:
        _title(printer, "Restores")
    for each in restores[:_RESTORES]:
        into = f" into PVC {each.persistent_volume_claim}" if each.persistent_volume_claim else ""
        point = f" of {moment(each.restore_point_time)} UTC" if each.restore_point_time else ""
        head = (each.reason or "not reconciled yet", each.state.style)
        line = Text.assemble("  ", each.state.sign(printer.out.encoding), f" {each.name}{point}{into}: ", head)
        printer.show(line)
        printer.show(Padding(Text(each.message), (0, 0, 0, 6)))


def job_line(job: JobStatus, encoding: str) -> Text:
    """Return a job in a line."""
    state = state_of_job(job)
    ended = job.duration_seconds is not None and job.end_time is not None
    took = f" in {duration(job.duration_seconds)}" if ended else ""
    error = f": {job.error.code}" if job.error is not None else ""
    return Text.assemble(
        state.sign(encoding), f" {moment(job.start_time)}  {job.operation}, {job.type}: ", (job.status, state.style),
        took, error,
    )  # fmt: skip


def _in_azure(printer: Printer, known: ProtectedDiskStatus) -> None:
    fields = [
        ("Disk", known.disk.id if known.disk else None),
        ("Instance", known.backup_instance_id),
        ("State", known.protection_state),
    ]
    shown = [(title, value) for title, value in fields if value]
    if shown:
        _title(printer, "In Azure")
        printer.fields(shown, indent=2)


def _title(printer: Printer, text: str) -> None:
    printer.show(Text(f"\n{text}", style="bold"))
