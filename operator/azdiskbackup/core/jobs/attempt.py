"""How far the one attempt of an object that asks Azure for a job got: an OnDemandBackup, a DiskRestore.

The order is fixed: the intent is recorded in status, the request is sent with the object's uid as its id, the job is
followed. A crash between any two of these leaves a state from which the next pass goes on without a second job.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureJob, AzureRestorePoint
from azdiskbackup.errors import OperatorError


@dataclass(frozen=True, slots=True)
class NotStarted:
    """No intent is recorded, so surely nothing was sent."""


@dataclass(frozen=True, slots=True)
class IntentRecorded:
    """The intent is recorded, and surely no job runs by it: nothing was sent yet, or Azure refused, or lost it.

    Attributes:
        instance: the backup instance that the intent names.
        error: how the last request failed; None when none was sent.
        not_before: when to send the next one.
    """

    instance: ArmId
    error: OperatorError | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The request was, or may have been, sent; its job is not known yet.

    Attributes:
        error: how it failed, or an earlier one; None while none did.
    """

    error: OperatorError | None = None


@dataclass(frozen=True, slots=True)
class Following:
    """The job is known."""

    job: AzureJob
    restore_point: AzureRestorePoint | None = None


@dataclass(frozen=True, slots=True)
class Unfollowable:
    """The job is known, or looked for, and Azure answers with an error."""

    error: OperatorError


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """Azure refused the request for good, or no longer knows the job that it made.

    Attributes:
        job: id of that job; None when the request was refused.
    """

    error: OperatorError
    at: datetime
    job: str | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """A restore of manifests brought the object back, and no job is known that it asked for."""

    label: str


@dataclass(frozen=True, slots=True)
class Over:
    """It ended before; what status says is final."""

    succeeded: bool
    reason: str
    message: str
    completed: datetime


Attempt: TypeAlias = NotStarted | IntentRecorded | Sent | Following | Unfollowable | RequestRefused | Restored | Over
