"""From Azure's errors to ours. The service's own `isRetryable` is wrong where it matters, so the table is our own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
)
from azure.core.rest import AsyncHttpResponse

from azdiskbackup.azure.transport.limits import retry_after
from azdiskbackup.core.objects.azure import AzureFailure
from azdiskbackup.errors import (
    AccessDenied,
    AlreadyProtected,
    Conflict,
    InvalidRequest,
    OperatorError,
    PermissionsMissing,
    QuotaExceeded,
    Retryable,
    ServiceFloodGuard,
    Throttled,
    Unavailable,
    Waiting,
)

_CODES: dict[type[OperatorError], set[str]] = {
    # Rights that are new need up to half an hour to work; all of these heal by themselves then, or by a person's hand.
    PermissionsMissing: {
        "UserErrorMissingRequiredPermissions",
        "UserErrorNotEnoughPermissionOnDisk",
        "UserErrorDiskBackupDiskOrMSIPermissionsNotPresent",
        "UserErrorDiskBackupAuthorizationFailed",
        "UserErrorNotEnoughPermissionOnSnapshotRG",
        "UserErrorDiskBackupSnapshotRGOrMSIPermissionsNotPresent",
        "UserErrorSnapshotRGOrMSIPermissionsNotPresent",
        "UserErrorMissingMSIPermissionsOnSnapshotResourceGroup",
        "UserErrorMSIPermissionsNotPresentOnDES",
    },
    AccessDenied: {"AuthorizationFailed", "LinkedAuthorizationFailed", "AuthenticationFailed"},
    Waiting: {
        "UserErrorSnapshotRGNotFound",
        "UserErrorDESKeyVaultKeyDisabled",
        "UserErrorMissingSubscriptionRegistration",
        "MissingSubscriptionRegistration",
        "UserErrorPolicyAssociatedWithSoftDeletedItems",
        "UserErrorDppPolicyObjectInUse",
        "ResourceGroupNotFound",
        "ResourceNotFound",
        "ParentResourceNotFound",
        "SubscriptionNotFound",
        "UserErrorGenericResourceNotFound",
    },
    QuotaExceeded: {
        "UserErrorSubscriptionDiskQuotaLimitReached",
        "UserErrorOnDemandBackupLimitReached",
        "RoleAssignmentLimitExceeded",
    },
    ServiceFloodGuard: {"CloudDosTimeboudLimitReached"},
    Conflict: {"UserErrorMaxConcurrentOperationLimitReached"},
    Retryable: {"PrincipalNotFound"},
    AlreadyProtected: {
        "UserErrorDppDatasourceAlreadyHasBackupInstance",
        "UserErrorDppDatasourceAlreadyProtected",
    },
}
_CLASSES = {code: kind for kind, codes in _CODES.items() for code in codes}
MISSING = {
    "NotFound",
    "ParentResourceNotFound",
    "ResourceGroupNotFound",
    "ResourceNotFound",
    "RoleAssignmentNotFound",
    "SubscriptionNotFound",
    "UserErrorGenericResourceNotFound",
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise our errors instead of the SDK's."""
    try:
        yield
    except AzureError as error:
        raise _translate(error) from error


def _translate(error: AzureError) -> OperatorError:
    if isinstance(error, HttpResponseError) and (error.status_code or 0) in range(200, 400):
        # It was carried out, and its answer cannot be read.
        return Unavailable("NotUnderstood", str(error.message)[:1000])
    if isinstance(error, HttpResponseError) and error.response is not None:
        headers: Mapping[str, str] = getattr(error.response, "headers", {})
        return of_response(error.status_code or 0, _json(error), headers, str(error.message))
    if isinstance(error, ClientAuthenticationError):
        # From the credential itself: no token could be had.
        return AccessDenied("AuthenticationFailed", str(error.message))
    return Unavailable(type(error).__name__, str(error.message))


def of_response(status: int, body: Mapping[str, Any], headers: Mapping[str, str], fallback: str = "") -> OperatorError:
    """Return the error for an answer of 400 or more."""
    code, message, action = details(body.get("error"), fallback)
    told = {"action": action, "correlation_id": headers.get("x-ms-correlation-request-id")}
    if status == 429 or code in ("TooManyRequests", "SubscriptionRequestsThrottled"):
        return Throttled(code, message, retry_after=retry_after(headers), **told)
    kind = _CLASSES.get(code) or _by_status(status)
    return kind(code, message, **told)


def of_operation(error: object, correlation: str | None = None) -> OperatorError:
    """Return the error of an operation or a job that failed."""
    code, message, action = details(error, "Azure gives no reason.")
    kind = _CLASSES.get(code) or InvalidRequest
    return kind(code, message, action=action, correlation_id=correlation)


def _by_status(status: int) -> type[OperatorError]:
    if status in (401, 403):
        return AccessDenied
    if status == 404:
        return Waiting
    if status == 409:
        return Conflict
    if status >= 500 or status == 408:
        return Unavailable
    return InvalidRequest


def details(error: object, fallback: str) -> tuple[str, str, str | None]:
    """Return code, message and recommended action, dug out of wherever the service put them."""
    if not isinstance(error, Mapping):
        return "Unknown", fallback, None
    info: Mapping[str, Any] = error
    for extra in error.get("additionalInfo") or ():
        if isinstance(extra, Mapping) and isinstance(extra.get("info"), Mapping):
            info = extra["info"]
            break
    action = info.get("recommendedAction")
    if isinstance(action, list):
        action = " ".join(str(each) for each in action)
    return (
        str(info.get("code") or error.get("code") or "Unknown"),
        str(info.get("message") or error.get("message") or fallback),
        action or None,
    )


def failure(error: object) -> AzureFailure | None:
    """Return an error that Azure shows on a resource or a job; lists give their first."""
    if isinstance(error, list):
        error = error[0] if error else None
    if not isinstance(error, Mapping):
        return None
    code, message, action = details(error, "Azure gives no reason.")
    return AzureFailure(code, message, action, about_rights=code in _CODES[PermissionsMissing])


def _json(error: HttpResponseError) -> Mapping[str, Any]:
    response = error.response
    try:
        body = response.json() if isinstance(response, AsyncHttpResponse) else None
        if body is None and response is not None:
            body = error.model.serialize() if error.model is not None else None
    except (ValueError, AttributeError):
        body = None
    if isinstance(body, Mapping):
        return body
    known = error.error
    return {"error": {"code": known.code, "message": known.message}} if known else {}
