"""`status`: the whole cluster at a glance, what needs attention first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.padding import Padding
from rich.text import Text

from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.reason_catalog import REASON_CATALOG
from azdiskbackup.core.rules import reasons
from azdiskbackup.plugin.cluster.client import BACKUPS, DISKS, POLICIES, VAULTS, Cluster, gather_in_order
from azdiskbackup.plugin.cluster.disk_rows import Disk, disk, needs
from azdiskbackup.plugin.cluster.installation import Operator, operator_of
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
        stale: how many disks were not reconciled since their next backup was due.
    """

    namespace: str
    operator: Operator | None
    disks: Sum
    stale: int
    backups_waiting: int
    policies: Sum | None
    vaults: Sum | None
    problems: list[Problem]


async def run(cluster: Cluster, printer: Printer, *, exit_code: bool) -> ExitCode:
    """Show the cluster."""
    (disks, place), vaults, policies, operator = await gather_in_order(
        _disks(cluster),
        cluster.all_if_allowed(VAULTS),
        cluster.all_if_allowed(POLICIES),
        operator_of(cluster),
    )
    waiting = [each for each in await cluster.all_if_allowed(BACKUPS, place) or [] if _unfinished(each)]
    found = status(disks, vaults, policies, operator, place, waiting)
    if printer.structured:
        printer.data(found)
    else:
        show(found, printer)
    bad = found.stale or any(each.state == State.ACTION_REQUIRED for each in found.problems)
    return ExitCode.UNHEALTHY if exit_code and bad else ExitCode.DONE


async def _disks(cluster: Cluster) -> tuple[list[Disk], str]:
    now = cluster.now
    return await cluster.list_visible(DISKS, lambda each: disk(each, now))


def status(
    disks: list[Disk],
    vaults: list[Resource] | None,
    policies: list[Resource] | None,
    operator: Operator | None,
    place: str,
    waiting: list[Resource],
) -> ClusterStatus:
    """Return a cluster at a glance."""
    others = [("BackupVault", vaults or []), ("DiskBackupPolicy", policies or [])]
    problems = [
        *_of_operator(operator),
        *(problem for kind, objects in others for problem in _problems(kind, _unready(objects))),
        *_problems("ProtectedDisk", _bad(disks)),
    ]
    return ClusterStatus(
        namespace=place,
        operator=operator,
        disks=Sum(
            total=len(disks),
            healthy=sum(each.state is State.GOOD for each in disks),
            in_progress=sum(each.state in (State.IN_PROGRESS, State.UNKNOWN) for each in disks),
            needs_attention=sum(each.state is State.ACTION_REQUIRED for each in disks),
        ),
        stale=sum(each.stale for each in disks),
        backups_waiting=len(waiting),
        policies=_sum(policies),
        vaults=_sum(vaults),
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


Bad = tuple[str, str, State, str]


def _unready(objects: Iterable[Resource]) -> Iterator[Bad]:
    for each in objects:
        ready = each.condition(reasons.READY)
        if ready.get("status") != "True":
            state = State.ACTION_REQUIRED if each.is_true(reasons.STALLED) else needs(str(ready.get("reason", "")))
            yield each.name, str(ready.get("reason", "")), state, str(ready.get("message", ""))


def _bad(disks: Iterable[Disk]) -> Iterator[Bad]:
    for each in disks:
        if each.state is not State.GOOD:
            yield f"{each.namespace}/{each.name}", each.reason, each.state, each.message


def _problems(kind: str, bad: Iterable[Bad]) -> list[Problem]:
    groups: dict[tuple[str, State], list[tuple[str, str]]] = {}
    for name, reason, state, message in bad:
        groups.setdefault((reason, state), []).append((name, message))
    return [
        Problem(
            kind=kind,
            reason=reason,
            state=state,
            objects=[name for name, _ in members],
            message=members[0][1],
            remediation=REASON_CATALOG[reason].remediation if reason in REASON_CATALOG else "",
        )
        for (reason, state), members in groups.items()
    ]


def _sum(objects: list[Resource] | None) -> Sum | None:
    if objects is None:
        return None
    bad = [state for _, _, state, _ in _unready(objects)]
    attention = bad.count(State.ACTION_REQUIRED)
    healthy = len(objects) - len(bad)
    return Sum(total=len(objects), healthy=healthy, in_progress=len(bad) - attention, needs_attention=attention)


def _unfinished(backup: Resource) -> bool:
    return backup.condition(reasons.SUCCEEDED).get("status") not in ("True", "False")


# --- for a person -------------------------------------------------------------------------------------


def show(found: ClusterStatus, printer: Printer) -> None:
    """Write it to stdout."""
    if found.namespace:
        printer.show(Text(f"Only the namespace {found.namespace}.", style="dim"))
    printer.fields(_lines(found))
    for state, title in ((State.ACTION_REQUIRED, "Action required"), (State.IN_PROGRESS, "In progress")):
        mine = [
            each for each in found.problems if (each.state == State.ACTION_REQUIRED) == (state is State.ACTION_REQUIRED)
        ]
        if mine:
            printer.show(Text(f"\n{title}", style="bold"))
        for each in mine:
            _problem(printer, each, state)
    if not found.disks.total:
        printer.show(
            Text("\nNo disk is protected yet. `kubectl azdiskbackup unprotected` lists the PVCs that could be.")
        )
    elif not found.problems and not found.stale:
        printer.show(Text("\nAll disks healthy.", style="green"))


def _lines(found: ClusterStatus) -> Iterator[tuple[str, Text]]:
    if found.operator is not None:
        yield "Operator", Text(found.operator.summary, style="red" if found.operator.leads is False else "")
    yield "Disks", _of_disks(found)
    for title, each in (("Policies", found.policies), ("Vaults", found.vaults)):
        if each is not None:
            style = "yellow" if each.healthy < each.total else ""
            yield title, Text(f"{each.healthy}/{each.total} ready", style=style)
    if found.backups_waiting:
        yield "Backups", Text(f"{counted(found.backups_waiting, 'on-demand backup')} in progress")
    if found.stale:
        stale = f"Status of {counted(found.stale, 'disk')} is older than the next backup. Check the operator: "
        yield "Stale", Text(f"{stale}`kubectl azdiskbackup check`.", style="red")


def _of_disks(found: ClusterStatus) -> Text:
    sums = found.disks
    parts = [Text(f"{sums.healthy}/{sums.total} healthy", style="green" if sums.healthy == sums.total else "")]
    if sums.in_progress:
        parts.append(Text(f"{sums.in_progress} in progress", style="yellow"))
    if sums.needs_attention:
        verb = "needs" if sums.needs_attention == 1 else "need"
        parts.append(Text(f"{sums.needs_attention} {verb} attention", style="red"))
    return Text(", ").join(parts)


def _problem(printer: Printer, each: Problem, state: State) -> None:
    sign = state.sign(printer.out.encoding)
    names = ", ".join(each.objects[:_NAMES])
    more = f" and {len(each.objects) - _NAMES} more" if len(each.objects) > _NAMES else ""
    head = Text.assemble(sign, " ", (each.reason or "not reconciled yet", f"bold {state.style}"), f"  {each.kind} ")
    printer.show(Text.assemble(head, names, more))
    for text, style in ((each.message, ""), (each.remediation, "dim")):
        if text:
            printer.show(Padding(Text(text, style=style), (0, 0, 0, 4)))
