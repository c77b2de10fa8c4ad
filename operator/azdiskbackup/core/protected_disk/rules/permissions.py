"""The role on the disk, and whether Azure agrees that it is enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from azdiskbackup.core.formatting import clock_time, span
from azdiskbackup.core.identity.roles import DISK_BACKUP_READER, DISK_SNAPSHOT_CONTRIBUTOR
from azdiskbackup.core.objects.azure import AzureInstance, InstanceRequest
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Fact, Observed
from azdiskbackup.core.protected_disk.rules.instance import Verdict, conflict_of, instance_request
from azdiskbackup.core.protected_disk.steps import AssignRole, Validate
from azdiskbackup.core.protected_disk.validation import (
    AwaitingGroup,
    NeverRun,
    Passed,
    PassedForGroup,
    RetryForGroup,
    Running,
    ValidationRefused,
    is_overdue,
    permission_pause,
)
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.backoff import RETRIED_SLOWLY, pause, retry_interval
from azdiskbackup.core.rules.intervals import OPERATION_POLL, VALIDATION_TAKES
from azdiskbackup.core.rules.lookup import FetchFailed, NotFetched, NotFound
from azdiskbackup.core.rules.verdicts import (
    Progress,
    Undecided,
    act,
    allow_with_warning,
    fetched,
    need,
    satisfied,
    stalled,
    wait,
)
from azdiskbackup.errors import PermissionsMissing

# It holds until the turn of the disk that says so, also while Azure's limits delay that: nothing is written meanwhile.
IN_TURN = (
    "Other disks of the resource group are ahead: Azure validates one of them for all, and configures one after the "
    "other. The operator continues automatically."
)


def reader_role_granted(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The vault's identity needs a role to read the disk; an instance that works proves that it has it."""
    match observed.instance:
        case FetchFailed(error):
            raise Undecided(error)
        case AzureInstance() as instance if not _is_role_in_question(observed, instance):
            return satisfied(reasons.GRANTED, "The disk has a backup instance.")
    vault, grant = observed.usable_vault, observed.reader_grant
    if not grant.principal:
        return _identity_unknown(observed, vault)
    if not vault.assigns_roles and isinstance(observed.instance, NotFound):
        return satisfied(
            reasons.NOT_NEEDED,
            "The operator assigns no role (`roleAssignments: Preassigned`). Azure's validation decides whether "
            "the roles of the vault's identity suffice.",
        )
    if fetched(observed.role_grant, Fact.ROLE_GRANT):
        return satisfied(reasons.GRANTED, f"The vault's identity has the role {DISK_BACKUP_READER.name} on the disk.")
    if not vault.assigns_roles:
        # Our reading is a hint: roles may come from where it does not see them, and Azure decides.
        return allow_with_warning(reasons.ROLE_MISSING, grant.request, keeps_ready=True)
    return act(AssignRole(grant), observed.recorded.unless_drift(reasons.GRANTING), f"Assigning {grant}.")


def _identity_unknown(observed: Observed, vault: VaultView) -> Verdict:
    identity = observed.instance.identity if isinstance(observed.instance, AzureInstance) else vault.identity
    if (identity or "").lower() == (vault.identity or "").lower():
        return wait(
            reasons.VAULT_NOT_READY,
            f"The identity of BackupVault {vault.name!r} is not known yet. The operator continues automatically once "
            "it is.",
        )
    return stalled(
        reasons.IDENTITY_MISSING,
        f"The disk is backed up by {identity or 'the own identity'} of the vault, which the vault {vault.name!r} does "
        "not have any more. Assign that identity to the vault again; the operator continues automatically.",
    )


def _is_role_in_question(observed: Observed, instance: AzureInstance) -> bool:
    """With the deletion of an instance its role was revoked; and Azure may say that one is missing."""
    is_missing = instance.failure is not None and instance.failure.about_rights
    return instance.soft_deleted_until is not None or is_missing or observed.role_recheck_needed


