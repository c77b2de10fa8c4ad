"""`swap`: a restored PVC takes the place of the old one, step by step; with `--undo` everything goes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from msgspec import structs

from azdiskbackup.core.objects.quantity import is_smaller
from azdiskbackup.plugin.cluster.client import OBJECT_NAME, Cluster
from azdiskbackup.plugin.cluster.swap.objects import VOLUMES, WORKLOADS, ObjectClient
from azdiskbackup.plugin.cluster.swap.preflight import check_permissions, prepare, zones
from azdiskbackup.plugin.cluster.swap.protection import protection_of
from azdiskbackup.plugin.cluster.swap.record import Record, find
from azdiskbackup.plugin.cluster.swap.steps import Swap
from azdiskbackup.plugin.output.choice import can_ask, confirm
from azdiskbackup.plugin.output.printer import Printer
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode

_SHORT = {"sts": "statefulset", "deploy": "deployment"}


async def run(
    cluster: Cluster,
    printer: Printer,
    *,
    claim: str,
    restored: str,
    scale: str | None,
    undo: bool,
    yes: bool,
    within: float,
) -> ExitCode:
    """Swap two PVCs, or undo that."""
    record = await _record(cluster, claim, restored, _workload(scale), undo=undo)
    await check_permissions(cluster, record.workload)
    for line in [line async for line in _plan(cluster, record, undo=undo)]:
        printer.paragraph(line)
    if not yes:
        if not can_ask(printer):
            raise CliError("Nothing was changed. To go ahead: --yes", ExitCode.USAGE)
        confirm("Go ahead")
    swap = Swap(cluster, record, printer.note, within)
    go_on = f"Repeat the command to continue. {_back(record)}"
    try:
        await (swap.undo() if undo else swap.carry_out())
    except asyncio.CancelledError:
        printer.note(f"Stopped in between. {go_on}")
        raise
    except CliError as trouble:
        raise CliError(f"{trouble.user_message} {go_on}", trouble.ending) from trouble
    for line in _ended(record, undo=undo):
        printer.paragraph(line)
    return ExitCode.DONE


async def _record(
    cluster: Cluster, claim: str, restored: str, workload: tuple[str, str] | None, *, undo: bool
) -> Record:
    """Return the swap that was begun before, or a new one."""
    for name in (claim, restored):
        if not OBJECT_NAME.fullmatch(name):
            raise CliError(f"invalid PVC name {name!r}", ExitCode.USAGE)
    record = await _begun(cluster, claim, restored)
    if record is None and undo:
        raise CliError(f"Nothing to undo: no volume has a record of a swap of {claim!r} and {restored!r}.")
    if record is None:
        return await prepare(cluster, claim, restored, workload)
    if record.is_done and not undo:
        raise CliError(f"{restored!r} has taken the place of {claim!r} already. {_back(record)}")
    if workload is not None and record.workload is None:
        found = await ObjectClient(cluster).workload(*workload)
        return structs.replace(record, workload=workload, replicas=int(found.spec.get("replicas", 1)))
    return record


def _workload(scale: str | None) -> tuple[str, str] | None:
    if scale is None:
        return None
    kind, _, name = scale.partition("/")
    kind = _SHORT.get(kind.lower(), kind.lower())
    if kind not in WORKLOADS or not OBJECT_NAME.fullmatch(name):
        raise CliError(f"invalid workload {scale!r}: use statefulset/NAME or deployment/NAME", ExitCode.USAGE)
    return kind, name


async def _begun(cluster: Cluster, claim: str, restored: str) -> Record | None:
    """Return the swap of the two that was begun before; not an earlier one of other volumes under these names."""
    record = find(await cluster.all(VOLUMES), cluster.home, claim, restored)
    found = await ObjectClient(cluster).claim(restored) if record is not None else None
    is_earlier = record is not None and found is not None and found.spec.get("volumeName") != record.new
    return None if is_earlier else record


async def _plan(cluster: Cluster, record: Record, *, undo: bool) -> AsyncIterator[str]:
    place = f"{record.namespace}/{record.claim}"
    old, new = [await ObjectClient(cluster).volume(name) for name in record.volumes]
    yield f"PVC {place} gets back its volume {record.old}:" if undo else f"PVC {place} gets the volume {record.new}:"
    number = 0
    for number, step in enumerate(_steps(record, undo=undo), 1):
        yield f"  {number}. {step}"
    protection = await protection_of(cluster, record.claim)
    disk = protection.follower(record.new if undo else record.old)
    if disk is not None:
        yield f"  {number + 1}. have ProtectedDisk {disk.name} follow the PVC to its disk"
    if undo or old is None or new is None:
        return
    held = str((new.spec.get("capacity") or {}).get("storage") or "0")
    wanted = str(((record.claims[record.claim]["spec"].get("resources") or {}).get("requests") or {}).get("storage"))
    if is_smaller(held, wanted):
        yield f"  The restored volume is smaller ({held}) than the PVC ({wanted}), which will ask for {held}."
    if zones(old) != zones(new):
        names = [", ".join(sorted(zones(each))) or "any zone" for each in (old, new)]
        yield f"  The restored volume is in {names[1]}, the old one in {names[0]}: pods must be able to run there."


def _steps(record: Record, *, undo: bool) -> Iterator[str]:
    yield f"set the reclaim policy of {record.old} and {record.new} to Retain"
    if record.workload is not None:
        yield f"scale {'/'.join(record.workload)} from {record.replicas} to 0"
    yield "wait until no pod uses the PVCs, and no node has the disks attached"
    if undo:
        yield f"delete PVC {record.claim}, if it has the restored volume"
        yield f"create PVC {record.claim} with the volume {record.old}, and {record.restored} with {record.new}"
        yield "set the reclaim policies as they were"
    else:
        yield f"delete the PVCs {record.claim} and {record.restored}; their volumes and disks stay"
        yield f"create PVC {record.claim}, with its labels and annotations, with the volume {record.new}"
        yield f"wait until it is bound; set the reclaim policy of {record.new} to {record.policies[record.new]}"
    if record.workload is not None:
        yield f"scale {'/'.join(record.workload)} to {record.replicas}"


def _ended(record: Record, *, undo: bool) -> Iterator[str]:
    if undo:
        yield f"PVC {record.claim} has its volume {record.old} again, and {record.restored} has {record.new}."
        return
    yield f"PVC {record.claim} has the restored volume {record.new}."
    yield f"The old volume {record.old} and its disk stay (Released, Retain) until you delete them. {_back(record)}"


def _back(record: Record) -> str:
    scale = f" --scale {'/'.join(record.workload)}" if record.workload else ""
    words = f"{record.claim} {record.restored} -n {record.namespace}{scale}"
    return f"To go back: kubectl azdiskbackup swap {words} --undo"
