"""A policy as disks and backups see it: from the DiskBackupPolicy object, without asking Azure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from azdiskbackup.api.v1alpha1.disk_backup_policy import DiskBackupPolicySpec, Retention, Schedule
from azdiskbackup.core.objects.policy_content import content, rule_name
from azdiskbackup.core.objects.recorded import POLICY, recorded_id
from azdiskbackup.core.objects.resource import Invalid, Resource, parse_spec
from azdiskbackup.core.rules import reasons


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A DiskBackupPolicy.

    Attributes:
        id: ARM id of the policy in use; known once Azure has it.
        in_force: whether the policy in Azure is what the spec says; not so after an edit that Azure does not have.
        schedule: when backups start; rule_name and retention likewise: only to be believed when in force.
        rule_name: name of the backup rule, which an on-demand backup names.
        retention: how long restore points are kept.
    """

    name: str
    vault: str
    ready: bool
    not_ready_reason: str
    id: str | None
    in_force: bool
    schedule: Schedule
    rule_name: str
    retention: Retention

    @property
    def retention_rules(self) -> frozenset[str]:
        """Return the names of the retention rules that the policy has."""
        return frozenset(self.kept_days)

    @property
    def kept_days(self) -> Mapping[str, int]:
        """Return how many days each retention rule keeps a restore point."""
        rules = {"Default": self.retention.default, "Daily": self.retention.daily, "Weekly": self.retention.weekly}
        return {name: rule.days for name, rule in rules.items() if rule is not None}


def policy_view(resource: Resource) -> PolicyView | Invalid:
    """Read a DiskBackupPolicy from outside."""
    spec = parse_spec(DiskBackupPolicySpec, resource)
    if isinstance(spec, Invalid):
        return spec
    ready = resource.condition(reasons.READY)
    policy = recorded_id(resource, POLICY, "policyID")
    what = content(spec)
    wanted = what.name(spec.azure_name or resource.name) if what is not None else None
    return PolicyView(
        name=resource.name,
        vault=spec.vault_ref.name,
        ready=ready.get("status") == "True" and not resource.deleting,
        not_ready_reason=str(ready.get("reason", reasons.NOT_YET_KNOWN)),
        id=str(policy) if policy is not None else None,
        in_force=wanted is not None and policy is not None and policy.name == wanted,
        schedule=spec.schedule,
        rule_name=rule_name(spec),
        retention=spec.retention,
    )
