"""What the gateways have in common."""

from __future__ import annotations

import asyncio

import pytest

from azdiskbackup.azure.client.error_table import of_response
from azdiskbackup.azure.gateways.gateway import unless_absent
from azdiskbackup.core.rules.lookup import NOT_FOUND
from azdiskbackup.errors import AccessDenied


async def answered(status: int, body: dict[str, object]) -> str:
    if status >= 400:
        raise of_response(status, body, {})
    return "there"


@pytest.mark.parametrize("code", ["ResourceNotFound", "UserErrorGenericResourceNotFound", "RoleAssignmentNotFound"])
def test_missing_is_absent(code: str) -> None:
    assert asyncio.run(unless_absent(answered(404, {"error": {"code": code, "message": "m"}}))) is NOT_FOUND


def test_everything_else_is_an_answer_or_an_error() -> None:
    assert asyncio.run(unless_absent(answered(200, {}))) == "there"
    with pytest.raises(AccessDenied):
        asyncio.run(unless_absent(answered(403, {})))
