"""`why`: rule by rule, why a PVC is protected or not, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from azdiskbackup.core.disk_protection_rule.assessment import Assessment, State, assess_previewed, counted
from azdiskbackup.core.disk_protection_rule.claim import Claim
from azdiskbackup.core.disk_protection_rule.disk_view import DiskView, disk_view
from azdiskbackup.core.disk_protection_rule.rule_view import RuleView
from azdiskbackup.core.disk_protection_rule.selection import criteria, select
from azdiskbackup.core.objects.markers import PROTECT
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.reason_catalog import REASON_CATALOG
from azdiskbackup.plugin.cluster.client import DISKS, WHOLE_CLAIMS, Cluster, claim_of
from azdiskbackup.plugin.cluster.protection_rules import RulesOfCluster, rules_of, volume_behind
from azdiskbackup.plugin.output.printer import Column, Printer, Shape
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode, suggest


class RuleSaid(Shape, frozen=True, kw_only=True):
    """What one rule says of the PVC.

    Attributes:
        unmet: the criteria of its spec that do not hold.
        decides: whether it is the one that decides.
        says: that in words.
    """

    name: str
    mode: str
    priority: int
    policy: str
    unmet: list[str]
    decides: bool
    says: str


class Why(Shape, frozen=True, kw_only=True):
    """Why a PVC is protected or not.

    Attributes:
        state: protected, pending, skipped, unselected or kept.
        protected_disk: name of its ProtectedDisk; null if it has none.
        made_by: the rule that made it; null for one that was written.
        rules: null where the caller may not read them.
    """

    namespace: str
    name: str
    state: str
    reason: str
    explanation: str
    remediation: str
    protected_disk: str | None
    made_by: str | None
    rules: list[RuleSaid] | None


async def run(cluster: Cluster, printer: Printer, *, name: str) -> ExitCode:
    """Show why a PVC is protected or not."""
    claim = await _claim(cluster, cluster.named(name))
    everywhere = await cluster.if_allowed(cluster.all(DISKS), is_noted=False)
    disks = everywhere if everywhere is not None else await cluster.all(DISKS, cluster.home)
    rules = await rules_of(cluster, disks)
    found = await _by_rules(cluster, claim, rules) if rules is not None else _by_object(claim, disks)
    if printer.structured:
        printer.data(found)
        return ExitCode.DONE
    _show(printer, found)
    return ExitCode.DONE


async def _claim(cluster: Cluster, name: str) -> Resource:
    found = await cluster.get_or_none(WHOLE_CLAIMS, cluster.home, name)
    if found is not None:
        return found
    await cluster.namespace_is_there()
    names = [each.name for each in await cluster.all(WHOLE_CLAIMS, cluster.home)]
    raise CliError(f"PVC {name!r} does not exist in the namespace {cluster.home!r}.{suggest(name, names)}")


async def _by_rules(cluster: Cluster, resource: Resource, rules: RulesOfCluster) -> Why:
    claim = rules.read(resource, *await volume_behind(cluster, resource))
    assessment = rules.assess(claim)
    disk = rules.disk_of(claim)
    said = [*_said(claim, assessment, rules), *_previewed(claim, rules)]
    return _why(claim.namespace, claim.name, assessment.state.value, assessment.reason, disk, said)


def _by_object(claim: Resource, disks: Sequence[Resource]) -> Why:
    """Return what the caller may know without reading rules: the ProtectedDisk, and what it says of itself."""
    views = [disk_view(each) for each in disks if (each.namespace, claim_of(each)) == (claim.namespace, claim.name)]
    disk = next(iter(views), None)
    if disk is None:
        return _why(claim.namespace, claim.name, State.UNSELECTED.value, "", None, None)
    found = counted("", disk)
    return _why(claim.namespace, claim.name, found.state.value, found.reason, disk, None)


def _why(namespace: str, name: str, state: str, reason: str, disk: DiskView | None, said: list[RuleSaid] | None) -> Why:
    known = REASON_CATALOG.get(reason)
    return Why(
        namespace=namespace,
        name=name,
        state=state,
        reason=reason,
        explanation=known.cause if known is not None else "",
        remediation=known.remediation if known is not None else "",
        protected_disk=disk.name if disk is not None else None,
        made_by=disk.rule if disk is not None else None,
        rules=said,
    )


def _said(claim: Claim, assessment: Assessment, rules: RulesOfCluster) -> Iterator[RuleSaid]:
    selection = select(claim, rules.book.enforced)
    decides = selection.rule.name if selection is not None else ""
    for rule in rules.book.enforced:
        unmet = _unmet(rule, claim)
        if unmet:
            says = f"does not select it: {', '.join(unmet)}"
        elif rule.name == decides:
            says = f"decides: {_outcome(assessment)}"
        elif claim.opts_out and rule.spec.opt_out == "Allowed":
            says = f"selects it, and {PROTECT} opts out"
        else:
            says = f"selects it, and {decides} decides"
        yield _of(rule, unmet, rule.name == decides, says)


def _unmet(rule: RuleView, claim: Claim) -> list[str]:
    return [each.field for each in criteria(rule.spec, claim) if not each.holds]


def _outcome(assessment: Assessment) -> str:
    words = {State.PROTECTED: "protected", State.PENDING: "about to be protected", State.KEPT: "kept"}
    return f"{words.get(assessment.state, 'skipped')} ({assessment.reason})"


def _previewed(claim: Claim, rules: RulesOfCluster) -> Iterator[RuleSaid]:
    would = {each.rule: each for each in assess_previewed(claim, rules.surroundings(claim), rules.book, rules.now)}
    for rule in rules.book.previewed:
        unmet = _unmet(rule, claim)
        found = would.get(rule.name)
        if unmet:
            says = f"does not select it: {', '.join(unmet)}"
        elif found is None:
            says = "would leave it to another rule"
        elif found.state is State.SKIPPED:
            says = f"would skip it ({found.reason})"
        else:
            says = "would protect it"
        yield _of(rule, unmet, False, says)


def _of(rule: RuleView, unmet: list[str], decides: bool, says: str) -> RuleSaid:
    return RuleSaid(
        name=rule.name,
        mode=rule.spec.mode,
        priority=rule.spec.priority,
        policy=rule.spec.policy_ref.name,
        unmet=unmet,
        decides=decides,
        says=says,
    )


_COLUMNS: Sequence[Column[RuleSaid]] = (
    Column("RULE", lambda said: said.name),
    Column("MODE", lambda said: said.mode),
    Column("PRIORITY", lambda said: str(said.priority), right=True, spare=True),
    Column("POLICY", lambda said: said.policy, spare=True),
    Column("SAYS", lambda said: said.says, prose=True),
)


def _show(printer: Printer, found: Why) -> None:
    reason = f" ({found.reason})" if found.reason else ""
    printer.paragraph(f"PVC {found.namespace}/{found.name}: {_STATES[found.state]}{reason}.")
    if found.protected_disk is not None:
        maker = f"made by the rule {found.made_by}" if found.made_by is not None else "not made by a rule"
        printer.paragraph(f"ProtectedDisk: {found.protected_disk}, {maker}.")
    if found.state != State.PROTECTED.value and found.explanation:
        printer.paragraph(f"{found.explanation} {found.remediation}")
    if found.rules is None:
        return
    printer.write("\n" if found.rules else "")
    printer.table(_COLUMNS, found.rules, "There is no DiskProtectionRule.")


_STATES = {
    State.PROTECTED.value: "protected",
    State.PENDING.value: "about to be protected",
    State.SKIPPED.value: "not protected",
    State.UNSELECTED.value: "not protected",
    State.KEPT.value: "not selected by a rule any more, and its ProtectedDisk stays",
}
