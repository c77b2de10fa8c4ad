"""What surrounds a command that asks the API server."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from azdiskbackup.plugin.cluster.client import Cluster
from azdiskbackup.plugin.cluster.error_sentences import missing
from azdiskbackup.plugin.output.printer import Printer
from azdiskbackup.plugin.runtime.exit_code import ExitCode
from azdiskbackup.plugin.runtime.options import Options


async def session(options: Options, command: Callable[..., Awaitable[ExitCode]], **words: Any) -> ExitCode:
    """Run a command with the cluster and the printer that the options ask for."""
    # What libraries log is in our sentences.
    logging.getLogger().addHandler(logging.NullHandler())
    printer = Printer(options)
    async with Cluster(options) as cluster:
        ending = await command(cluster, printer, **words)
    if cluster.hidden:
        printer.note(f"Not shown, since you lack the permission to {missing(cluster.hidden)}.")
    return ending
