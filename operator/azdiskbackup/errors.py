"""The error tree. Each class knows whether waiting helps.

    OperatorError
    ├── Retryable            heals by itself, soon: back off exponentially
    │   ├── Throttled        Azure or Kubernetes said when to come back
    │   ├── Unavailable      no answer, or a 5xx
    │   └── Conflict         somebody else was faster; look again
    ├── Waiting              heals without a change of the spec, but slowly or by a person's hand: back off slowly
    │   ├── AccessDenied     the operator lacks a right
    │   ├── PermissionsMissing   the vault's identity lacks a right, or it has not spread yet
    │   ├── QuotaExceeded    a limit of Azure
    │   ├── Flooded          the service's own guard against floods; it opens after hours
    │   └── Ineffective      the service says that it did it, and shows no change
    └── Terminal             nothing changes until somebody edits something: parked
        ├── InvalidRequest   Azure refuses what was asked
        └── AlreadyProtected the disk is protected elsewhere

Only the two border modules (``azure.translation``, ``kube.client``) make them from foreign errors; only the worker and
the status functions read them.
"""

from __future__ import annotations

from datetime import timedelta
from enum import IntEnum

CORRELATION = "Correlation id "


class RateLimited(Exception):
    """It is not our turn to ask Azure; whoever asked is woken when it is.

    No error: nothing is said about it, and it counts as no try.
    """


class LeaderHandover(RateLimited):
    """Another replica led a moment ago, and what it sent last may still arrive."""


class Exit(IntEnum):
    """How the process ends, as `docs/install.md` says."""

    DONE = 0
    FAILED = 1
    BAD_SETTINGS = 2
    KUBERNETES = 3
    AZURE = 4
    LEASE_LOST = 5


class CannotStart(Exception):
    """Something outside keeps the process from its work; a person has to mend it.

    Attributes:
        code: how the process ends.
        sentence: what it is, and what to do.
    """

    def __init__(self, code: Exit, user_message: str) -> None:
        super().__init__(user_message)
        self.code = code
        self.user_message = user_message


class OperatorError(Exception):
    """Something foreign went wrong.

    Attributes:
        code: the foreign error code, such as ``UserErrorManagedDiskNotFound``.
        message: the foreign message, in its own words.
        action: what the service recommends, if it says.
        correlation_id: the id by which the service's support finds the request.
        waiting_helps: whether the same request may succeed later without anybody's edit.
        reason: the condition reason that stands for the class.
    """

    is_transient = True
    reason = "Error"

    def __init__(
        self,
        code: str,
        message: str,
        *,
        action: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.action = action
        self.correlation_id = correlation_id

    @property
    def user_message(self) -> str:
        """Return code, message, recommended action and correlation id for a person."""
        parts = [f"{self.code}: {self.message.strip().rstrip('.')}."]
        if self.action:
            parts.append(f"Azure recommends: {self.action.strip().rstrip('.')}.")
        if self.correlation_id:
            parts.append(f"{CORRELATION}{self.correlation_id}.")
        return " ".join(parts)


class Retryable(OperatorError):
    """Heals by itself, soon."""

    reason = "Retrying"


class Throttled(Retryable):
    """The service asks to come back later.

    Attributes:
        retry_after: how long it asks to wait; None when it does not say.
    """

    reason = "Throttled"

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retry_after: timedelta | None = None,
        action: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        super().__init__(code, message, action=action, correlation_id=correlation_id)
        self.retry_after = retry_after


class Unavailable(Retryable):
    """No answer, or an error of the service itself; whether a write arrived is not known."""

    reason = "Unavailable"


class Conflict(Retryable):
    """Somebody else changed it first, or another operation runs."""

    reason = "OperationInProgress"


class Waiting(OperatorError):
    """Heals without a change of the spec, but slowly or by a person's hand."""

    reason = "Waiting"


class AccessDenied(Waiting):
    """The operator itself lacks a right."""

    reason = "AccessDenied"


class PermissionsMissing(Waiting):
    """The vault's identity lacks a right, or a new right has not spread yet."""

    reason = "WaitingForPermissions"


class QuotaExceeded(Waiting):
    """A limit of the subscription or of the service is reached."""

    reason = "QuotaExceeded"


class ServiceFloodGuard(Waiting):
    """The service's own guard against floods: it asks to come back after hours."""

    reason = "QuotaExceeded"


class NoEffectYet(Waiting):
    """The service says that it did what was asked, and shows no change."""

    reason = "NoEffectYet"


class Terminal(OperatorError):
    """Nothing changes until somebody edits something."""

    is_transient = False
    reason = "Refused"


class InvalidRequest(Terminal):
    """The service refuses what was asked."""

    reason = "Refused"


class AlreadyProtected(Terminal):
    """The disk is protected by another backup instance."""

    reason = "OwnedElsewhere"
