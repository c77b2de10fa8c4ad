"""Which rule decides about a PVC: its criteria, the opt-out, what the vault serves, precedence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from azdiskbackup.api.v1alpha1.disk_protection_rule import DiskProtectionRuleSpec
from azdiskbackup.api.v1alpha1.label_selector import LabelSelector
from azdiskbackup.core.disk_protection_rule.claim import Claim
from azdiskbackup.core.disk_protection_rule.rule_view import RuleBook, RuleView
from azdiskbackup.core.objects.resource import selects
from azdiskbackup.core.rules import reasons

NAMESPACE_NAME = "kubernetes.io/metadata.name"
_SYSTEM = "kube-"

_Holds: TypeAlias = Callable[[DiskProtectionRuleSpec, Claim], bool]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of a rule, as it is for a PVC."""

    field: str
    holds: bool


def _namespace(spec: DiskProtectionRuleSpec, claim: Claim) -> bool:
    if claim.namespace.startswith(_SYSTEM) and not _names_namespaces(spec.namespace_selector):
        return False
    return selects(spec.namespace_selector, claim.namespace_labels)


def _names_namespaces(selector: LabelSelector) -> bool:
    named = any(each.key == NAMESPACE_NAME and each.operator == "In" for each in selector.match_expressions or ())
    return named or NAMESPACE_NAME in (selector.match_labels or {})


def _labels(spec: DiskProtectionRuleSpec, claim: Claim) -> bool:
    return spec.claim_selector is None or selects(spec.claim_selector, claim.labels)


def _class(spec: DiskProtectionRuleSpec, claim: Claim) -> bool:
    return spec.storage_class_names is None or claim.storage_class in spec.storage_class_names


def _modes(spec: DiskProtectionRuleSpec, claim: Claim) -> bool:
    return spec.access_modes is None or any(mode in spec.access_modes for mode in claim.access_modes)


def _least(spec: DiskProtectionRuleSpec, claim: Claim) -> bool:
    return spec.min_size_gib is None or claim.size_gib >= spec.min_size_gib


def _most(spec: DiskProtectionRuleSpec, claim: Claim) -> bool:
    return spec.max_size_gib is None or claim.size_gib <= spec.max_size_gib


# In the order of the spec; the namespace first, since it tells most PVCs from those that are meant.
_CRITERIA: tuple[tuple[str, _Holds], ...] = (
    ("namespaceSelector", _namespace),
    ("claimSelector", _labels),
    ("storageClassNames", _class),
    ("accessModes", _modes),
    ("minSizeGiB", _least),
    ("maxSizeGiB", _most),
)


def criteria(spec: DiskProtectionRuleSpec, claim: Claim) -> Iterator[Criterion]:
    """Yield the criteria of a rule, and whether each holds for a PVC."""
    return (Criterion(name, holds(spec, claim)) for name, holds in _CRITERIA)


def matches(spec: DiskProtectionRuleSpec, claim: Claim) -> bool:
    """Return whether all criteria of a rule hold for a PVC."""
    return all(holds(spec, claim) for _, holds in _CRITERIA)


@dataclass(frozen=True, slots=True)
class Selection:
    """The rule that decides about a PVC.

    Attributes:
        refusal: the reason that it does not protect it all the same, None if it does.
    """

    rule: RuleView
    refusal: str | None = None


def select(claim: Claim, rules: Iterable[RuleView]) -> Selection | None:
    """Return which of some rules decides about a PVC; None if none selects it.

    The first whose criteria hold, except for those that its vault, or the opt-out, keeps from protecting it: then the
    next one may. With none left, the first tells why.

    Args:
        claim: the PVC.
        rules: in the order in which they decide.
    """
    first: Selection | None = None
    for rule in rules:
        if not matches(rule.spec, claim):
            continue
        refusal = _refusal(rule, claim)
        if refusal is None:
            return Selection(rule)
        first = first or Selection(rule, refusal)
    return first


def _refusal(rule: RuleView, claim: Claim) -> str | None:
    if claim.opts_out and rule.spec.opt_out == "Allowed":
        return reasons.OPTED_OUT
    if rule.vault is not None and not selects(rule.serves, claim.namespace_labels):
        return reasons.NAMESPACE_NOT_ALLOWED
    return None


def preview(claim: Claim, rule: RuleView, book: RuleBook) -> Selection | None:
    """Return what a rule with ``mode: DryRun`` would say of a PVC if it were enforced; None if another one decides."""
    if not matches(rule.spec, claim):
        return None
    before = (each for each in book.enforced if each.precedence < rule.precedence)
    found = select(claim, (*before, rule))
    return found if found is not None and found.rule.name == rule.name else None
