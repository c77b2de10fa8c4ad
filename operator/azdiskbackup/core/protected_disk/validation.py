"""How far Azure's validation got, of a disk or of a restore: kept in memory only, since asking again harms nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from azdiskbackup.core.identity.roles import Grant
from azdiskbackup.core.objects.azure import InstanceRequest
from azdiskbackup.core.objects.operation import GONE, Failed, OperationState, Succeeded
from azdiskbackup.core.rules.backoff import SLOW_MAX, recheck_pause
from azdiskbackup.core.rules.intervals import (
    OPERATION_ENDS_WITHIN,
    OPERATION_POLL,
    OPERATION_READABLE_WITHIN,
    VALIDATION_TAKES,
)
from azdiskbackup.core.rules.lookup import FetchFailed
from azdiskbackup.errors import EncryptionSetPermissionsMissing, OperatorError, PermissionsMissing


@dataclass(frozen=True, slots=True)
class NeverRun:
    """Azure has not been asked."""


@dataclass(frozen=True, slots=True)
class Running:
    """Azure is validating. ``operation`` is the URL of its state; ``refused`` is how it ended last time."""

    operation: str
    since: datetime
    refused: ValidationRefused | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """Azure accepts the disk."""


@dataclass(frozen=True, slots=True)
class ValidationRefused:
    """Azure refused the disk, ``tries`` times since ``first``."""

    error: OperatorError
    at: datetime
    first: datetime
    tries: int


Validation: TypeAlias = NeverRun | Running | Passed | ValidationRefused


@dataclass(frozen=True, slots=True)
class PassedForGroup:
    """Azure accepted another disk lately for which the same roles serve: this one need not be validated."""


@dataclass(frozen=True, slots=True)
class AwaitingGroup:
    """Azure is asked about a disk for which the same roles serve, or will be.

    Attributes:
        refused: how one was refused for want of a role; None while none was.
        until: when to look again.
    """

    refused: ValidationRefused | None
    until: datetime


@dataclass(frozen=True, slots=True)
class RetryForGroup:
    """This disk is to be validated next, for all that the same roles serve; ``refused`` is how the last one was."""

    refused: ValidationRefused


DiskValidation: TypeAlias = Validation | PassedForGroup | AwaitingGroup | RetryForGroup


def next_refusal(
    before: ValidationRefused | None, error: OperatorError, now: datetime, since: datetime | None
) -> ValidationRefused:
    """Return the refusal that follows another one, or is the first of this process; ``since`` is from status."""
    if before is None:
        return ValidationRefused(error, now, since or now, 1)
    return ValidationRefused(error, now, before.first, before.tries + 1)


# Longer than role assignments take to propagate: by then somebody has to look.
PROPAGATES_WITHIN = timedelta(minutes=45)


def is_overdue(refusal: ValidationRefused) -> bool:
    """Return whether a role has been missing for longer than an assignment takes to propagate."""
    return refusal.at - refusal.first >= PROPAGATES_WITHIN


def permission_pause(refusal: ValidationRefused) -> timedelta:
    """Return how long to wait before the next validation: 1, 2, 3, 4, then 5 minutes, and 10 to 60 in the end."""
    if is_overdue(refusal):
        return recheck_pause(SLOW_MAX, refusal.at - refusal.first)
    return timedelta(minutes=min(refusal.tries, 5))


# Refusals after which a role assignment is looked at again: somebody may have revoked it since.
RECHECK_ROLE_AFTER_TRIES = 5


def is_answer_due(running: Running, now: datetime) -> bool:
    """Return whether Azure may have an answer: to ask earlier is a wasted call."""
    return now >= running.since + VALIDATION_TAKES


def after_look(
    running: Running, answer: OperationState | FetchFailed, now: datetime, failing_since: datetime | None
) -> Validation:
    """Return how far a validation got, by what its operation says.

    Args:
        running: the validation.
        answer: of its operation.
        now: the time.
        failing_since: since when validations were refused before this process began, if status says so.
    """
    match answer:
        case Succeeded():
            return Passed()
        case Failed(error=error):
            return next_refusal(running.refused, error, now, failing_since)
        case FetchFailed(error) if error.code in GONE or now >= running.since + OPERATION_READABLE_WITHIN:
            # An operation that cannot be read for so long never will be: ask anew.
            return NeverRun()
        case _:
            return running if now < running.since + OPERATION_ENDS_WITHIN else NeverRun()


# --- one disk for many ----------------------------------------------------------------------------

# A role that is revoked meanwhile shows in the disk that was not validated: Azure refuses to configure its protection.
ACCEPTANCE_LASTS = timedelta(days=1)
# As long as any disk waits, one is validated again within the hour, or as soon as Azure's limits allow.
_RETRIED_WITHIN = timedelta(hours=3)
# The one that asks is looked at first.
_AFTER_IT = timedelta(seconds=5)
# So long one may ask for all: it may be gone, or Azure's answer may never come.
_ASKS_FOR = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class _Group:
    """Disks for which the same roles serve: lower-case ids of the vault, its identity and both resource groups."""

    vault: str
    identity: str
    disks: str
    snapshots: str


@dataclass(slots=True)
class _GroupState:
    """What is known of a group.

    Attributes:
        accepted: when Azure accepted a disk of it, or backed one up, last.
        refused_at: when Azure refused one for want of a role last, or a role was assigned or revoked.
        asked_by: uid of the object whose disk is validated for all, and since when.
        refused: how the last one was refused for want of a role, while none was accepted since.
        retry_at: before when nobody is validated again after that refusal.
    """

    accepted: datetime | None = None
    refused_at: datetime | None = None
    asked_by: tuple[str, datetime] | None = None
    refused: ValidationRefused | None = None
    retry_at: datetime | None = None

    def is_accepted(self, now: datetime) -> bool:
        """Return whether a disk need not be validated."""
        if self.accepted is None or (self.refused_at is not None and self.refused_at >= self.accepted):
            return False
        return now < self.accepted + ACCEPTANCE_LASTS

    def accept(self, at: datetime) -> None:
        """Take note that Azure accepted a disk."""
        self.accepted = max(at, self.accepted or at)
        if self.refused is not None and at > self.refused.at:
            self.refuse(None)

    def doubt(self, at: datetime) -> None:
        """Take note that a role may be missing."""
        self.refused_at = max(at, self.refused_at or at)

    def refuse(self, refusal: ValidationRefused | None) -> None:
        """Take note of how the last one was refused; None forgets it."""
        self.refused = refusal
        self.retry_at = None if refusal is None else refusal.at + permission_pause(refusal)


class GroupValidations:
    """What Azure says of one disk, and what it means for the others for which the same roles serve.

    With a role on a whole resource group (`diskRoleScope: ResourceGroup`) one disk at a time finds out whether the
    roles have propagated; the others need not be validated. After a refusal whoever comes first is next: the one before
    may lack more.
    """

    def __init__(self) -> None:
        self._groups: dict[_Group, _GroupState] = {}
        # When a role was assigned to a resource group, or revoked, by its lower-case id.
        self._granted_at: dict[str, datetime] = {}

    def of(self, request: InstanceRequest, uid: str, own: Validation, now: datetime) -> DiskValidation:
        """Return what to make of a disk whose own validation got as far as ``own``; one that may ask is expected to.

        Args:
            request: what is wanted of Azure.
            uid: of the object.
            own: how far its own validation got.
            now: the time.
        """
        group = self._of(request)
        if isinstance(own, Running):
            again = max(own.since + VALIDATION_TAKES, now + OPERATION_POLL)
            return own if group.refused is None else AwaitingGroup(group.refused, again)
        if not isinstance(own, NeverRun):
            return own
        if group.is_accepted(now):
            return PassedForGroup()
        if group.refused is not None and now >= group.refused.at + _RETRIED_WITHIN:
            # All who waited are gone: of those who come now nobody was refused since then.
            group.refuse(None)
        if group.retry_at is not None and now < group.retry_at:
            return AwaitingGroup(group.refused, group.retry_at)
        if group.asked_by is None or now >= group.asked_by[1] + _ASKS_FOR:
            group.asked_by = (uid, now)
        asks, since = group.asked_by
        if asks != uid:
            return AwaitingGroup(group.refused, max(since + VALIDATION_TAKES + _AFTER_IT, now + OPERATION_POLL))
        return own if group.refused is None else RetryForGroup(group.refused)

    def answered(
        self, request: InstanceRequest, uid: str, state: Validation, now: datetime, failing_since: datetime | None
    ) -> Validation:
        """Take note of how far the validation of a disk got; return what of that is its own.

        Args:
            request: what was validated.
            uid: of the object.
            state: how far it got.
            now: the time.
            failing_since: since when status says that validations are refused.
        """
        group = self._of(request)
        if isinstance(state, Running):
            return state
        if group.asked_by is not None and group.asked_by[0] == uid:
            group.asked_by = None
        if isinstance(state, Passed):
            group.accept(now)
        elif isinstance(state, ValidationRefused) and _is_about_group(state.error):
            group.refuse(next_refusal(group.refused, state.error, now, failing_since))
            group.doubt(now)
            return NeverRun()
        return state

    def backed_up(self, request: InstanceRequest, at: datetime) -> None:
        """Take note of when a disk was backed up, which needs the roles; not by those that were its own before."""
        group = self._of(request)
        if group.refused_at is None or at >= group.refused_at + PROPAGATES_WITHIN:
            group.accept(at)

    def retry(self, request: InstanceRequest) -> None:
        """Have the next disk of the group validated at once: a person says that the role is there."""
        self._of(request).retry_at = None

    def doubt(self, request: InstanceRequest, at: datetime) -> None:
        """Have the next disk validated: Azure refused one for want of a role."""
        self._of(request).doubt(at)

    def doubt_grant(self, grant: Grant, now: datetime) -> None:
        """Have a disk validated before others go on: the role of a group was assigned just now, or is revoked."""
        if is_shared(grant):
            self._granted_at[grant.scope.lower()] = now
            for group, state in self._groups.items():
                if group.disks == grant.scope.lower():
                    state.doubt(now)

    def refusal(self, request: InstanceRequest) -> ValidationRefused | None:
        """Return how a disk of the group was refused last, while none was accepted since."""
        return self._of(request).refused

    def _of(self, request: InstanceRequest) -> _GroupState:
        group = _group(request)
        if group not in self._groups:
            self._groups[group] = _GroupState(refused_at=self._granted_at.get(group.disks))
        return self._groups[group]


def is_shared(grant: Grant) -> bool:
    """Return whether a role on disks is one for all disks of a resource group."""
    return "/providers/" not in grant.scope.lower()


def _is_about_group(error: OperatorError) -> bool:
    """Return whether a disk was refused for want of a role that the others need as well."""
    return isinstance(error, PermissionsMissing) and not isinstance(error, EncryptionSetPermissionsMissing)


def _group(request: InstanceRequest) -> _Group:
    return _Group(
        vault=str(request.id.parent).lower(),
        identity=(request.identity or "").lower(),
        disks=str(request.disk.id.resource_group).lower(),
        snapshots=request.snapshot_group_id.lower(),
    )
