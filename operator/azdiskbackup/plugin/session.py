"""What surrounds a command that asks the API server."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from azdiskbackup.plugin.cluster import Cluster
from azdiskbackup.plugin.ending import Ending
from azdiskbackup.plugin.options import Options
from azdiskbackup.plugin.output import Printer

Command = Callable[..., Awaitable[Ending]]


async def session(options: Options, command: Command, **words: Any) -> Ending:
    """Run a command with the cluster and the printer that the options ask for."""
    # What libraries have to say is in our sentences.
    logging.getLogger().addHandler(logging.NullHandler())
    printer = Printer(options)
    async with Cluster(options) as cluster:
        ending = await command(cluster, printer, **words)
    for right in cluster.hidden:
        printer.note(f"Not shown, since a right is missing: {right}.")
    return ending
