"""Azure Policy, as far as it meets tags: deny, modify and append, on what is written.

Sources: Microsoft's 'Azure Policy definitions effect basics': deny refuses, append adds what is missing, modify adds or
replaces, within the request itself and before the resource provider sees it; who sent it is not told. Code and words of
the refusal as users report them (Azure/azure-policy 700, microsoft/AzureTRE 2890).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from azure_simulator.model.faults import AzureFault

EFFECTS = ("deny", "modify", "append")


@dataclass(frozen=True)
class Rule:
    """One assignment of one definition.

    Attributes:
        name: of the assignment.
        effect: what it does: ``deny`` what has not the tag, or not this value of it; ``append`` the tag where it is
            missing; ``modify`` the value, whatever it was.
        scope: where it is assigned.
        types: regular expression over the resource types that it looks at.
        tag: the name of the tag; empty for a deny of everything.
        value: the value of the tag; empty for any, which only a deny can mean.
    """

    name: str
    effect: str
    scope: str = ""
    types: str = ""
    tag: str = ""
    value: str = ""

    def __post_init__(self) -> None:
        if self.effect not in EFFECTS or (self.effect != "deny" and not (self.tag and self.value)):
            raise AzureFault("InvalidPolicyRule", f"The effect is one of {EFFECTS}; modify and append set a tag.")

    def looks_at(self, path: str, kind: str) -> bool:
        """Return whether it applies to a resource."""
        within = f"{path.lower()}/".startswith(f"{self.scope.lower().rstrip('/')}/")
        return within and bool(re.search(self.types, kind, re.IGNORECASE))

    @property
    def id(self) -> str:
        return f"{self.scope.rstrip('/')}/providers/Microsoft.Authorization/policyAssignments/{self.name}"


class AzurePolicy:
    """All rules, in the order in which they were assigned."""

    def __init__(self) -> None:
        self._all: dict[str, Rule] = {}

    def assign(self, rule: Rule) -> None:
        self._all[rule.name.lower()] = rule

    def remove(self, name: str) -> None:
        self._all.pop(name.lower(), None)

    def applies(self, path: str, kind: str) -> bool:
        """Return whether anything looks at a resource."""
        return any(rule.looks_at(path, kind) for rule in self._all.values())

    def applied(self, path: str, kind: str, tags: dict[str, str], *, taggable: bool) -> dict[str, str]:
        """Return the tags as the resource provider gets them; what has no tags meets no rule about one.

        Raises:
            AzureFault: a rule denies the request; those that change it come first.
        """
        rules = [rule for rule in self._all.values() if rule.looks_at(path, kind) and (taggable or not rule.tag)]
        found = dict(tags)
        for rule in rules:
            name = next((each for each in found if each.lower() == rule.tag.lower()), rule.tag)
            if rule.effect == "modify" or (rule.effect == "append" and name not in found):
                found[name] = rule.value
        for rule in rules:
            if rule.effect == "deny" and not _complies(rule, found):
                raise _denied(rule, path)
        return found


def _complies(rule: Rule, tags: dict[str, str]) -> bool:
    value = next((each for name, each in tags.items() if name.lower() == rule.tag.lower()), None)
    return bool(rule.tag) and value is not None and rule.value in ("", value)


def _denied(rule: Rule, path: str) -> AzureFault:
    definition = f"/providers/Microsoft.Authorization/policyDefinitions/{rule.name}"
    name = path.rsplit("/", 1)[-1]
    identifiers = [
        {
            "policyAssignment": {"name": rule.name, "id": rule.id},
            "policyDefinition": {"name": rule.name, "id": definition},
        }
    ]
    return AzureFault(
        "RequestDisallowedByPolicy",
        f"Resource '{name}' was disallowed by policy. Policy identifiers: '{json.dumps(identifiers)}'.",
        additional=[
            {
                "type": "PolicyViolation",
                "info": {
                    "policyDefinitionDisplayName": rule.name,
                    "policyDefinitionId": definition,
                    "policyDefinitionName": rule.name,
                    "policyDefinitionEffect": "Deny",
                    "policyAssignmentId": rule.id,
                    "policyAssignmentName": rule.name,
                    "policyAssignmentDisplayName": rule.name,
                    "policyAssignmentScope": rule.scope,
                },
            }
        ],
    )
