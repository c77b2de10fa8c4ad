"""Rules as they are compared with PVCs, in the order in which they decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from azdiskbackup.api.v1alpha1.disk_protection_rule import DiskProtectionRuleSpec
from azdiskbackup.api.v1alpha1.label_selector import LabelSelector


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
