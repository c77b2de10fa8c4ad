"""What must hold for a rule, in order: its policy, what it stops, what it adjusts, what it makes."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from azdiskbackup.core.disk_protection_rule.assessment import WITHDRAWALS, Action, State
from azdiskbackup.core.disk_protection_rule.desired import Desired
from azdiskbackup.core.disk_protection_rule.observed import HOUR, Claims, Fact, Observed
from azdiskbackup.core.disk_protection_rule.steps import Adjust, Delete, Make, Step, Stop, manifest
from azdiskbackup.core.disk_protection_rule.withdrawal import Withdrawal
from azdiskbackup.core.formatting import clock_time
from azdiskbackup.core.objects.markers import ACKNOWLEDGE
from azdiskbackup.core.objects.resource import Invalid, unreadable
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.rules import reasons, verdicts
from azdiskbackup.core.rules.lookup import NotFound
from azdiskbackup.core.rules.verdicts import act, allow_with_warning, fetched, satisfied, stalled, wait

Verdict: TypeAlias = verdicts.Verdict[Step]

# Azure keeps so many backup instances in one vault.
INSTANCES_OF_A_VAULT = 5000
_TOLD_FROM = INSTANCES_OF_A_VAULT * 9 // 10
# A subscription takes 4,000 role assignments, of others as well.
_ROLES_TOLD_FROM = 1000
# So many disks that are protected elsewhere are no accident any more.
_FEW_OWNED_ELSEWHERE = 3


def policy_usable(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Without a policy and its vault nothing can be protected; the message says what is missing."""
    name, policy, vault = desired.spec.policy_ref.name, observed.policy, observed.vault
    if isinstance(policy, NotFound):
        return wait(
            reasons.POLICY_NOT_FOUND,
            f"DiskBackupPolicy {name!r} does not exist. Create it, or name another one; the operator continues "
            "automatically once it exists.",
        )
    if isinstance(policy, Invalid):
        return wait(reasons.POLICY_NOT_READY, unreadable(f"DiskBackupPolicy {name!r}", policy))
    if not policy.ready:
        return wait(
            reasons.POLICY_NOT_READY,
            f"DiskBackupPolicy {name!r} is not ready ({policy.not_ready_reason}). See `kubectl describe "
            f"diskbackuppolicy {name}`.",
        )
    if isinstance(vault, NotFound | Invalid) or not vault.ready:
        return wait(
            reasons.VAULT_NOT_READY,
            f"BackupVault {policy.vault!r}, which the policy {name!r} names, is not ready. See `kubectl describe "
            f"backupvault {policy.vault}`.",
        )
    return satisfied(reasons.VALID, f"DiskBackupPolicy {name!r} is usable.")


