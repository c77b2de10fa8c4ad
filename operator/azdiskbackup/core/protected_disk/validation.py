"""How far Azure's validation got, of a disk or of a restore: kept in memory only, since asking again harms nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

from azdiskbackup.core.identity.arm_ids import same_id
from azdiskbackup.core.identity.roles import Grant
from azdiskbackup.core.objects.azure import InstanceRequest
from azdiskbackup.core.objects.operation import GONE, Failed, OperationState, Succeeded
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
    """Azure is asked about another disk for which the same roles serve.

    Attributes:
        refused: how it was refused for want of a role; None while it was not.
        until: when to look again.
    """

    refused: ValidationRefused | None
    until: datetime


DiskValidation: TypeAlias = Validation | PassedForGroup | AwaitingGroup


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
    """Return how long to wait before the next validation: 1, 2, 3, 4, then 5 minutes, and 10 in the end."""
    return timedelta(minutes=10) if is_overdue(refusal) else timedelta(minutes=min(refusal.tries, 5))


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
# The one that asks is looked at first.
_AFTER_IT = timedelta(seconds=5)
# So long after its answer was due, whoever comes asks anew: the one that asked may be gone.
_GIVEN_UP_AFTER = 3 * OPERATION_POLL


@dataclass(frozen=True, slots=True)
class _Group:
    """Disks for which the same roles serve: lower-case ids of the vault, its identity and both resource groups."""

    vault: str
    identity: str
    disks: str
    snapshots: str


@dataclass(slots=True)
class _Known:
    """What is known of a group.

    Attributes:
        accepted: when Azure accepted a disk of it, or backed one up, last.
        doubted: when Azure refused one for want of a role last.
        asked_by: uid of the object whose disk is validated for all.
        answer_due: when its answer should be there.
        refused: how its disk was refused for want of a role.
    """

    accepted: datetime | None = None
    doubted: datetime | None = None
    asked_by: str = ""
    answer_due: datetime | None = None
    refused: ValidationRefused | None = None

    def is_accepted(self, now: datetime) -> bool:
        """Return whether a disk need not be validated."""
        accepted, doubted = self.accepted, self.doubted
        if accepted is None or (doubted is not None and doubted >= accepted):
            return False
        return now < accepted + ACCEPTANCE_LASTS

    def is_asked_by_another(self, uid: str, now: datetime) -> bool:
        """Return whether an answer about another disk is to be waited for."""
        if self.asked_by in ("", uid) or self.answer_due is None:
            return False
        return now < self.answer_due + _GIVEN_UP_AFTER

    def end_asking(self) -> None:
        """Have the next one ask, if it has to be."""
        self.asked_by, self.answer_due, self.refused = "", None, None


class GroupValidations:
    """What Azure says of one disk, and what it means for the others for which the same roles serve.

    With a role on a whole resource group (`diskRoleScope: ResourceGroup`) one disk finds out whether the roles have
    propagated; the others need not be validated.
    """

    def __init__(self) -> None:
        self._groups: dict[_Group, _Known] = {}

    def of(self, request: InstanceRequest, uid: str, own: Validation, now: datetime) -> DiskValidation:
        """Return what to make of a disk whose own validation got as far as ``own``."""
        known = self._of(request)
        was_refused = isinstance(own, ValidationRefused) and _is_about_group(own.error)
        if known.is_accepted(now) and (isinstance(own, NeverRun) or was_refused):
            return PassedForGroup()
        if isinstance(own, NeverRun) and known.is_asked_by_another(uid, now):
            assert known.answer_due is not None
            return AwaitingGroup(known.refused, max(known.answer_due + _AFTER_IT, now + OPERATION_POLL))
        return own

    def ask(self, request: InstanceRequest, uid: str, now: datetime) -> bool:
        """Return whether a disk is the one to be validated: not while another one is."""
        known = self._of(request)
        if known.is_asked_by_another(uid, now):
            return False
        known.asked_by, known.answer_due = uid, now + VALIDATION_TAKES
        return True

    def tell(self, request: InstanceRequest, uid: str, state: Validation, now: datetime) -> None:
        """Take note of how far the validation of the disk got that is validated for all."""
        known = self._of(request)
        if known.asked_by != uid:
            return
        match state:
            case Passed():
                known.accepted = now
                known.end_asking()
            case ValidationRefused(error=error) if _is_about_group(error):
                known.refused, known.doubted = state, state.at
                known.answer_due = state.at + permission_pause(state) + VALIDATION_TAKES
            case ValidationRefused() | NeverRun():
                # Its own affair, or no answer.
                known.end_asking()
            case Running():
                known.answer_due = max(known.answer_due or now, now + OPERATION_POLL)
            case _:
                assert_never(state)

    def accept(self, request: InstanceRequest, at: datetime) -> None:
        """Take note of when a disk was backed up, which needs the roles."""
        known = self._of(request)
        known.accepted = max(at, known.accepted or at)

    def doubt(self, request: InstanceRequest, now: datetime) -> None:
        """Have the next disk validated: Azure refused one for want of a role."""
        self._of(request).doubted = now

    def doubt_grant(self, grant: Grant, now: datetime) -> None:
        """Have a disk validated before others go on: a role was assigned just now, or is revoked."""
        for group, known in self._groups.items():
            if same_id(grant.scope, group.disks):
                known.doubted = now

    def _of(self, request: InstanceRequest) -> _Known:
        return self._groups.setdefault(_group(request), _Known())


def is_shared(request: InstanceRequest, grant: Grant) -> bool:
    """Return whether the role that a disk needs is one for all disks of its resource group."""
    return same_id(grant.scope, request.disk.id.resource_group)


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
