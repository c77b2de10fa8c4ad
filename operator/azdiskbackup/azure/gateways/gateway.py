"""What the gateways have in common: a call of the SDK, whose answer is a value of ours and whose error one of ours."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any, TypeVar

from azdiskbackup.azure.client.connection import AzureConnection
from azdiskbackup.azure.client.error_codes import MISSING
from azdiskbackup.azure.client.error_table import translated
from azdiskbackup.azure.gateways import decode
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.rules.lookup import NOT_FOUND, NotFound
from azdiskbackup.errors import OperatorError

AnswerT = TypeVar("AnswerT")
ValueT = TypeVar("ValueT")


class Gateway:
    """The calls about one thing of Azure.

    Raises:
        OperatorError: Azure refuses or fails; its class says whether waiting helps (``azure.client.error_table``).
        RateLimited: the request is not allowed yet.
    """

    def __init__(self, connection: AzureConnection) -> None:
        self._connection = connection


async def unless_absent(answer: Awaitable[AnswerT]) -> AnswerT | NotFound:
    """Return an answer, or that what it is about does not exist."""
    try:
        with translated():
            return await answer
    except OperatorError as error:
        if error.code in MISSING:
            return NOT_FOUND
        raise


async def get_one(answer: Awaitable[Any], read: Callable[[decode.Json], ValueT]) -> ValueT | NotFound:
    """Return what a model of the SDK tells, or that there is none."""
    found = await unless_absent(answer)
    return found if isinstance(found, NotFound) else decode.one(found.as_dict(), read)


async def list_all(answer: AsyncIterable[Any], read: Callable[[decode.Json], ValueT]) -> list[ValueT]:
    """Return what the models of all pages tell; one that cannot be read is left out."""
    with translated():
        return decode.each([each.as_dict() async for each in answer], read)


def in_vault(id_: ArmId) -> tuple[str, str, str]:
    """Return resource group, vault and name of something in a vault, in the order of the SDK's parameters."""
    return id_.group, id_.path[1], id_.name
