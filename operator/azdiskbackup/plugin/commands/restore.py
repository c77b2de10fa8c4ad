"""`restore`: a restore point becomes a disk and a PVC; with `--wait` until it has ended."""

from __future__ import annotations

import asyncio
from typing import Any

from rich.text import Text

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.core.objects.recorded import recorded_time
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.errors import Conflict, Unavailable
from azdiskbackup.plugin.cluster import restore_checks
from azdiskbackup.plugin.cluster.client import DISKS, RESTORES, WHOLE_CLAIMS, Cluster, claim_of
from azdiskbackup.plugin.cluster.follow import Followed, follow, has_ended
from azdiskbackup.plugin.cluster.restore_progress import progress
from azdiskbackup.plugin.cluster.restores import (
    Json,
    Wanted,
    claim_named,
    in_progress,
    manifest_of,
    restore,
    same_restore,
)
from azdiskbackup.plugin.output import manifests
from azdiskbackup.plugin.output.choice import can_ask, choose
from azdiskbackup.plugin.output.formatting import age, duration, moment, until
from azdiskbackup.plugin.output.mounting import mounting
from azdiskbackup.plugin.output.printer import Printer
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode, suggest
from azdiskbackup.plugin.runtime.options import Output

_SUFFIX = "-restored"
# Of the 253 characters of a name; the rest is for the suffix and a number.
_STEM = 240
# More than a person looks through; older ones are named by --at or --point.
_OFFERED = 9


async def run(
    cluster: Cluster, printer: Printer, *, wait: bool, within: float, dry_run: bool, **words: Any
) -> ExitCode:
    """Restore a disk, or follow a restore that goes on."""
    wanted = Wanted(**words)
    wanted.check()
    # The name may say in which namespace.
    disk = await _disk(cluster, wanted.name) if wanted.name is not None else None
    existing = await cluster.all(RESTORES, cluster.home)
    if wanted.is_by_name:
        made = _named(existing, str(wanted.object_name))
    else:
        found = None if dry_run else _already(existing, wanted, disk, cluster)
        if found is None:
            manifest = await _prepared(cluster, printer, wanted, disk, existing)
            if dry_run:
                _print(printer, manifest)
                return ExitCode.DONE
            made = await _made(cluster, manifest)
        else:
            made = found
            printer.note(
                f"DiskRestore {made.namespace}/{made.name} does that already. Another one needs another --name."
            )
    return await _follow(cluster, printer, made, within) if wait else _asked(printer, made)


async def _disk(cluster: Cluster, name: str) -> Resource:
    try:
        return await cluster.disk(name)
    except CliError as trouble:
        if trouble.__cause__ is not None or "orphans" in trouble.user_message:
            raise
        hint = f"Backups whose ProtectedDisk was deleted: kubectl azdiskbackup orphans -n {cluster.home}"
        raise CliError(f"{trouble.user_message} {hint}", trouble.ending) from trouble


def _named(existing: list[Resource], name: str) -> Resource:
    found = next((each for each in existing if each.name == name), None)
    if found is None:
        known = suggest(name, [each.name for each in existing])
        raise CliError(f"DiskRestore {name!r} does not exist.{known} To make one, name a DISK.")
    return found


def _already(existing: list[Resource], wanted: Wanted, disk: Resource | None, cluster: Cluster) -> Resource | None:
    """Return the restore that does what is asked for: that of the name, or one that has not ended."""
    source, selector = wanted.source(disk), wanted.selector(cluster.now)
    if wanted.object_name is not None:
        found = next((each for each in existing if each.name == wanted.object_name), None)
        if found is not None and not same_restore(found, wanted, source, selector):
            raise CliError(f"DiskRestore {found.name!r} exists and restores something else. Choose another --name.")
        return found
    going_on = [each for each in in_progress(existing) if same_restore(each, wanted, source, selector)]
    return going_on[-1] if going_on else None


async def _prepared(
    cluster: Cluster, printer: Printer, wanted: Wanted, disk: Resource | None, existing: list[Resource]
) -> Json:
    """Return the object to create, once nothing is known that stands in its way."""
    selector = wanted.selector(cluster.now)
    notes = []
    if disk is not None:
        when = recorded_time(selector.get("notAfter")) if selector is not None else None
        if wanted.earlier_disk is not None:
            restore_checks.check_earlier_disk(disk, wanted.earlier_disk)
        else:
            notes.append(restore_checks.check_points(disk, selector, when))
        if not wanted.disk_only:
            notes.append(await restore_checks.check_source(cluster, disk, wanted))
    vault = wanted.vault or (parse_status(ProtectedDiskStatus, disk).vault if disk is not None else None)
    if vault is not None:
        await restore_checks.vault_allows(cluster, vault, by_instance=disk is None)
    claim, note = await _claim(cluster, wanted, disk, existing)
    for each in (*notes, note):
        if each:
            printer.note(each)
    if disk is not None and wanted.earlier_disk is None and selector is None and can_ask(printer):
        selector = _chosen(cluster, printer, disk)
    name = wanted.object_name or _free(claim or _stem(disk.name if disk else str(wanted.instance)), existing)
    return manifest_of(wanted, cluster.home, name, wanted.source(disk), selector, claim)


