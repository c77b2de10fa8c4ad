"""What Azure's errors mean: our own table, since the service says of errors that heal that they do not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from azdiskbackup.azure.client.error_table import failure, of_operation, of_response
from azdiskbackup.azure.gateways import decode
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

MEANING: dict[str, type[OperatorError]] = {
    "UserErrorMissingRequiredPermissions": PermissionsMissing,
    "UserErrorNotEnoughPermissionOnDisk": PermissionsMissing,
    "UserErrorDiskBackupDiskOrMSIPermissionsNotPresent": PermissionsMissing,
    "UserErrorDiskBackupAuthorizationFailed": PermissionsMissing,
    "UserErrorNotEnoughPermissionOnSnapshotRG": PermissionsMissing,
    "UserErrorDiskBackupSnapshotRGOrMSIPermissionsNotPresent": PermissionsMissing,
    "UserErrorSnapshotRGOrMSIPermissionsNotPresent": PermissionsMissing,
    "UserErrorMissingMSIPermissionsOnSnapshotResourceGroup": PermissionsMissing,
    "UserErrorMSIPermissionsNotPresentOnDES": PermissionsMissing,
    "UserErrorDESKeyVaultKeyDisabled": Waiting,
    "UserErrorSnapshotRGNotFound": Waiting,
    "UserErrorSnapshotRGSubscriptionMismatch": InvalidRequest,
    "UserErrorOperationalStoreParametersNotProvided": InvalidRequest,
    "UserErrorInvalidOperationalStoreResourceGroup": InvalidRequest,
    "UserErrorManagedDiskNotFound": InvalidRequest,
    "UserErrorDiskBackupDiskTypeNotSupported": InvalidRequest,
    "BackupAgentPluginHostValidateProtectionError": InvalidRequest,
    "UserErrorDppDatasourceAlreadyHasBackupInstance": AlreadyProtected,
    "UserErrorDppDatasourceAlreadyProtected": AlreadyProtected,
    "UserErrorSubscriptionDiskQuotaLimitReached": QuotaExceeded,
    "UserErrorMaxConcurrentOperationLimitReached": Conflict,
    "UserErrorMissingSubscriptionRegistration": Waiting,
    "UserErrorInvalidRequestParameter": InvalidRequest,
    "UserErrorPolicyAssociatedWithSoftDeletedItems": Waiting,
    "UserErrorDppPolicyObjectInUse": Waiting,
    "UserErrorDisableSoftDeleteNotAllowed": InvalidRequest,
    "UserErrorUnsupportedVaultImmutabilityStateChange": InvalidRequest,
    "BMSUserErrorInvalidInput": InvalidRequest,
    "CloudDosTimeboudLimitReached": ServiceFloodGuard,
    "PrincipalNotFound": Retryable,
    "AuthorizationFailed": AccessDenied,
    "LinkedAuthorizationFailed": AccessDenied,
    "MissingSubscriptionRegistration": Waiting,
    "ResourceGroupNotFound": Waiting,
    "SomethingNobodyKnows": InvalidRequest,
}


@pytest.mark.parametrize(("code", "kind"), MEANING.items())
def test_the_meaning_of_a_code_is_the_same_at_once_and_at_the_end_of_an_operation(
    code: str, kind: type[OperatorError]
) -> None:
    error = {"code": code, "message": "Words."}
    assert type(of_response(400, {"error": error}, {})) is kind
    assert type(of_operation(error)) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AccessDenied),
        (403, AccessDenied),
        (404, Waiting),
        (408, Unavailable),
        (409, Conflict),
        (429, Throttled),
        (500, Unavailable),
        (503, Unavailable),
        (400, InvalidRequest),
    ],
)
def test_without_a_known_code_the_status_decides(status: int, kind: type[OperatorError]) -> None:
    for body in ({}, {"error": None}, {"error": {"code": "New", "message": "m"}}):
        assert type(of_response(status, body, {}, "fallback")) is kind


def test_the_details_are_dug_out_of_where_the_service_hides_them() -> None:
    info: dict[str, Any] = {
        "code": "UserErrorNotEnoughPermissionOnDisk",
        "message": "Real words.",
        "recommendedAction": ["Do this.", "Then that."],
        "isRetryable": False,
    }
    error = of_operation({"code": "Outer", "message": "outer", "additionalInfo": [{"info": info}]}, "corr-1")
    assert isinstance(error, PermissionsMissing) and error.is_transient
    assert (error.message, error.action, error.correlation_id) == ("Real words.", "Do this. Then that.", "corr-1")


def test_an_answer_that_says_nothing_still_makes_an_error() -> None:
    for nothing in (None, {}, [], "text", {"additionalInfo": [None]}):
        assert isinstance(of_operation(nothing), InvalidRequest)
    assert failure(None) is None and failure([]) is None
    found = failure([{"code": "C", "message": "m", "recommendedAction": None}])
    assert found is not None and (found.code, found.action) == ("C", None)


def test_throttling_says_when_to_come_back() -> None:
    error = of_response(429, {"error": {"code": "TooManyRequests", "message": "m"}}, {"Retry-After": "17"})
    assert isinstance(error, Throttled) and error.retry_after == timedelta(seconds=17)
    unsaid = of_response(429, {}, {"Retry-After": "Wed, 21 Oct 2026"})
    assert isinstance(unsaid, Throttled) and unsaid.retry_after is None


def test_an_answer_that_cannot_be_read_is_no_refusal() -> None:
    with pytest.raises(Unavailable, match="NotUnderstood"):
        decode.one({"id": "/x"}, decode.vault)
