"""`status`: the whole cluster at a glance, what needs attention first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.text import Text

from azdiskbackup.core.formatting import listing
from azdiskbackup.core.objects.recorded import recorded_count
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.reason_catalog import REASON_CATALOG, Expect
from azdiskbackup.core.rules import reasons
from azdiskbackup.plugin.cluster.client import BACKUPS, DISKS, POLICIES, RULES, VAULTS, Cluster, gather_in_order
from azdiskbackup.plugin.cluster.coverage import Coverage, Protection, Protections, coverage, protection
from azdiskbackup.plugin.cluster.disk_rows import Disk, disk, needs, of_object
from azdiskbackup.plugin.cluster.installation import Operator, operator_of
from azdiskbackup.plugin.cluster.restores import Restore, needs_a_look, readable_restores
from azdiskbackup.plugin.output.formatting import State, counted
from azdiskbackup.plugin.output.printer import Printer, Shape
from azdiskbackup.plugin.runtime.exit_code import ExitCode

# Of one reason; `disks --reason` shows all.
_NAMES = 5


class Sum(Shape, frozen=True, kw_only=True):
    """How many of a kind there are, and how they are."""

    total: int = 0
    healthy: int = 0
    in_progress: int = 0
    needs_attention: int = 0


class Problem(Shape, frozen=True, kw_only=True):
    """What several unhealthy objects have in common.

    Attributes:
        objects: names, with the namespace where there is one.
        message: of the first of them.
        remediation: what to do.
    """

    kind: str
    reason: str
    state: State
    objects: list[str]
    message: str
    remediation: str


class ClusterStatus(Shape, frozen=True, kw_only=True):
    """A cluster at a glance.

    Attributes:
        namespace: the only one that was looked at; empty for all.
        restores: those that have not ended, or failed lately.
        persistent_volume_claims: those on Azure disks; null where they cannot be read.
        stale: how many disks were not reconciled since their next backup was due.
        orphans: backup instances in the cluster's vaults whose ProtectedDisk is gone; null where no vault tells.
    """

    namespace: str
    operator: Operator | None
    disks: Sum
    persistent_volume_claims: Coverage | None
    stale: int
    backups_waiting: int
    restores: list[Restore]
    policies: Sum | None
    vaults: Sum | None
    orphans: int | None
    problems: list[Problem]


async def run(cluster: Cluster, printer: Printer, *, exit_code: bool) -> ExitCode:
    """Show the cluster."""
    (rows, place), vaults, policies, rules, operator = await gather_in_order(
        _disks(cluster),
        cluster.all_if_allowed(VAULTS),
        cluster.all_if_allowed(POLICIES),
        # What namespaces' users may not read, vaults and policies, is said already.
        cluster.if_allowed(cluster.all(RULES), is_noted=False),
        operator_of(cluster),
    )
    disks = [each for each, _ in rows]
    claims = await coverage(cluster, place, Protections(each for _, each in rows))
    waiting = [each for each in await cluster.all_if_allowed(BACKUPS, place) or [] if _unfinished(each)]
    restores = needs_a_look(await readable_restores(cluster, place), cluster.now)
    found = status(disks, claims, vaults, policies, rules, operator, place, waiting, restores)
    if printer.structured:
        printer.data(found)
    else:
        show(found, printer)
    bad = found.stale or any(each.state == State.ACTION_REQUIRED for each in found.problems)
    return ExitCode.UNHEALTHY if exit_code and bad else ExitCode.DONE


async def _disks(cluster: Cluster) -> tuple[list[tuple[Disk, Protection | None]], str]:
    now = cluster.now
    return await cluster.list_visible(DISKS, lambda each: (disk(each, now), protection(each)))


def status(
    disks: list[Disk],
    claims: Coverage | None,
    vaults: list[Resource] | None,
    policies: list[Resource] | None,
    rules: list[Resource] | None,
    operator: Operator | None,
    place: str,
    waiting: list[Resource],
    restores: list[Restore],
) -> ClusterStatus:
    """Return a cluster at a glance."""
    problems = [
        *_of_operator(operator),
        *_problems("BackupVault", map(_object, vaults or [])),
        *_problems("DiskBackupPolicy", map(_object, policies or [])),
        *_problems("DiskProtectionRule", map(_object, rules or [])),
        *_skipped(rules or []),
        *_problems(
            "ProtectedDisk",
            ((f"{each.namespace}/{each.name}", each.reason, each.state, each.message) for each in disks),
        ),
    ]
    return ClusterStatus(
        namespace=place,
        operator=operator,
        disks=_sum([each.state for each in disks]),
        persistent_volume_claims=claims,
        stale=sum(each.stale for each in disks),
        backups_waiting=len(waiting),
        restores=restores,
        policies=_sum([_state(each) for each in policies]) if policies is not None else None,
        vaults=_sum([_state(each) for each in vaults]) if vaults is not None else None,
        orphans=_orphans(vaults or []),
        problems=sorted(problems, key=lambda each: (each.state != State.ACTION_REQUIRED, -len(each.objects))),
    )


def _of_operator(operator: Operator | None) -> Iterator[Problem]:
    if operator is not None and operator.leads is False:
        yield Problem(
            kind="Operator",
            reason="NoLeader",
            state=State.ACTION_REQUIRED,
            objects=[operator.namespace] if operator.namespace else [],
            message="Scheduled backups in Azure continue. No disk is newly protected, and status is stale.",
            remediation="See `kubectl azdiskbackup check`.",
        )


def _state(resource: Resource) -> State:
    if resource.is_true(reasons.READY):
        return State.GOOD
    if resource.is_true(reasons.STALLED):
        return State.ACTION_REQUIRED
    return needs(str(resource.condition(reasons.READY).get("reason", "")))


Row = tuple[str, str, State, str]


def _object(resource: Resource) -> Row:
    ready = resource.condition(reasons.READY)
    return resource.name, str(ready.get("reason", "")), _state(resource), str(ready.get("message", ""))


def _problems(kind: str, objects: Iterable[Row]) -> list[Problem]:
    groups: dict[tuple[str, State], list[tuple[str, str]]] = {}
    for name, reason, state, message in objects:
        if state is not State.GOOD:
            groups.setdefault((reason, state), []).append((name, message))
    return [
        Problem(
            kind=kind,
            reason=reason,
            state=state,
            objects=[name for name, _ in members],
            message=members[0][1],
            remediation=_remediation(reason, members),
        )
        for (reason, state), members in groups.items()
    ]


def _skipped(rules: list[Resource]) -> Iterator[Problem]:
    """Yield the PVCs that rules select and cannot protect, but for those that are meant to be skipped."""
    for rule in rules:
        listed = rule.status.get("skipped")
        # The model takes longer to import than the whole command.
        for each in listed if isinstance(listed, list) else ():
            entry = REASON_CATALOG.get(str(each.get("reason")))
            if entry is not None and entry.expect is Expect.ACTION_REQUIRED:
                yield Problem(
                    kind="PersistentVolumeClaim",
                    reason=entry.reason,
                    state=State.ACTION_REQUIRED,
                    objects=[str(name) for name in each.get("examples") or ()],
                    message=f"The rule {rule.name} selects {each.get('count')} such PVCs. {entry.cause}",
                    remediation=entry.remediation,
                )


def _remediation(reason: str, members: list[tuple[str, str]]) -> str:
    """Return what to do about objects; empty where the message says it already."""
    found = REASON_CATALOG[reason].remediation if reason in REASON_CATALOG else ""
    (name, message), namespace = members[0], ""
    if found in message:
        return ""
    if len(members) == 1 and "/" in name:
        namespace, _, name = name.partition("/")
    return of_object(found, namespace, name) if namespace else found


def _orphans(vaults: list[Resource]) -> int | None:
    found = [recorded_count(each, "orphanedBackupInstances") for each in vaults]
    known = [each for each in found if each is not None]
    return sum(known) if known else None


def _sum(states: list[State]) -> Sum:
    healthy, attention = states.count(State.GOOD), states.count(State.ACTION_REQUIRED)
    rest = len(states) - healthy - attention
    return Sum(total=len(states), healthy=healthy, in_progress=rest, needs_attention=attention)


def _unfinished(backup: Resource) -> bool:
    return backup.condition(reasons.SUCCEEDED).get("status") not in ("True", "False")


# --- for a person -------------------------------------------------------------------------------------


def show(found: ClusterStatus, printer: Printer) -> None:
    """Write it to stdout."""
    if found.namespace:
        printer.show(Text(f"Only the namespace {found.namespace}.", style="dim"))
    printer.fields(_lines(found))
    bad = [each for each in found.problems if each.state is State.ACTION_REQUIRED]
    others = [each for each in found.problems if each.state is not State.ACTION_REQUIRED]
    for state, title, problems in (
        (State.ACTION_REQUIRED, "Action required", bad),
        (State.IN_PROGRESS, "In progress", others),
    ):
        if problems:
            printer.show(Text(f"\n{title}", style="bold"))
        for each in problems:
            _problem(printer, each, state)
    if not found.disks.total:
        printer.paragraph(
            "\nNo disk is protected yet. `kubectl azdiskbackup unprotected` lists the PVCs that could be."
        )
    elif not found.problems and not found.stale and not _unprotected(found):
        printer.show(Text("\nAll disks healthy.", style="green"))


def _lines(found: ClusterStatus) -> Iterator[tuple[str, Text]]:
    if found.operator is not None:
        yield "Operator", Text(found.operator.summary, style="red" if found.operator.leads is False else "")
    yield "Disks", _of_disks(found)
    if found.persistent_volume_claims is not None:
        yield "PVCs", _of_claims(found)
    yield from _of_vaults(found)
    if found.backups_waiting:
        yield "Backups", Text(f"{counted(found.backups_waiting, 'on-demand backup')} in progress")
    if found.restores:
        yield "Restores", _of_restores(found.restores)
    if found.stale:
        stale = f"Status of {counted(found.stale, 'disk')} is older than the next backup. Check the operator: "
        yield "Stale", Text(f"{stale}`kubectl azdiskbackup check`.", style="red")


def _of_vaults(found: ClusterStatus) -> Iterator[tuple[str, Text]]:
    for title, each in (("Policies", found.policies), ("Vaults", found.vaults)):
        if each is not None:
            style = "yellow" if each.healthy < each.total else ""
            yield title, Text(f"{each.healthy}/{each.total} ready", style=style)
    if found.orphans:
        those = f"{counted(found.orphans, 'backup instance')} in the cluster's vaults without a ProtectedDisk"
        yield "Orphans", Text(f"{those}: `kubectl azdiskbackup orphans`", style="yellow")


def _of_restores(restores: list[Restore]) -> Text:
    groups = [
        ("in progress", "yellow", [each for each in restores if each.state is State.IN_PROGRESS]),
        ("failed", "red", [each for each in restores if each.succeeded is False]),
        (
            "in need of attention",
            "red",
            [each for each in restores if each.succeeded is None and each.state is State.ACTION_REQUIRED],
        ),
    ]
    return Text("; ").join(
        Text.assemble((f"{len(members)} {what}", style), f" ({_listed(members)})")
        for what, style, members in groups
        if members
    )


def _listed(restores: list[Restore]) -> str:
    return listing([f"{each.namespace}/{each.name}" for each in restores])


def _of_disks(found: ClusterStatus) -> Text:
    sums = found.disks
    parts = [Text(f"{sums.healthy}/{sums.total} healthy", style="green" if sums.healthy == sums.total else "")]
    if sums.in_progress:
        parts.append(Text(f"{sums.in_progress} in progress", style="yellow"))
    if sums.needs_attention:
        verb = "needs" if sums.needs_attention == 1 else "need"
        parts.append(Text(f"{sums.needs_attention} {verb} attention", style="red"))
    return Text(", ").join(parts)


def _unprotected(found: ClusterStatus) -> int:
    claims = found.persistent_volume_claims
    return claims.total - claims.protected if claims is not None else 0


def _of_claims(found: ClusterStatus) -> Text:
    claims, rest = found.persistent_volume_claims, _unprotected(found)
    assert claims is not None, "it is only shown where PVCs can be read"
    those = f"-n {found.namespace}" if found.namespace else "-A"
    text = f"{claims.protected}/{claims.total} on Azure disks protected"
    if not rest:
        return Text(text)
    return Text(f"{text}; the others: `kubectl azdiskbackup unprotected {those}`", "yellow")


def _problem(printer: Printer, each: Problem, state: State) -> None:
    sign = state.sign(printer.out.encoding)
    names = ", ".join(each.objects[:_NAMES])
    more = f" and {len(each.objects) - _NAMES} more" if len(each.objects) > _NAMES else ""
    head = Text.assemble(sign, " ", (each.reason or "not reconciled yet", f"bold {state.style}"), f"  {each.kind} ")
    printer.paragraph(Text.assemble(head, names, more))
    for text, style in ((each.message, ""), (each.remediation, "dim")):
        if text:
            printer.paragraph(Text(text, style=style), indent=4)