async def _claim(cluster: Cluster, wanted: Wanted, disk: Resource | None, existing: list[Resource]) -> tuple[str, str]:
    """Return the name of the PVC to make, empty for none, and a note on how it came to that."""
    if wanted.disk_only:
        return "", ""
    promised = {claim_named(each) for each in in_progress(existing)}
    if wanted.claim is not None or disk is None:
        claim = str(wanted.claim)
        await restore_checks.check_claim(cluster, claim)
        if claim in promised:
            raise CliError(f"A DiskRestore that has not ended makes a PVC {claim!r}. Choose another name with --pvc.")
        return claim, ""
    stem = _stem(claim_of(disk) or disk.name)
    name, number = stem, 1
    while name in promised or await restore_checks.exists(cluster, name):
        number += 1
        name = f"{stem}-{number}"
    return name, f"PVC {stem!r} exists, so the new one is {name!r}." if number > 1 else ""


def _stem(name: str) -> str:
    return f"{name[:_STEM].lower().rstrip('.-')}{_SUFFIX}"


def _free(stem: str, existing: list[Resource]) -> str:
    taken = {each.name for each in existing}
    numbered = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    return stem if stem not in taken else next(each for each in numbered if each not in taken)


def _chosen(cluster: Cluster, printer: Printer, disk: Resource) -> Json | None:
    """Let a person choose among the newest restore points; None where none is known."""
    points = parse_status(ProtectedDiskStatus, disk).restore_points
    if points is None or not points.recent:
        return None
    offered = points.recent[:_OFFERED]
    lines = [
        f"{moment(each.time)} UTC  {age(each.time, cluster.now)} ago, expires {until(each.expiry_time, cluster.now)}"
        for each in offered
    ]
    printer.note(f"Restore points of {disk.namespace}/{disk.name}:")
    older = points.count - len(offered)
    if older > 0:
        printer.note(f"     {older} older ones: --at TIME, or --point ID")
    return {"id": offered[choose(printer, "Which one", lines)].id}


def _print(printer: Printer, manifest: Json) -> None:
    if printer.form is Output.JSON:
        printer.json(manifest)
    else:
        printer.write(manifests.manifest(manifest))


async def _made(cluster: Cluster, manifest: Json) -> Resource:
    try:
        return await cluster.create(RESTORES, manifest, cluster.home)
    except CliError as trouble:
        name = manifest["metadata"]["name"]
        if isinstance(trouble.__cause__, Conflict):
            again = f"DiskRestore {name!r} was created meanwhile. Repeat the command, or choose another --name."
        elif isinstance(trouble.__cause__, Unavailable):
            again = f"{trouble.user_message} It may have been created; to follow it: {_again(cluster.home, name)}"
        else:
            raise
        raise CliError(again) from trouble.__cause__


def _again(namespace: str, name: str) -> str:
    return f"kubectl azdiskbackup restore -n {namespace} --name {name} --wait"


def _asked(printer: Printer, made: Resource) -> ExitCode:
    if printer.structured:
        printer.data(restore(made))
        return ExitCode.DONE
    printer.show(Text(f"diskrestore/{made.name}"))
    printer.note(f"To follow it: {_again(made.namespace, made.name)}")
    return ExitCode.DONE


async def _follow(cluster: Cluster, printer: Printer, made: Resource, within: float) -> ExitCode:
    again = _again(made.namespace, made.name)
    deleted = "A restore that Azure has started continues, and its disk stays."
    if not printer.structured and not has_ended(made):
        printer.note(f"Following DiskRestore {made.namespace}/{made.name}.")
    try:
        with progress(printer) as tell:
            ended = await follow(cluster, made, Followed(RESTORES, "restore", deleted, again), tell, within)
    except asyncio.CancelledError:
        printer.note(f"The restore continues. To follow it: {again}")
        raise
    await _tell(cluster, printer, ended)
    return ExitCode.DONE if restore(ended).succeeded else ExitCode.UNHEALTHY


async def _tell(cluster: Cluster, printer: Printer, ended: Resource) -> None:
    each = restore(ended)
    if printer.structured:
        printer.data(each)
        return
    took = f" in {duration(each.duration_seconds)}" if each.duration_seconds is not None else ""
    sign = each.state.sign(printer.out.encoding)
    head = (each.reason, each.state.style)
    printer.show(Text.assemble(sign, f" {each.namespace}/{each.name}: ", head, f"{took}."))
    if not each.succeeded:
        printer.paragraph(each.message)
    if each.disk_id:
        # As it is: an id that is folded cannot be pasted.
        printer.write(f"Disk {each.disk_id}\n")
    if each.succeeded and each.persistent_volume_claim:
        await _mounting(cluster, printer, each.persistent_volume_claim, each.disk)


async def _mounting(cluster: Cluster, printer: Printer, name: str, disk: str | None) -> None:
    _, claim = await restore_checks.known(cluster.get_or_none(WHOLE_CLAIMS, cluster.home, name))
    is_block = claim is not None and claim.spec.get("volumeMode") == "Block"
    printer.show(Text(f"PVC {name}"))
    printer.write("".join(f"{line}\n" for line in mounting(cluster.home, name, block=is_block)))
    _, source = await restore_checks.known(cluster.get_or_none(DISKS, cluster.home, disk)) if disk else (False, None)
    if source is not None and claim_of(source):
        old = claim_of(source)
        printer.write(f"To put it in the place of {old}:\n  kubectl azdiskbackup swap {old} {name} -n {cluster.home}\n")
