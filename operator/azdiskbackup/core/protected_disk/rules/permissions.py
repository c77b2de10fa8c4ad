"""The third part of the way: the right to read the disk, and whether Azure agrees that it is enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from azdiskbackup.core.formatting import clock_time, span
from azdiskbackup.core.identity.roles import DISK_BACKUP_READER, DISK_SNAPSHOT_CONTRIBUTOR
from azdiskbackup.core.objects.azure import AzureInstance, InstanceRequest
from azdiskbackup.core.protected_disk.desired import OWNER_TAGS, Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.rules.common import (
    LOOK_AGAIN,
    POLL,
    VALIDATION_TAKES,
    Verdict,
    instance_request,
    not_asked,
    reader_grant,
    unreadable,
    usable_vault,
    why,
)
from azdiskbackup.core.protected_disk.steps import (
    AssignRole,
    Validate,
)
from azdiskbackup.core.protected_disk.validation import (
    Never,
    Passed,
    Refused,
    Running,
    overdue,
    permission_pause,
)
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.backoff import pause, rhythm
from azdiskbackup.core.rules.lookup import FetchFailed, NotFetched
from azdiskbackup.core.rules.verdicts import Progress, do, satisfied, stalled, wait
from azdiskbackup.errors import PermissionsMissing


def vault_may_read_disk(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The vault's identity needs the right to read the disk; an instance that works proves that it has it."""
    match observed.instance:
        case NotFetched():
            return not_asked(now)
        case FetchFailed(error):
            return unreadable(error, now)
        case AzureInstance() as instance if not _rights_in_question(observed, instance):
            return satisfied(reasons.GRANTED, "The disk has a backup instance.")
    return _granted(desired, observed, now)


def _granted(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    match observed.granted:
        case True:
            return satisfied(reasons.GRANTED, f"The vault's identity has {DISK_BACKUP_READER.name} on the disk.")
        case False if usable_vault(observed).principal is None:
            return wait(
                reasons.VAULT_NOT_READY,
                f"The identity of the BackupVault {usable_vault(observed).name!r} is not known yet.",
                now + LOOK_AGAIN,
            )
        case False if not usable_vault(observed).assigns_roles:
            return stalled(reasons.ROLE_MISSING, reader_grant(observed).request, now + LOOK_AGAIN)
        case False:
            grant = reader_grant(observed)
            return do(AssignRole(grant), why(desired, reasons.GRANTING), f"Granting {grant}.")
        case FetchFailed(error):
            return unreadable(error, now)
        case _:
            return not_asked(now)


def _rights_in_question(observed: Observed, instance: AzureInstance) -> bool:
    """With the deletion of an instance its right was revoked; and Azure may say that it lacks one."""
    lacks = instance.failure is not None and instance.failure.about_rights
    return instance.soft_deleted_until is not None or lacks or observed.rights_doubted


def azure_agrees(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Ask Azure whether the vault's identity may really do it: a new right takes up to half an hour to work."""
    if isinstance(observed.instance, AzureInstance):
        return satisfied(reasons.NOT_NEEDED, "The disk already has a backup instance.")
    request = instance_request(desired, observed)
    match observed.validation:
        case Never():
            return do(
                Validate(request, reader_grant(observed)),
                why(desired, reasons.VALIDATING),
                "The backup instance was deleted in Azure; protecting the disk anew."
                if desired.settled
                else "Asking Azure whether it can back up the disk.",
                now + VALIDATION_TAKES,
            )
        case Running(since=since, refused=before) if before is not None:
            # The words stay those of the refusal, so that a check on the way writes no status.
            again = max(since + VALIDATION_TAKES, now + POLL)
            return _as_it_stands(wait(before.error.reason, _message(observed, before), again), before)
        case Running(since=since):
            return wait(
                reasons.VALIDATING,
                f"Azure has been checking since {clock_time(since)} whether it can back up the disk.",
                max(since + VALIDATION_TAKES, now + POLL),
            )
        case Passed():
            return satisfied(reasons.PASSED, "Azure accepts the disk for backup.")
        case Refused() as refusal:
            return _after_refusal(observed, request, refusal, now)
        case _:
            assert_never(observed.validation)


def _after_refusal(observed: Observed, request: InstanceRequest, refusal: Refused, now: datetime) -> Verdict:
    reason, message = refusal.error.reason, _message(observed, refusal)
    again = refusal.at + _pause(refusal)
    if now >= again:
        ask = Validate(request, reader_grant(observed))
        return _as_it_stands(do(ask, reason, message, now + VALIDATION_TAKES), refusal)
    return _as_it_stands(wait(reason, message, again), refusal)


def _as_it_stands(verdict: Verdict, refusal: Refused) -> Verdict:
    """Another try is no news: what somebody has to look at stays stalled until Azure answers otherwise."""
    lasting = overdue(refusal) if isinstance(refusal.error, PermissionsMissing) else not refusal.error.is_transient
    return replace(verdict, progress=Progress.STALLED) if lasting else verdict


def _pause(refusal: Refused) -> timedelta:
    if isinstance(refusal.error, PermissionsMissing):
        return permission_pause(refusal)
    return pause(refusal.error, refusal.tries, 1.0)


def _message(observed: Observed, refusal: Refused) -> str:
    if refusal.error.is_transient:
        return _waiting_message(observed, refusal)
    return f"Azure refuses to back up the disk. {_elsewhere(observed)}{refusal.error.user_message}"


def _elsewhere(observed: Observed) -> str:
    """Say where the disk is protected, if that is known."""
    if observed.holder is None:
        return ""
    holder = observed.holder.id
    cluster, namespace, name = (observed.holder.tags.get(key, "") for key in OWNER_TAGS)
    owner = f" It is owned by the cluster {cluster} (ProtectedDisk {namespace}/{name})." if cluster else ""
    return (
        f"The backup instance {holder.name} in the vault {holder.path[1]} of {holder.group} (subscription "
        f"{holder.subscription}) protects the disk already.{owner} Delete it there first. "
    )


def _waiting_message(observed: Observed, refusal: Refused) -> str:
    again = clock_time(refusal.at + _pause(refusal))
    if not isinstance(refusal.error, PermissionsMissing):
        every = rhythm(refusal.error, refusal.tries)
        tries = f"it is tried again every {span(every)}" if every else f"next try at {again}"
        return f"Azure does not accept the disk yet, {tries}. {refusal.error.user_message}"
    if overdue(refusal):
        grant = reader_grant(observed)
        request = usable_vault(observed).snapshot_group_for(grant.subscription)
        # Without a time that moves: this can last for weeks, and each write of status wakes everybody who watches.
        return (
            f"Azure has not let the vault back up the disk since {clock_time(refusal.first)}, longer than rights take "
            f"to spread. Look whether the identity {grant.principal} has the role {grant.role.name} on {grant.scope} "
            f"and the role {DISK_SNAPSHOT_CONTRIBUTOR.name} on {request}, and whether a deny assignment stands against "
            f"it. It is tried again every {span(_pause(refusal))}. {refusal.error.user_message}"
        )
    return (
        "Azure does not let the vault read the disk or write its snapshots yet: new rights take up to 30 minutes to "
        f"work. Waiting for {span(refusal.at - refusal.first)} now, next try at {again}. {refusal.error.user_message}"
    )
