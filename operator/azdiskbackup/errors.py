"""The error tree. Each class knows whether waiting helps.

    OperatorError
    ├── Retryable              heals by itself, soon: back off exponentially
    │   ├── Throttled          Azure or Kubernetes said when to come back
    │   ├── Unavailable        no answer, or a 5xx
    │   ├── IdentityNotFound   an identity is not replicated yet; a person's affair once that took too long
    │   └── Conflict           another client was faster; look again
    ├── Waiting                heals without a change of the spec, but slowly or by hand: back off slowly
    │   ├── AccessDenied       the operator lacks a permission
    │   ├── PermissionsMissing the vault's identity lacks a role, or it has not propagated yet
    │   ├── QuotaExceeded      a limit of Azure
    │   ├── ServiceFloodGuard  the service's own flood protection; it opens after hours
    │   ├── NoEffectYet        the service reports success, and shows no change
    │   └── Blocked            a person forbids it, and has to allow it: stalled until then
    │       ├── ResourceLocked
    │       ├── RestoreGroupMissing
    │       ├── NamespaceQuotaExceeded, AdmissionDenied    the cluster's own
    │       ├── PolicyDenied
    │       ├── SubscriptionDisabled
    │       └── VaultImmutable
    └── Terminal               nothing changes until the spec or Azure is edited: rarely retried
        ├── InvalidRequest     Azure refuses the request
        ├── TargetDiskExists, SnapshotGone, RestorePointGone   nothing can be restored so
        └── AlreadyProtected   the disk is protected elsewhere

Only the two border modules (``azure.client.error_table``, ``kube.client``) make them from foreign errors; only the
worker and the rules read them.
"""

from __future__ import annotations

from datetime import timedelta
from enum import IntEnum

CORRELATION = "Correlation id "
# Longer than any service asks for; who says more is wrong, or wants us to wait for ever.
_LONGEST_RETRY_AFTER = timedelta(hours=4)


class RateLimited(Exception):
    """A request to Azure is not allowed yet; whoever sent it is enqueued when it is.

    No error: no condition reports it, and it counts as no attempt.
    """


class LeaderHandover(RateLimited):
    """Another replica was the leader until a moment ago, and its last requests may still arrive."""


class Exit(IntEnum):
    """How the process ends, as `docs/install.md` says."""

    DONE = 0
    FAILED = 1
    BAD_SETTINGS = 2
    KUBERNETES = 3
    AZURE = 4
    LEASE_LOST = 5


class CannotStart(Exception):
    """Something outside keeps the process from starting; somebody has to correct it.

    Attributes:
        code: how the process ends.
        user_message: what it is, and what to do.
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
        remediation: what to do, in a sentence of ours, where the service's words do not say it.
        correlation_id: the id by which the service's support finds the request.
        is_transient: whether time alone may heal it; else a person has to do something, here or in Azure.
        heals_within: how long it takes to heal by itself at most, where that is known; afterwards a person has to.
        reason: the condition reason that stands for the class.
    """

    is_transient = True
    heals_within: timedelta | None = None
    reason = "Error"

    def __init__(
        self,
        code: str,
        message: str,
        *,
        action: str | None = None,
        remediation: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.action = action
        self.remediation = remediation
        self.correlation_id = correlation_id

    @property
    def user_message(self) -> str:
        """Return code, message, recommended action and correlation id in sentences."""
        action = f"Azure recommends: {self.action.strip().rstrip('.')}." if self.action else None
        return self._sentences(action, self.remediation)

    @property
    def message_without_recommendation(self) -> str:
        """Return the same without what Azure recommends: the operator has done that, and only time is missing."""
        return self._sentences(self.remediation)

    def _sentences(self, *advice: str | None) -> str:
        correlation = f"{CORRELATION}{self.correlation_id}." if self.correlation_id else None
        parts = (f"{self.code}: {self.message.strip().rstrip('.')}.", *advice, correlation)
        return " ".join(each for each in parts if each)


class Retryable(OperatorError):
    """Heals by itself, soon.

    Attributes:
        retry_after: how long the service asks to wait; None when it does not say.
    """

    reason = "Retrying"

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retry_after: timedelta | None = None,
        **details: str | None,
    ) -> None:
        super().__init__(code, message, **details)
        self.retry_after = retry_after


