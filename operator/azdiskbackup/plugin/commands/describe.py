"""`describe`: one disk: what matters and what to do, then its conditions, its backups, where it is in Azure."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import Any

from rich.text import Text

from azdiskbackup.api.v1alpha1.disk_backup_policy import DiskBackupPolicySpec, Retention, Schedule
from azdiskbackup.api.v1alpha1.protected_disk import JobStatus, ProtectedDiskStatus
from azdiskbackup.core.objects.resource import Resource, parse_status, parse_time
from azdiskbackup.core.reason_catalog import REASON_CATALOG, Expect
from azdiskbackup.core.rules import reasons
from azdiskbackup.plugin.cluster.client import EVENTS, Cluster, gather_in_order
from azdiskbackup.plugin.cluster.disk_rows import Disk, disk, needs, of_object, state_of_job
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
_UNHEALTHY = (State.ACTION_REQUIRED, State.IN_PROGRESS)


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
        remediation: what to do about what is unhealthy; empty if nothing is, or if the message says it already.
        retention: for how long restore points are kept; None where the policy cannot be read.
        restores: those of it that have not ended, or failed lately.
    """

    disk: Disk
    schedule: str | None
    retention: str | None
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
    each = disk(resource, now)
    open_ = next((step for step in steps if step.state in _UNHEALTHY), None)
    known = REASON_CATALOG.get(open_.reason) if open_ is not None else None
    remediation = known.remediation if known is not None and known.expect is not Expect.GOOD else ""
    return Story(
        disk=each,
        schedule=_schedule(policy.schedule) if policy is not None else None,
        retention=_retention(policy.retention) if policy is not None else None,
        steps=steps,
        remediation="" if remediation in each.message else of_object(remediation, each.namespace, each.name),
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


def _retention(retention: Retention) -> str:
    """Return for how long restore points are kept, the longest last: ``7 d, daily ones 30 d``."""
    rules = ((retention.daily, "daily"), (retention.weekly, "weekly"))
    return ", ".join([f"{retention.default.days} d", *(f"{name} ones {rule.days} d" for rule, name in rules if rule)])


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
    _first(found, printer, now)
    about = "; ".join(filter(None, (found.schedule, found.retention and f"kept {found.retention}")))
    printer.fields([
        ("Source", _source(resource, known)),
        ("Policy", f"{each.policy}{f' ({about})' if about else ''}, vault {each.vault or 'not resolved yet'}"),
        ("Mode", f"{resource.spec.get('protection', 'Active')}; when deleted: {_on_deletion(resource)}"),
    ])  # fmt: skip
    _title(printer, "Conditions")
    _conditions(found, printer, now)
    _backups(printer, each, known, now)
    _restores(printer, found.restores)
    _in_azure(printer, known)
    if found.events:
        _title(printer, "Events")
        for event in found.events:
            printer.paragraph(event, indent=2)


def _first(found: Story, printer: Printer, now: datetime) -> None:
    """Write what matters most: the state, its message, and what to do."""
    each, encoding = found.disk, printer.out.encoding
    name, state = (f"{each.namespace}/{each.name}", "bold"), (each.reason or "not reconciled yet", each.state.style)
    since = next((_since(step, now) for step in found.steps if step.reason == each.reason), "")
    printer.show(Text.assemble(each.state.sign(encoding), " ", name, "  ", state, since))
    if each.state is State.GOOD:
        return
    printer.paragraph(each.message, indent=2)
    if found.remediation:
        printer.paragraph(Text.assemble(("What to do: ", "bold"), found.remediation), indent=2)
    printer.show("")


def _conditions(found: Story, printer: Printer, now: datetime) -> None:
    """Write the conditions in their order; a message once, and none where nothing is known or wrong."""
    sign, told = printer.out.encoding, {found.disk.message}
    if printer.wide:
        for step in found.steps:
            head = (f"{step.reason}{_since(step, now)}", step.state.style)
            printer.show(Text.assemble("  ", step.state.sign(sign), f" {step.condition}  ", head))
            printer.paragraph(step.message, indent=4)
        return
    for state, steps in groupby(found.steps, key=lambda step: step.state):
        if state not in _UNHEALTHY:
            names = ", ".join(step.condition for step in steps)
            printer.paragraph(names, indent=4, label=Text.assemble("  ", state.sign(sign), " "))
            continue
        for step in steps:
            reason = (step.reason, state.style)
            printer.show(Text.assemble("  ", state.sign(sign), f" {step.condition}  ", reason, _since(step, now)))
            if step.message not in told:
                printer.paragraph(step.message, indent=4)
                told.add(step.message)


def _since(step: Step, now: datetime) -> str:
    return f" for {age(step.since, now)}" if step.state in _UNHEALTHY and step.since else ""


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
    last, due = each.last_successful_backup_time, each.next_backup_time
    points, jobs = known.restore_points, known.jobs
    if last is None and due is None and points is None and jobs is None:
        printer.show(Text("\nBackups   none yet, none scheduled"))
        return
    _title(printer, "Backups")
    fields: list[tuple[str, str]] = [
        ("Last good", f"{moment(last)} ({age(last, now)} ago)" if last else "none yet"),
        ("Next", f"{moment(due)} ({until(due, now)})" if due else "none scheduled"),
    ]
    if points is not None:
        span = f", {moment(points.oldest)} to {moment(points.newest)}" if points.count else ""
        since = sum(bool(each.computed) for each in points.recent)
        read = f"read {age(points.observed_time, now)} ago" + (f", {since} since by their jobs" if since else "")
        fields.append(("Points", f"{points.count}{span} ({read})"))
    if known.disk is not None and known.disk.other_snapshots:
        fields.append(("Snapshots", f"{known.disk.other_snapshots} by others, which share Azure's limit of a disk"))
    for earlier in known.earlier_disks or ():
        fields.append(("Earlier", f"disk {earlier.name}, until {moment(earlier.replaced_time)}"))
    if jobs is not None:
        fields.append(("7 days", f"{jobs.completed} good, {jobs.failed} failed, {jobs.in_progress} running"))
    printer.fields(fields, indent=2)
    for job in jobs.recent[:_JOBS] if jobs is not None else []:
        printer.paragraph(job_line(job, printer.out.encoding), indent=4)


def _restores(printer: Printer, restores: list[Restore]) -> None:
    if restores:
        _title(printer, "Restores")
    for each in restores[:_RESTORES]:
        into = f" into PVC {each.persistent_volume_claim}" if each.persistent_volume_claim else ""
        point = f" of {moment(each.restore_point_time)} UTC" if each.restore_point_time else ""
        head = (each.reason or "not reconciled yet", each.state.style)
        line = Text.assemble(f"{each.name}{point}{into}: ", head)
        printer.paragraph(line, indent=4, label=Text.assemble("  ", each.state.sign(printer.out.encoding), " "))
        printer.paragraph(each.message, indent=6)


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
