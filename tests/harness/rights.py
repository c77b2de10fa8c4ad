"""What the operator may do against what it did, both ways, in Kubernetes and in Azure.

A right that nothing needed is one too many, and one that was refused is one too few. Counted over a whole run: those of
Kubernetes of the integration tests, which have a real API server, those of Azure of the stories.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from azure_simulator.client import Simulator
from azure_simulator.http.about_graph import actions_of
from azure_simulator.http.actions import action_of
from azure_simulator.http.rights import linked_actions
from controlplane.audit import AuditEntry
from generated.files import rendered
from harness import azure_rights
from harness.installation import NAMESPACE, RELEASE
from harness.stack import CLIENT_ID, Stack

# Who, and in words what; as strings, for they travel between processes.
Right: TypeAlias = str

# Rights that no test uses, or no story, each with its reason.
_ONLY_A_LOCATION = "where an answer names no other URL it is followed there; the simulator always names one"
UNUSED_WITH_REASON: dict[Right, str] = {
    "Microsoft.Resources/subscriptions/read": "asked before the operator starts, which no story tells",
    "Microsoft.DataProtection/backupVaults/operationResults/read": _ONLY_A_LOCATION,
    "Microsoft.DataProtection/locations/operationResults/read": _ONLY_A_LOCATION,
}

_RBAC = "rbac.authorization.k8s.io"
_USERS = {
    f"system:serviceaccount:{NAMESPACE}:{RELEASE}": RELEASE,
    f"system:serviceaccount:{NAMESPACE}:{RELEASE}-release": f"{RELEASE}-release",
}


@dataclass
class Usage:
    """What was done and what was refused; it can be sent as JSON."""

    kubernetes: Counter[Right] = field(default_factory=Counter)
    kubernetes_refused: Counter[Right] = field(default_factory=Counter)
    azure: Counter[Right] = field(default_factory=Counter)
    azure_refused: Counter[Right] = field(default_factory=Counter)

    def add(self, other: dict[str, dict[Right, int]]) -> None:
        for name, counts in other.items():
            getattr(self, name).update(counts)

    def as_json(self) -> dict[str, dict[Right, int]]:
        return {name: dict(counts) for name, counts in vars(self).items()}

    def note(self, stack: Stack) -> None:
        """Add what happened on a stack."""
        limited = {(right.role, right.verb, right.resource) for right in granted() if right.name}
        # Roles and bindings that are gone: who ends after its installation went is refused, and is not meant.
        gone: set[tuple[str, str]] = set()
        for entry in stack.plane.audit():
            if entry.group == _RBAC and entry.code < 300 and entry.verb == "delete":
                gone.add((entry.resource, entry.name))
            elif entry.group == _RBAC and entry.code < 300:
                # The log of a POST has no name: whatever it was may be there again.
                gone = {each for each in gone if each[0] != entry.resource or entry.name not in ("", each[1])}
            role = _USERS.get(entry.user)
            if role is None or not entry.resource:
                # What every identity may ask: the version of the server, say.
                continue
            if entry.forbidden and role in {name for _, name in gone}:
                continue
            for right in _asked(entry, role):
                named = (right.role, right.verb, right.resource) in limited
                text = str(right if named else KubernetesRight(right.role, right.verb, right.resource, ""))
                (self.kubernetes_refused if entry.forbidden else self.kubernetes)[text] += 1
        self.note_azure(stack.azure, CLIENT_ID)

    def note_azure(self, azure: Simulator, client: str) -> None:
        """Add what a client did in an Azure."""
        for sent in azure.requests():
            if sent.caller == client and sent.status != 403:
                self.azure[action_of(sent.route)] += 1
                self.azure.update(action for action, _ in linked_actions(sent.body or {}))
                if sent.route == "resourceGraph.query":
                    self.azure.update(actions_of(str((sent.body or {}).get("query"))))
        self.azure_refused.update(azure.lacking(client))


# What this process saw; the one that distributes the tests gets that of all the others.
USAGE = Usage()


@dataclass(frozen=True)
class KubernetesRight:
    """One verb on one resource, perhaps of one name."""

    role: str
    verb: str
    resource: str
    name: str

    def __str__(self) -> str:
        return f"{self.role}: {self.verb} {self.resource}" + (f" {self.name}" if self.name else "")


def _asked(entry: AuditEntry, role: str) -> Iterator[KubernetesRight]:
    resource = "/".join(part for part in (entry.resource, entry.subresource) if part)
    # Server-side apply of what is not there yet needs the right to create it, too.
    for verb in (entry.verb, "create") if entry.verb == "patch" and entry.code == 201 else (entry.verb,):
        yield KubernetesRight(role, verb, f"{resource}.{entry.group}".rstrip("."), entry.name)


def granted() -> Iterator[KubernetesRight]:
    """Yield all rights that the chart gives to service accounts of its own, its hooks included."""
    for document in rendered():
        if document["kind"] not in ("ClusterRole", "Role") or document["metadata"]["name"] not in _USERS.values():
            continue
        for rule in document["rules"]:
            yield from _of_rule(document["metadata"]["name"], rule)


def _of_rule(role: str, rule: dict[str, Any]) -> Iterator[KubernetesRight]:
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                for name in rule.get("resourceNames", [""]):
                    yield KubernetesRight(role, verb, f"{resource}.{group}".rstrip("."), name)


def table(usage: Usage) -> Iterator[str]:
    """Yield the lines of the comparison in Kubernetes."""
    rights = {str(right) for right in granted()}
    yield f"Kubernetes: {len(rights)} rights granted, {_count(rights, usage.kubernetes)} used"
    for right in sorted(rights | usage.kubernetes_refused.keys()):
        yield _line(right, usage.kubernetes[right], usage.kubernetes_refused[right])


def azure_table(usage: Usage) -> Iterator[str]:
    """Yield the lines of the comparison in Azure."""
    actions = {action: role for role, action in azure_rights.actions()}
    yield f"Azure: {len(actions)} actions granted, {_count(actions, usage.azure)} used"
    for action in sorted(actions.keys() | usage.azure_refused.keys()):
        yield _line(f"{actions.get(action, '-')}: {action}", usage.azure[action], usage.azure_refused[action])


def _count(rights: Iterable[Right], used: Counter[Right]) -> int:
    return sum(1 for right in rights if used[right])


def _line(right: str, used: int, refused: int) -> str:
    reason = UNUSED_WITH_REASON.get(right.partition(": ")[2], "")
    return (
        f"  {right:<100} {used:>7}" + (f"  REFUSED {refused}" if refused else "") + (f"  ({reason})" if reason else "")
    )


def faults(usage: Usage) -> Iterator[str]:
    """Yield what is wrong: refused, or granted and never used, without a reason."""
    for right in usage.kubernetes_refused:
        yield f"refused by the API server: {right}"
    for right in usage.azure_refused:
        yield f"refused by Azure: {right}"
    unused = {str(right) for right in granted()} - {right for right, count in usage.kubernetes.items() if count}
    for right in sorted(unused):
        yield f"granted and never used: {right}"


def azure_faults(usage: Usage) -> Iterator[str]:
    """Yield what is wrong in Azure: refused, or granted and never used, without a reason."""
    for right in usage.azure_refused:
        yield f"refused by Azure: {right}"
    unused = {action for _, action in azure_rights.actions() if not usage.azure[action]}
    for right in sorted(unused - UNUSED_WITH_REASON.keys()):
        yield f"granted and never used: {right}"
    for right in sorted(UNUSED_WITH_REASON.keys() - unused):
        yield f"said to be unused, and used: {right}"