class Throttled(Retryable):
    """The service asks to come back later."""

    reason = "Throttled"


def retry_after(text: str | None) -> timedelta | None:
    """Return what a header `Retry-After` asks for, four hours at most; None for a date, and for what is no number."""
    if text is None or not (text.isascii() and text.isdecimal()):
        return None
    # More digits than nine overflow, and say no more.
    return min(timedelta(seconds=int(text[:9])), _LONGEST_RETRY_AFTER)


class Unavailable(Retryable):
    """No answer, or an error of the service itself; whether a write arrived is not known."""

    reason = "Unavailable"


class IdentityNotFound(Retryable):
    """The directory does not know an identity: it is not replicated yet, or it does not exist."""

    heals_within = timedelta(minutes=45)
    reason = "IdentityNotFound"


class Conflict(Retryable):
    """Another client changed it first, or another operation is in progress."""

    reason = "OperationInProgress"


class Waiting(OperatorError):
    """Heals without a change of the spec, but slowly or by hand."""

    reason = "Waiting"


class AccessDenied(Waiting):
    """The operator itself lacks a permission."""

    reason = "AccessDenied"


class PermissionsMissing(Waiting):
    """The vault's identity lacks a role, or a new role assignment has not propagated yet.

    Attributes:
        scope: to what, in words; None for what the operator knows itself: the disk, and its snapshot resource group.
    """

    scope: str | None = None
    reason = "WaitingForPermissions"


class EncryptionSetPermissionsMissing(PermissionsMissing):
    """The disk is encrypted with a key of the customer, and the vault's identity may not read the encryption set."""

    scope = "the disk's encryption set"


class RestoreGroupPermissionsMissing(PermissionsMissing):
    """The vault's identity may not make a disk in the restore resource group."""

    scope = "the restore resource group"


class QuotaExceeded(Waiting):
    """A limit of the subscription or of the service is reached."""

    reason = "QuotaExceeded"


class ServiceFloodGuard(Waiting):
    """The service's own flood protection: it asks to come back after hours."""

    reason = "QuotaExceeded"


class NoEffectYet(Waiting):
    """The service reports success, and shows no change."""

    reason = "NoEffectYet"


class Blocked(Waiting):
    """A person forbids it, and has to allow it; nothing in the spec is wrong."""

    is_transient = False


class ResourceLocked(Blocked):
    """A lock forbids to write to, or to delete, a resource or what it is in."""

    reason = "ResourceLocked"


class PolicyDenied(Blocked):
    """An assignment of Azure Policy forbids the request."""

    reason = "DeniedByAzurePolicy"


class SubscriptionDisabled(Blocked):
    """The subscription is disabled, and can only be read."""

    reason = "SubscriptionDisabled"


class VaultImmutable(Blocked):
    """The vault keeps what is to be deleted."""

    reason = "VaultImmutable"


class Terminal(OperatorError):
    """Nothing changes until the spec or Azure is edited."""

    is_transient = False
    reason = "Refused"


class InvalidRequest(Terminal):
    """The service refuses the request."""


class RestoreGroupMissing(Blocked):
    """The resource group that is to take a restored disk does not exist."""

    reason = "TargetGroupNotFound"


class TargetDiskExists(Terminal):
    """The disk that a restore is to make exists already."""

    reason = "TargetDiskExists"


class SnapshotGone(Terminal):
    """The snapshot behind a restore point was deleted behind Azure Backup's back."""

    reason = "SnapshotGone"


class RestorePointGone(Terminal):
    """The restore point does not exist any more."""

    reason = "RestorePointExpired"


class NamespaceQuotaExceeded(Blocked):
    """A ResourceQuota of the namespace refuses the object."""

    reason = "NamespaceQuotaExceeded"


class AdmissionDenied(Blocked):
    """An admission webhook or policy of the cluster refuses the object."""

    reason = "AdmissionDenied"


class AlreadyProtected(Terminal):
    """The disk is protected by another backup instance."""

    reason = "OwnedElsewhere"