def validate_for_backup(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Ask Azure whether the vault's identity can back up the disk: a new role takes up to 30 min to propagate."""
    if isinstance(observed.instance, AzureInstance):
        return satisfied(reasons.NOT_NEEDED, "The disk already has a backup instance.")
    request = instance_request(desired, observed)
    match observed.validation:
        case NeverRun():
            return act(
                Validate(request, observed.reader_grant),
                observed.recorded.unless_drift(reasons.VALIDATING),
                "The backup instance was deleted in Azure. The operator protects the disk again."
                if observed.recorded.is_settled
                else "Azure is validating the disk.",
                now + VALIDATION_TAKES,
            )
        case Running(since=since, refused=before) if before is not None:
            # The message stays that of the refusal, so that a check on the way writes no status.
            again = max(since + VALIDATION_TAKES, now + OPERATION_POLL)
            return _until_azure_agrees(wait(before.error.reason, _message(observed, before), again), observed, before)
        case Running(since=since):
            return wait(
                reasons.VALIDATING,
                f"Azure has been validating the disk since {clock_time(since)}.",
                max(since + VALIDATION_TAKES, now + OPERATION_POLL),
            )
        case Passed():
            return satisfied(reasons.PASSED, "Azure validated the disk for backup.")
        case PassedForGroup() | AwaitingGroup() | RetryForGroup() as of_group:
            return _as_one_of_a_group(observed, request, of_group, now)
        case ValidationRefused() as refusal:
            return _after_refusal(observed, request, refusal, now)
        case _:
            raise AssertionError("the rule on owners guarantees that it was fetched")


def _as_one_of_a_group(
    observed: Observed,
    request: InstanceRequest,
    found: PassedForGroup | AwaitingGroup | RetryForGroup,
    now: datetime,
) -> Verdict:
    """What Azure says of one disk holds for all that the same roles serve."""
    if isinstance(found, PassedForGroup):
        return satisfied(
            reasons.NOT_NEEDED, "Azure accepted another disk of the resource group, for which the same roles serve."
        )
    if found.refused is None:
        return wait(reasons.VALIDATING, IN_TURN, found.until)
    reason, message = found.refused.error.reason, _message_for_group(observed, found.refused)
    if isinstance(found, RetryForGroup):
        verdict: Verdict = act(Validate(request, observed.reader_grant), reason, message, now + VALIDATION_TAKES)
    else:
        verdict = wait(reason, message, found.until)
    return _until_azure_agrees(verdict, observed, found.refused)


def _after_refusal(observed: Observed, request: InstanceRequest, refusal: ValidationRefused, now: datetime) -> Verdict:
    reason, message = refusal.error.reason, _message(observed, refusal)
    again = refusal.at + _pause(refusal)
    if now >= again:
        step = Validate(request, observed.reader_grant)
        return _until_azure_agrees(act(step, reason, message, now + VALIDATION_TAKES), observed, refusal)
    return _until_azure_agrees(wait(reason, message, again), observed, refusal)


def _until_azure_agrees(verdict: Verdict, observed: Observed, refusal: ValidationRefused) -> Verdict:
    """Another try is no news: what needs attention stays stalled until Azure answers otherwise."""
    is_permission = isinstance(refusal.error, PermissionsMissing)
    is_for_others = is_permission and _lacks_role_of_others(observed)
    needs_attention = is_for_others or (is_overdue(refusal) if is_permission else not refusal.error.is_transient)
    return replace(verdict, progress=Progress.STALLED) if needs_attention else verdict


def _pause(refusal: ValidationRefused) -> timedelta:
    if isinstance(refusal.error, PermissionsMissing):
        return permission_pause(refusal)
    return pause(refusal.error, refusal.tries, 1.0, refusal.at - refusal.first)


def _message(observed: Observed, refusal: ValidationRefused) -> str:
    if not refusal.error.is_transient:
        return f"Azure refuses to back up the disk. {conflict_of(observed)}{refusal.error.user_message}"
    again = clock_time(refusal.at + _pause(refusal))
    if not isinstance(refusal.error, PermissionsMissing):
        interval = retry_interval(refusal.error, refusal.tries)
        retry = f"The operator retries {interval}." if interval else f"Next attempt at {again}."
        return f"Azure does not accept the disk yet. {refusal.error.user_message} {retry}"
    if is_overdue(refusal):
        return _overdue_message(observed, refusal, refusal.error.scope)
    scope = refusal.error.scope or "the disk or to its snapshot resource group"
    hint = f"{observed.reader_grant.request} " if _lacks_role_of_others(observed) else ""
    return (
        f"Azure refuses the vault's identity access to {scope}: role assignments take up to 30 minutes to propagate. "
        f"{hint}Waiting for {span(refusal.at - refusal.first)}; next attempt at {again}. "
        f"{refusal.error.message_without_recommendation}"
    )


def _message_for_group(observed: Observed, refusal: ValidationRefused) -> str:
    """Tell it without a time that moves: as many disks wait as there are in the group."""
    scope = refusal.error.scope if isinstance(refusal.error, PermissionsMissing) else None
    if is_overdue(refusal):
        return _overdue_message(observed, refusal, scope)
    hint = f" {observed.reader_grant.request}" if _lacks_role_of_others(observed) else ""
    return (
        f"Azure refuses the vault's identity access to {scope or 'another disk of the resource group'}: role "
        f"assignments take up to 30 minutes to propagate.{hint} The operator retries with one disk of the group, and "
        "continues automatically with the others."
    )


def _lacks_role_of_others(observed: Observed) -> bool:
    """Return whether a role that is not ours to assign is missing where we see it: only a hint."""
    if observed.usable_vault.assigns_roles:
        return False
    if isinstance(observed.role_grant, NotFetched):
        raise need(Fact.ROLE_GRANT)
    return observed.role_grant is False


def _overdue_message(observed: Observed, refusal: ValidationRefused, scope: str | None) -> str:
    grant = observed.reader_grant
    snapshots = observed.usable_vault.snapshot_group_for(grant.subscription)
    roles = (
        f"Check that the identity {grant.principal} has the role {grant.role.name} on {grant.scope} and the role "
        f"{DISK_SNAPSHOT_CONTRIBUTOR.name} on {snapshots}, and that no deny assignment forbids it. "
    )
    if _lacks_role_of_others(observed):
        roles += f"{grant.request} "
    # Without a time that moves: this can last for weeks, and each write of status wakes everybody who watches.
    return (
        f"Azure has refused the vault's identity access{f' to {scope}' if scope else ''} since "
        f"{clock_time(refusal.first)}, longer than role assignments take to propagate. {'' if scope else roles}"
        f"The operator retries {RETRIED_SLOWLY}. {refusal.error.user_message}"
    )
