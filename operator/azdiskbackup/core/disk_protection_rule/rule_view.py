"""Rules as they are compared with PVCs, in the order in which they decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from azdiskbackup.api.v1alpha1.disk_protection_rule import DiskProtectionRuleSpec
from azdiskbackup.api.v1alpha1.label_selector import LabelSelector
from azdiskbackup.core.objects.resource import Invalid, Resource, parse_spec
from azdiskbackup.core.objects.vault_view import VaultView


@dataclass(frozen=True, slots=True)
class RuleView:
    """A DiskProtectionRule.

    Attributes:
        vault: name of the vault of its policy; None while policy or vault do not exist, or cannot be read.
        serves: the namespaces that this vault serves; None for none.
    """

    name: str
    created: datetime
    spec: DiskProtectionRuleSpec
    vault: str | None
    serves: LabelSelector | None

    @property
    def precedence(self) -> tuple[int, datetime, str]:
        """Return what rules are sorted by: the first one decides."""
        return -self.spec.priority, self.created, self.name


def rule_view(rule: Resource, vault_of: Callable[[str], VaultView | Invalid | None]) -> RuleView | None:
    """Read a DiskProtectionRule; None for one that decides nothing: it cannot be read, or is being deleted.

    Args:
        rule: the object.
        vault_of: returns the vault of a policy, by the policy's name.
    """
    spec = parse_spec(DiskProtectionRuleSpec, rule)
    if isinstance(spec, Invalid) or rule.deleting:
        return None
    vault = vault_of(spec.policy_ref.name)
    name, serves = (vault.name, vault.access.namespaces) if isinstance(vault, VaultView) else (None, None)
    return RuleView(rule.name, rule.created, spec, name, serves)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules.

    Attributes:
        enforced: those that make ProtectedDisks, the one that decides first.
        previewed: those with ``mode: DryRun``.
    """

    enforced: tuple[RuleView, ...] = ()
    previewed: tuple[RuleView, ...] = ()
    by_name: Mapping[str, RuleView] = field(default_factory=dict)


def rule_book(rules: Iterable[RuleView]) -> RuleBook:
    """Return the rules in order."""
    ordered = tuple(sorted(rules, key=lambda rule: rule.precedence))
    return RuleBook(
        tuple(rule for rule in ordered if rule.spec.mode == "Enforce"),
        tuple(rule for rule in ordered if rule.spec.mode == "DryRun"),
        {rule.name: rule for rule in ordered},
    )
