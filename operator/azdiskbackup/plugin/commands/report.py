"""`report`: every volume, day by day, protected or not and why, for an auditor."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from azdiskbackup.kube.watched import VOLUME
from azdiskbackup.plugin.cluster.client import (
    DISKS,
    POLICIES,
    RESTORES,
    WHOLE_CLAIMS,
    Cluster,
    gather_in_order,
)
from azdiskbackup.plugin.cluster.coverage import Volumes
from azdiskbackup.plugin.cluster.protection_rules import rules_of
from azdiskbackup.plugin.commands.restore_points import Read, read
from azdiskbackup.plugin.output.calendar import DayState
from azdiskbackup.plugin.output.formatting import counted, moment
from azdiskbackup.plugin.output.printer import Column, Printer
from azdiskbackup.plugin.report.gather import Found, report
from azdiskbackup.plugin.report.page import page
from azdiskbackup.plugin.report.prometheus import Prometheus
from azdiskbackup.plugin.report.shapes import Report, Total, Volume
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode
from azdiskbackup.plugin.runtime.options import From, Output

USUAL_DAYS = 30
_MOST_DAYS = 366


async def run(
    cluster: Cluster,
    printer: Printer,
    *,
    first: datetime | None,
    last: datetime | None,
    prometheus: str | None,
    points: From,
) -> ExitCode:
    """Write the report of some days."""
    begin, end = _period(first, last, cluster.now)
    history = Prometheus(prometheus) if prometheus is not None else None
    found, sources = await _read(cluster, begin, end, history, points)
    made = report(found, cluster.server, begin, end, cluster.now, sources)
    match printer.form:
        case Output.JSON | Output.YAML:
            printer.data(made)
        case Output.HTML:
            printer.write(page(made))
        case Output.CSV:
            printer.write(_csv(made))
        case _:
            _show(printer, made)
    return ExitCode.DONE


def _period(first: datetime | None, last: datetime | None, now: datetime) -> tuple[date, date]:
    end = last.date() if last is not None else now.date()
    begin = first.date() if first is not None else end - timedelta(days=USUAL_DAYS - 1)
    if end > now.date():
        raise CliError(f"--to {end} is in the future", ExitCode.USAGE)
    if begin > end:
        raise CliError(f"--from {begin} is after --to {end}", ExitCode.USAGE)
    if (end - begin).days >= _MOST_DAYS:
        raise CliError(f"--from and --to span more than {_MOST_DAYS} days", ExitCode.USAGE)
    return begin, end


async def _read(
    cluster: Cluster, first: date, last: date, history: Prometheus | None, points: From
) -> tuple[Found, list[str]]:
    place = cluster.namespace
    claims, disks, volumes, policies, restores = await gather_in_order(
        cluster.all(WHOLE_CLAIMS, place),
        cluster.all(DISKS, place),
        cluster.if_allowed(cluster.all(VOLUME), is_noted=False),
        cluster.all_if_allowed(POLICIES),
        cluster.all_if_allowed(RESTORES, place),
    )
    rules = await rules_of(cluster, disks)
    sources = ["Restore points and jobs: from status, which has the newest 20 and 10 of each disk."]
    known: dict[tuple[str, str], Read] = {}
    if points is From.AZURE:
        known = {(each.namespace, each.name): await read(each, From.AZURE) for each in disks}
        sources = ["Restore points: from Azure. Jobs: from status, which has the newest 10 of each disk."]
    successes, coverage = {}, None
    if history is not None:
        successes = await history.successes(first, last, cluster.now)
        coverage = await history.coverage(first, last, cluster.now)
        sources.append("Days before that, and coverage: from Prometheus.")
    else:
        sources.append("What has expired, or is older than that, is not known; --prometheus knows more.")
    return Found(
        claims, disks, Volumes(volumes), policies or [], rules, restores or [], successes, coverage, known
    ), sources


def _csv(made: Report) -> str:
    """Return a line for each volume and day: for a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["namespace", "pvc", "protectedDisk", "policy", "protected", "reason", "date", "backups", "due", "failed",
         "restorable", "whyNot"]
    )  # fmt: skip
    for volume in made.volumes:
        about = [
            volume.namespace,
            volume.claim,
            volume.protected_disk,
            volume.policy,
            volume.is_protected,
            volume.reason,
        ]
        for day in volume.days:
            cells = [*about, day.date, day.backups.value, day.due, day.failed, day.restorable, day.why_not]
            writer.writerow([_harmless(each) for each in cells])
    return text.getvalue()


def _harmless(value: object) -> str:
    """Return a cell; what a spreadsheet would take for a formula is a text."""
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


_TOTALS: Sequence[Column[Total]] = (
    Column("NAMESPACE", lambda total: total.name),
    Column("VOLUMES", lambda total: str(total.volumes), right=True),
    Column("PROTECTED", lambda total: str(total.protected), right=True),
    Column("LATE", lambda total: str(total.late), right=True),
    Column("DAYS MISSED", lambda total: str(total.days_missed), right=True, spare=True),
    Column("DAYS FAILED", lambda total: str(total.days_failed), right=True, spare=True),
)
_UNPROTECTED: Sequence[Column[Volume]] = (
    Column("NOT PROTECTED", lambda volume: volume.name),
    Column("REASON", lambda volume: volume.reason),
    Column("SIZE", lambda volume: volume.size, right=True, spare=True),
    Column("LATE SINCE", lambda volume: moment(volume.newest_restore_point), spare=True, wide=True),
)


def _show(printer: Printer, made: Report) -> None:
    protected = sum(each.is_protected for each in made.volumes)
    failed = sum(each.count(DayState.FAILED) for each in made.volumes)
    printer.paragraph(
        f"{made.first} to {made.last}: {protected} of {counted(len(made.volumes), 'volume')} protected, "
        f"{counted(failed, 'day')} with failed backups."
    )
    if not made.volumes:
        return
    printer.table(_TOTALS, made.by_namespace, "")
    left = [each for each in made.volumes if not each.is_protected]
    if left:
        printer.write("\n")
        printer.table(_UNPROTECTED, left, "")
    printer.note("The whole, as a page: kubectl azdiskbackup report -A -o html > report.html")