def region_matches(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Disks of a cluster are in one region: that one of them is not in the vault's is enough to know."""
    claims = _claims(observed)
    elsewhere = claims.count_of(State.SKIPPED, reasons.REGION_MISMATCH)
    if elsewhere and not claims.count(State.PROTECTED):
        place = observed.vault.location if isinstance(observed.vault, VaultView) else "another region"
        return stalled(
            reasons.REGION_MISMATCH,
            f"The vault of the policy {desired.spec.policy_ref.name!r} is in {place}, and {elsewhere} disks of the "
            "rule are not. Azure requires both in one region: name a policy of a vault in the disks' region.",
        )
    return satisfied(reasons.VALID, f"DiskBackupPolicy {desired.spec.policy_ref.name!r} is usable.")


def disks_adjusted(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """A ProtectedDisk of the rule has its policy, and follows its PVC to another disk."""
    target = _claims(observed).next.get(Action.ADJUST)
    if target is None:
        return satisfied(reasons.IN_SYNC, "All ProtectedDisks of the rule are as it says.")
    return act(
        Adjust(target, manifest(desired, target)),
        reasons.ADJUSTING,
        f"Applying the rule to the ProtectedDisk {target.namespace}/{target.disk}.",
    )


def unselected_withdrawn(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """What the rule does not select any more is stopped, or deleted once its PVC is gone; never much at once."""
    claims = _claims(observed)
    held = held_withdrawal(desired, observed, now)
    if held is not None:
        return allow_with_warning(reasons.MASS_WITHDRAWAL, held, keeps_ready=False)
    target = claims.next.get(Action.STOP)
    if target is not None:
        return act(
            Stop(target, manifest(desired, target, stopped=True)),
            reasons.WITHDRAWING,
            f"Stopping the backups of {target.namespace}/{target.disk}, whose PVC is not selected any more.",
        )
    target = claims.next.get(Action.DELETE)
    if target is None:
        return satisfied(reasons.IN_SYNC, "Nothing is to be withdrawn.")
    if not fetched(observed.is_claim_absent, Fact.CLAIM_ABSENCE, target.namespace, target.claim):
        return wait(
            reasons.WITHDRAWING,
            f"The PVC {target.place} exists, although its watch has not reported it yet. Its ProtectedDisk stays.",
        )
    return act(
        Delete(target),
        reasons.WITHDRAWING,
        f"Deleting the ProtectedDisk {target.namespace}/{target.disk}, whose PVC is gone for "
        f"{desired.spec.grace_period_hours} h. All restore points stay.",
    )


def withdrawal(observed: Observed, now: datetime) -> Withdrawal:
    """Return what is about to be withdrawn."""
    pending, done = _claims(observed).to_do(*WITHDRAWALS), observed.hour.at(now).withdrawn
    return Withdrawal(pending, done, observed.disks, observed.held_since)


def held_withdrawal(desired: Desired, observed: Observed, now: datetime) -> str | None:
    """Return what is said of a withdrawal that has to be acknowledged first; None if nothing is held."""
    found = withdrawal(observed, now)
    if not found.is_held(desired.acknowledged):
        return None
    since = observed.held_since or now.replace(microsecond=0)
    return (
        f"{found.pending} of {observed.disks} ProtectedDisks of the rule would be stopped or deleted, more than "
        f"{found.allowed} within an hour. Nothing was withdrawn: check the labels of namespaces and PVCs, and the "
        f"rule. To let it happen: kubectl annotate diskprotectionrule {desired.name} --overwrite "
        f"{ACKNOWLEDGE}={found.pending}@{since:%Y-%m-%dT%H:%M:%SZ}"
    )


def disks_made(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Each PVC that the rule selects, and that can be protected, has a ProtectedDisk; so many an hour are made."""
    claims, spec = _claims(observed), desired.spec
    target, left = claims.next.get(Action.MAKE), claims.to_do(Action.MAKE)
    if target is None:
        return satisfied(reasons.IN_SYNC, told(desired, observed))
    if spec.max_protected is not None and observed.disks >= spec.max_protected:
        return stalled(
            reasons.MAX_PROTECTED_REACHED,
            f"The rule has {observed.disks} ProtectedDisks, and `maxProtected` allows {spec.max_protected}: {left} "
            "PVCs stay unprotected. Raise the limit, or select fewer PVCs.",
        )
    if observed.in_vault >= INSTANCES_OF_A_VAULT:
        return stalled(
            reasons.VAULT_FULL,
            f"{observed.in_vault} ProtectedDisks use the vault, which takes {INSTANCES_OF_A_VAULT}: {left} PVCs stay "
            "unprotected. Make another vault, with a policy and a rule for some of them.",
        )
    hour = observed.hour.at(now)
    if hour.made >= spec.max_new_per_hour and hour.start is not None:
        return wait(
            reasons.HOURLY_LIMIT_REACHED,
            f"The rule makes {spec.max_new_per_hour} ProtectedDisks an hour (`maxNewPerHour`), and {left} PVCs are "
            f"left. It continues at {clock_time(hour.start + HOUR)}.",
            hour.start + HOUR,
        )
    return act(
        Make(target, manifest(desired, target)),
        reasons.PROTECTING,
        f"Making the ProtectedDisk {target.place}; {left - 1} more to make.",
    )


def claims_counted(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """With ``mode: DryRun`` nothing is made: what would be is told."""
    return allow_with_warning(
        reasons.DRY_RUN,
        f"DryRun: nothing is made. {told(desired, observed)} To begin, set `mode: Enforce`.",
        keeps_ready=True,
    )


def rule_ends(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """A rule that is deleted withdraws nothing."""
    return satisfied(reasons.DELETING, "The ProtectedDisks of the rule stay.")


def told(desired: Desired, observed: Observed) -> str:
    """Return what became of the PVCs that a rule selects, and what its author should know."""
    claims = _claims(observed)
    if not claims.matched:
        return "The rule selects no PVC: check its selectors, and whether rules of a higher priority select them."
    protected, pending = claims.count(State.PROTECTED), claims.count(State.PENDING)
    skipped = claims.count(State.SKIPPED)
    parts = [f"{protected} of {claims.matched} PVCs are protected"]
    parts += [f"{pending} {'would be' if desired.spec.mode == 'DryRun' else 'are about to be'}"] if pending else []
    parts += [f"{skipped} are skipped ({_skipped(claims)})"] if skipped else []
    return " ".join([f"{', '.join(parts)}.", *_advice(observed, claims)])


def _skipped(claims: Claims) -> str:
    by_reason = sorted(
        ((count, reason) for (state, reason), count in claims.counts.items() if state is State.SKIPPED), reverse=True
    )
    shown = ", ".join(f"{reason}: {count}" for count, reason in by_reason[:3])
    return shown if len(by_reason) <= 3 else f"{shown}, …"


def _advice(observed: Observed, claims: Claims) -> list[str]:
    advice = []
    if observed.in_vault >= _TOLD_FROM:
        advice.append(f"{observed.in_vault} ProtectedDisks use the vault, which takes {INSTANCES_OF_A_VAULT}.")
    vault = observed.vault
    if claims.matched >= _ROLES_TOLD_FROM and isinstance(vault, VaultView) and vault.role_scope == "Disk":
        advice.append(
            f"Each disk takes a role assignment, of which a subscription has 4,000: set `diskRoleScope: ResourceGroup` "
            f"in BackupVault {vault.name!r}."
        )
    if claims.count_of(State.SKIPPED, reasons.OWNED_ELSEWHERE) > _FEW_OWNED_ELSEWHERE:
        advice.append(
            "Several disks have backups that are owned elsewhere: does Azure Policy, or another cluster, protect them?"
        )
    return advice


def _claims(observed: Observed) -> Claims:
    return fetched(observed.claims, Fact.CLAIMS)


ENFORCING_RULES = (
    (reasons.POLICY_ACCEPTED, policy_usable),
    (reasons.POLICY_ACCEPTED, region_matches),
    (reasons.CLAIMS_PROTECTED, disks_adjusted),
    (reasons.CLAIMS_PROTECTED, unselected_withdrawn),
    (reasons.CLAIMS_PROTECTED, disks_made),
)
PREVIEWING_RULES = (
    (reasons.POLICY_ACCEPTED, policy_usable),
    (reasons.CLAIMS_PROTECTED, claims_counted),
)
DELETION_RULES = ((reasons.CLAIMS_PROTECTED, rule_ends),)
