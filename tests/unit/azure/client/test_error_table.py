"""What Azure's errors mean: our own table, since the service says of errors that heal that they do not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from azdiskbackup.azure.client.error_codes import CODES
from azdiskbackup.azure.client.error_table import UNRECOGNIZED, failure, of_operation, of_response
from azdiskbackup.azure.gateways import decode
from azdiskbackup.errors import (
    AccessDenied,
    AlreadyProtected,
    Conflict,
    EncryptionSetPermissionsMissing,
    IdentityNotFound,
    InvalidRequest,
    OperatorError,
    PermissionsMissing,
    PolicyDenied,
    QuotaExceeded,
    ResourceLocked,
    ServiceFloodGuard,
    SubscriptionDisabled,
    Throttled,
    Unavailable,
    VaultImmutable,
    Waiting,
    retry_after,
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
    "UserErrorMSIPermissionsNotPresentOnDES": EncryptionSetPermissionsMissing,
    "UserErrorDESKeyVaultKeyDisabled": Waiting,
    "UserErrorDESKeyVaultKeyNotAvailable": Waiting,
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
    "PrincipalNotFound": IdentityNotFound,
    "ScopeLocked": ResourceLocked,
    "UserErrorSnapshotResourceGroupHasLocks": ResourceLocked,
    "RequestDisallowedByPolicy": PolicyDenied,
    "RequestDisallowedByAzure": PolicyDenied,
    "UserErrorRequestDisallowedByPolicy": PolicyDenied,
    "UserErrorPVSnapshotDisallowedByPolicy": PolicyDenied,
    "UserErrorPVSnapshotLimitReached": QuotaExceeded,
    "DenyAssignmentAuthorizationFailed": AccessDenied,
    "ReadOnlyDisabledSubscription": SubscriptionDisabled,
    "UserErrorDeleteBackupItemOnImmutableItem": VaultImmutable,
    "ResourceGroupBeingDeleted": Waiting,
    "AnotherOperationInProgress": Conflict,
    "FailedIdentityOperation": Conflict,
    "CloudServiceRetryableError": Unavailable,
    "AuthorizationFailed": AccessDenied,
    "LinkedAuthorizationFailed": AccessDenied,
    "MissingSubscriptionRegistration": Waiting,
    "SubscriptionNotRegistered": Waiting,
    "ResourceGroupNotFound": Waiting,
    "UserErrorThatIsNew": InvalidRequest,
}


@pytest.mark.parametrize(("code", "kind"), MEANING.items())
def test_the_meaning_of_a_code_is_the_same_at_once_and_at_the_end_of_an_operation(
    code: str, kind: type[OperatorError]
) -> None:
    error = {"code": code, "message": "Words."}
    for status in (400, 403, 409):
        if code in CODES or status == 400:
            assert type(of_response(status, {"error": error}, {})) is kind
    throttled = code != "FailedIdentityOperation"
    assert type(of_response(429, {"error": error}, {})) is (Throttled if throttled else kind)
    assert type(of_operation(error, {})) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AccessDenied),
        (403, AccessDenied),
        (404, Waiting),
        (408, Unavailable),
        (429, Throttled),
        (500, Unavailable),
        (503, Unavailable),
        (400, InvalidRequest),
    ],
)
def test_without_a_known_code_the_status_decides(status: int, kind: type[OperatorError]) -> None:
    for body in ({}, {"error": None}, {"error": {"code": "New", "message": "m"}}):
        assert type(of_response(status, body, {}, "fallback")) is kind


def test_a_409_is_another_operation_only_if_nothing_else_is_known_of_it() -> None:
    assert type(of_response(409, {}, {})) is Conflict
    new = of_response(409, {"error": {"code": "NameInUse", "message": "The name is taken."}}, {})
    assert type(new) is Waiting and new.user_message == "NameInUse: The name is taken."


@pytest.mark.parametrize(
    ("blame", "at_once", "at_the_end"),
    [(True, InvalidRequest, InvalidRequest), (False, Unavailable, Unavailable), (None, InvalidRequest, Waiting)],
)
def test_without_a_known_code_the_blame_decides(
    blame: bool | None, at_once: type[OperatorError], at_the_end: type[OperatorError]
) -> None:
    info = {"code": "CloudSomething", "message": "m"} | ({} if blame is None else {"isUserError": blame})
    error = {"code": "Outer", "message": "outer", "additionalInfo": [{"info": info}]}
    assert type(of_response(400, {"error": error}, {})) is at_once
    assert type(of_operation(error, {})) is at_the_end


@pytest.mark.parametrize("code", ["BMSUserErrorThatIsNew", "UserErrorThatIsNew"])
def test_a_code_that_blames_the_user_is_not_azures_own_affair(code: str) -> None:
    """The service sets isUserError: false beside such codes, too."""
    info = {"code": code, "message": "m", "isUserError": False}
    error = {"code": "Outer", "message": "outer", "additionalInfo": [{"info": info}]}
    assert type(of_response(400, {"error": error}, {})) is InvalidRequest
    assert type(of_operation(error, {})) is InvalidRequest


def test_a_406_says_nothing_of_what_was_asked_for() -> None:
    """So the service answers instead of what it wanted to say (hashicorp/terraform-provider-azurerm 26911, 33194)."""
    assert type(of_response(406, {}, {})) is Waiting


@pytest.mark.parametrize("status", [400, 403, 404, 406])
def test_an_answer_without_a_body_names_its_code_in_a_header(status: int) -> None:
    headers = {"x-ms-error-code": "UserErrorSnapshotRGNotFound"}
    told = of_response(status, {}, headers)
    assert type(told) is Waiting and told.code == "UserErrorSnapshotRGNotFound"
    assert f"Azure answers {status} and gives no reason." in told.user_message
    assert of_response(status, {"error": {"code": "Other", "message": "m"}}, headers).code == "Other"


@pytest.mark.parametrize(
    ("message", "kind"), [("Parameter PolicyName is invalid.", Waiting), ("The name is invalid.", InvalidRequest)]
)
def test_a_policy_that_is_missing_is_an_invalid_parameter_that_heals(message: str, kind: type[OperatorError]) -> None:
    error = {"code": "UserErrorInvalidRequestParameter", "message": message}
    assert type(of_response(400, {"error": error}, {})) is kind


def test_codes_that_the_table_lacks_are_counted_and_bounded() -> None:
    UNRECOGNIZED.clear()
    for number in range(200):
        of_operation({"code": f"New{number}", "message": "m"}, {})
    of_operation({"code": "New0", "message": "m"}, {})
    of_operation({"code": "AuthorizationFailed", "message": "m"}, {})
    assert UNRECOGNIZED["New0"] == 2 and UNRECOGNIZED["other"] == 150 and len(UNRECOGNIZED) == 51
    UNRECOGNIZED.clear()


def test_the_table_says_what_to_do_beside_azure() -> None:
    locked = of_response(409, {"error": {"code": "ScopeLocked", "message": "It is locked by 'keep'."}}, {})
    assert "It is locked by 'keep'. Remove the lock" in locked.user_message and not locked.is_transient
    info = {"code": "UserErrorMSIPermissionsNotPresentOnDES", "message": "m", "recommendedAction": ["Do it."]}
    assert (
        "Azure recommends: Do it. Assign the role"
        in of_operation({"additionalInfo": [{"info": info}]}, {}).user_message
    )


def test_the_old_envelope_is_read() -> None:
    old = of_response(404, {"ErrorCode": "ResourceNotFound", "Message": "Gone."}, {})
    assert (old.code, old.message) == ("ResourceNotFound", "Gone.")


def test_the_details_are_dug_out_of_where_the_service_hides_them() -> None:
    info: dict[str, Any] = {
        "code": "UserErrorNotEnoughPermissionOnDisk",
        "message": "Real words.",
        "recommendedAction": ["Do this.", "Then that."],
        "isRetryable": False,
    }
    error = of_operation(
        {"code": "Outer", "message": "outer", "additionalInfo": [{"info": info}]},
        {"x-ms-correlation-request-id": "corr-1"},
    )
    assert isinstance(error, PermissionsMissing) and error.is_transient
    assert (error.message, error.action, error.correlation_id) == ("Real words.", "Do this. Then that.", "corr-1")


def test_an_answer_that_says_nothing_still_makes_an_error() -> None:
    for nothing in (None, {}, [], "text", {"additionalInfo": [None]}):
        assert type(of_operation(nothing, {})) is Waiting
    assert failure(None) is None and failure([]) is None
    found = failure([{"code": "C", "message": "m", "recommendedAction": None}])
    assert found is not None and (found.code, found.action) == ("C", None)


def test_throttling_says_when_to_come_back() -> None:
    error = of_response(429, {"error": {"code": "TooManyRequests", "message": "m"}}, {"Retry-After": "17"})
    assert isinstance(error, Throttled) and error.retry_after == timedelta(seconds=17)
    unsaid = of_response(429, {}, {"Retry-After": "Wed, 21 Oct 2026"})
    assert isinstance(unsaid, Throttled) and unsaid.retry_after is None


@pytest.mark.parametrize(("status", "code"), [(503, "ServerBusy"), (500, "InternalServerError"), (409, "Conflict")])
def test_what_heals_by_itself_says_when_to_come_back_too(status: int, code: str) -> None:
    error = of_response(status, {"error": {"code": code, "message": "m"}}, {"Retry-After": "90"})
    assert isinstance(error, Unavailable | Conflict) and error.retry_after == timedelta(seconds=90)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("30", 30), ("99999999999", 4 * 3600), ("9" * 500, 4 * 3600), ("²", None), ("-1", None), ("", None)],
)
def test_nobody_waits_for_ever(text: str, seconds: int | None) -> None:
    assert retry_after(text) == (None if seconds is None else timedelta(seconds=seconds))


def test_an_answer_that_cannot_be_read_is_no_refusal() -> None:
    with pytest.raises(Unavailable, match="NotUnderstood"):
        decode.one({"id": "/x"}, decode.vault)
