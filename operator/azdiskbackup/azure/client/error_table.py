"""From Azure's errors to ours: by the table of codes, and by status and blame where a code is not in it.

The service's own `isRetryable` is false even for what heals by itself, so it is not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
)
from azure.core.rest import AsyncHttpResponse

from azdiskbackup.azure.client.error_codes import CODES, WORDED
from azdiskbackup.azure.transport.limits import NOT_THROTTLED
from azdiskbackup.core.objects.azure import AzureFailure
from azdiskbackup.errors import (
    AccessDenied,
    Conflict,
    InvalidRequest,
    OperatorError,
    PermissionsMissing,
    Retryable,
    Throttled,
    Unavailable,
    Waiting,
    retry_after,
)

_NO_CODE = "Unknown"
_USER_ERRORS = ("UserError", "BMSUserError")
_MOST_CODES = 50
# How often each code came that the table does not know, since the process began; bounded, since codes are not ours.
UNRECOGNIZED: Counter[str] = Counter()


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
    # Old versions of the API answer without an envelope; an answer without a body names its code in a header
    # (hashicorp/terraform-provider-azurerm 30463, 33194).
    nothing = fallback or f"Azure answers {status} and gives no reason."
    told = details(body.get("error") or body, nothing, headers.get("x-ms-error-code"))
    if status == 429 and told.code != NOT_THROTTLED:
        return _error(told, Throttled, headers)
    return _error(told, told.kind or _by_status(status, told), headers)


def of_operation(error: object, headers: Mapping[str, str]) -> OperatorError:
    """Return the error of an operation that failed."""
    told = details(error, "Azure gives no reason.")
    return _error(told, told.kind or _by_blame(told), headers)


def _error(told: Details, kind: type[OperatorError], headers: Mapping[str, str]) -> OperatorError:
    if told.kind is None:
        UNRECOGNIZED[told.code if len(UNRECOGNIZED) < _MOST_CODES or told.code in UNRECOGNIZED else "other"] += 1
    known = {
        "action": told.action,
        "remediation": told.remediation,
        "correlation_id": headers.get("x-ms-correlation-request-id"),
    }
    if issubclass(kind, Retryable):
        return kind(told.code, told.message, retry_after=retry_after(headers.get("Retry-After")), **known)
    return kind(told.code, told.message, **known)


def _by_status(status: int, told: Details) -> type[OperatorError]:
    """Return the class of a refusal with a code that is not in the table."""
    if status in (401, 403):
        return AccessDenied
    if status >= 500 or status == 408 or told.blames_user is False:
        return Unavailable
    if status == 409 and told.code == _NO_CODE:
        return Conflict
    # Locks, names in use, states: a 409 of which more is not known is told in Azure's words, and tried again. A 406
    # stands for whatever the service could not say (hashicorp/terraform-provider-azurerm 26911, 33194).
    return Waiting if status in (404, 406, 409) else InvalidRequest


def _by_blame(told: Details) -> type[OperatorError]:
    """Return the class of an operation's error with a code that is not in the table."""
    if told.blames_user is None:
        return Waiting
    return InvalidRequest if told.blames_user else Unavailable


@dataclass(frozen=True, slots=True)
class Details:
    """What Azure says of an error, and what the table knows of its code.

    Attributes:
        action: what Azure recommends.
        is_user_error: whether Azure blames the request rather than itself; None when it does not say.
        kind: the class of the code, None when it is not in the table.
        remediation: what to do, where the table knows.
    """

    code: str
    message: str
    action: str | None
    is_user_error: bool | None
    kind: type[OperatorError] | None
    remediation: str | None

    @property
    def blames_user(self) -> bool | None:
        """Return whether the request is to blame; None when Azure does not say.

        The name of the code counts first: all recorded refusals of a vault's settings are called `UserError...` and
        say `isUserError: false`.
        """
        return True if self.code.startswith(_USER_ERRORS) else self.is_user_error


def details(error: object, fallback: str, code: str | None = None) -> Details:
    """Return what an error says, dug out of wherever the service put it; ``code`` is for one that has none."""
    outer: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
    info = outer
    for extra in outer.get("additionalInfo") or ():
        if isinstance(extra, Mapping) and isinstance(extra.get("info"), Mapping):
            info = extra["info"]
            break
    action = info.get("recommendedAction")
    if isinstance(action, list):
        action = " ".join(str(each) for each in action)
    blame = info.get("isUserError")
    code = str(_first(info, outer, "code", "ErrorCode") or code or _NO_CODE)
    message = str(_first(info, outer, "message", "Message") or fallback)
    worded = (meaning for (of, words), meaning in WORDED.items() if of == code and words in message)
    known = next(worded, None) or CODES.get(code)
    return Details(
        code,
        message,
        action or None,
        blame if isinstance(blame, bool) else None,
        known.kind if known else None,
        known.remediation if known else None,
    )


def _first(info: Mapping[str, Any], outer: Mapping[str, Any], *names: str) -> object:
    return next((held[name] for held in (info, outer) for name in names if held.get(name)), None)


def failure(error: object) -> AzureFailure | None:
    """Return an error that Azure shows on a resource or a job; lists give their first."""
    if isinstance(error, list):
        error = error[0] if error else None
    if not isinstance(error, Mapping):
        return None
    told = details(error, "Azure gives no reason.")
    about_rights = told.kind is not None and issubclass(told.kind, PermissionsMissing)
    return AzureFailure(told.code, told.message, told.action, about_rights)


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
