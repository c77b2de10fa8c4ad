"""Azure, asked as the caller."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import structlog
from pydantic import ValidationError

from azdiskbackup.azure.client.azure_cli import UNUSABLE, AzureCli
from azdiskbackup.azure.client.connection import AzureConnection
from azdiskbackup.azure.client.credential import Login
from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.azure.transport.threaded_network import ThreadedNetwork
from azdiskbackup.errors import AccessDenied, OperatorError, Unavailable
from azdiskbackup.plugin.runtime.exit_code import CliError
from azdiskbackup.settings import Settings

READER = "Backup Reader"


@asynccontextmanager
async def azure_of(subscription: str) -> AsyncIterator[Azure]:
    """Open the way to Azure; the settings of the operator's environment say where it is, if it is not the public one.

    Raises:
        CliError: the environment says something wrong.
    """
    # By itself the log is written to stdout, between the lines of the table or the JSON. Only Azure is logged about,
    # and most commands do without the time that it takes to import all this.
    structlog.configure(logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger)
    try:
        settings = Settings(subscription_id=subscription)
    except ValidationError as error:
        raise CliError(f"Invalid environment variable: {error.errors()[0]['msg']}.") from error
    async with AzureConnection(
        settings, lambda: datetime.now(UTC), ThreadedNetwork(settings), _way_to_log_in()
    ) as connection:
        yield Azure(connection)


def _way_to_log_in() -> Login:
    """Return the SDK's ways to log in, of which one is the Azure CLI's; that alone where they are not installed."""
    if importlib.util.find_spec("azure.identity") is None:
        return lambda settings, transport: AzureCli()
    from azdiskbackup.azure.client.identity import log_in

    return log_in


def unreadable_reason(error: OperatorError, scope: str) -> str:
    """Return why the caller cannot read Azure, and what to do."""
    if isinstance(error, AccessDenied) and error.code == "NoToken":
        # What the SDK says names each of its dozen ways to log in.
        return "You are not logged in to Azure. Run `az login`."
    if isinstance(error, AccessDenied) and error.code == UNUSABLE:
        return f"{error.message} Installed as a wheel, this command has other ways to log in."
    if isinstance(error, AccessDenied):
        return f"Azure denies access. Ask for the role {READER} on {scope}. {error.user_message}"
    if isinstance(error, Unavailable):
        return f"Azure does not respond: {error.message.rstrip('.')}."
    return error.user_message
