"""What surrounds a command that asks the API server."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from azdiskbackup.plugin.cluster.client import Cluster
from azdiskbackup.plugin.cluster.error_sentences import missing
from azdiskbackup.plugin.output.printer import Printer
from azdiskbackup.plugin.runtime.exit_code import ExitCode
from azdiskbackup.plugin.runtime.options import Options


async def session(options: Options, command: Callable[..., Awaitable[ExitCode]], **words: Any) -> ExitCode:
    """Run a command with the cluster and the printer that the options ask for."""
    _no_log()
    printer = Printer(options)
    async with Cluster(options) as cluster:
        ending = await command(cluster, printer, **words)
    if cluster.hidden:
        printer.note(f"Not shown, since you lack the permission to {missing(cluster.hidden)}.")
    return ending


def _no_log() -> None:
    """Say nothing beside the output: what libraries and the operator's own parts log is in our sentences."""
    logging.getLogger().addHandler(logging.NullHandler())
    # By itself it writes everything to stdout, between the lines of the table or the JSON.
    structlog.configure(logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger)
