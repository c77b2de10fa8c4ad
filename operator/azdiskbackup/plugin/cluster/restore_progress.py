"""How a restore goes, told line by line: each once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.text import Text

from azdiskbackup.api.v1alpha1.disk_restore import DiskRestoreStatus, RestoredDisk
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.rules import reasons
from azdiskbackup.plugin.cluster.restores import Restore, restore
from azdiskbackup.plugin.output.formatting import State, duration, moment
from azdiskbackup.plugin.output.live import live_line
from azdiskbackup.plugin.output.printer import Printer

# After this an operator that works has looked at every new object.
_NOTICED_WITHIN_SECONDS = 60


@contextlib.contextmanager
def progress(printer: Printer) -> Iterator[Callable[[Resource, float], None]]:
    """Yield what shows how it goes, on stderr.

    On a terminal what is done gets a line, and what goes on is one that changes; else each state gets a line.
    """
    if not printer.live:
        yield _Told(printer).tell
        return
    with live_line(printer) as turn:
        yield _Told(printer, turn).tell


class _Told:
    """What was told already.

    Args:
        printer: writes the lines.
        turn: changes the line of what goes on; None where there is none.
    """

    def __init__(self, printer: Printer, turn: Callable[[Text], None] | None = None) -> None:
        self._printer, self._turn = printer, turn
        self._lines: set[str] = set()

    def tell(self, found: Resource, waited: float) -> None:
        """Tell what is new."""
        for milestone in milestones(found):
            self._once(milestone, milestone)
        now = restore(found)
        if now.succeeded is not None:
            return
        if not now.reason and waited > _NOTICED_WITHIN_SECONDS:
            self._once("slow", "The operator has not reconciled it yet. To see why: kubectl azdiskbackup check")
        if self._turn is not None:
            self._turn(_live(now, waited))
        elif now.reason != reasons.IN_PROGRESS:
            self._once(f"now {now.reason}", _current(now))

    def _once(self, key: str, line: str) -> None:
        if key not in self._lines:
            self._lines.add(key)
            self._printer.note(line)


def milestones(found: Resource) -> Iterator[str]:
    """Yield a sentence for each step of a restore that is done."""
    status = parse_status(DiskRestoreStatus, found)
    point = status.restore_point
    if point is not None:
        when = f" of {moment(point.time)} UTC" if point.time else ""
        yield f"Restore point{when} chosen ({point.id})."
    if status.persistent_volume_claim:
        yield f"PVC {status.persistent_volume_claim} created; it waits for its volume."
    if found.condition(reasons.VALIDATED).get("status") == "True":
        yield "Azure validated the restore."
    if status.job_id and status.start_time:
        yield f"Restoring since {moment(status.start_time)} UTC (job {status.job_id})."
    if status.disk is not None:
        took = f" in {duration(status.duration_seconds)}" if status.duration_seconds is not None else ""
        yield f"Disk restored{took}: {disk_line(status.disk)}."
    if status.persistent_volume and found.condition(reasons.VOLUME_BOUND).get("status") == "True":
        yield f"PVC {status.persistent_volume_claim} bound to the volume {status.persistent_volume}."


def disk_line(disk: RestoredDisk) -> str:
    """Return a restored disk in a line."""
    zones = f"zone {', '.join(disk.zones)}" if disk.zones else "no zone"
    size = f"{disk.size_gib} GiB" if disk.size_gib is not None else None
    return ", ".join(each for each in (disk.name, size, disk.sku, disk.location, zones) if each)


def _current(now: Restore) -> str:
    if not now.reason:
        return "Waiting for the operator."
    action = "Action required: " if now.state is State.ACTION_REQUIRED else ""
    return f"{action}{now.reason}: {now.message}"


def _live(now: Restore, waited: float) -> Text:
    head = (now.reason or "Waiting for the operator", now.state.style)
    return Text.assemble(head, f" for {duration(waited)}. {now.message} Ctrl-C leaves it running.")
