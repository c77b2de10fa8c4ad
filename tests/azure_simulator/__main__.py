"""Run the simulator: ``python -m azure_simulator --help``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import ssl
from datetime import UTC, datetime
from pathlib import Path

from azure_simulator.http.server import Server


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m azure_simulator",
        description="A stand-in for the parts of Azure that azdiskbackup calls, over HTTPS.",
    )
    parser.add_argument("--port", type=int, required=True, help="port on loopback")
    parser.add_argument("--certificate", type=Path, required=True, help="PEM file")
    parser.add_argument("--key", type=Path, required=True, help="PEM file")
    parser.add_argument(
        "--start",
        type=datetime.fromisoformat,
        default=datetime.now(UTC),
        help="virtual time at the start (ISO 8601); default: now",
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=1.0,
        help="virtual seconds a second; 0: time passes only when told (default: 1)",
    )
    parser.add_argument("--state", type=Path, help="journal that lets the state survive a kill; default: none")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.certificate, arguments.key)
    start = arguments.start
    if start.tzinfo is None:
        start = start.replace(tzinfo=UTC)
    server = Server(start, arguments.rate, arguments.state)
    task = asyncio.create_task(server.run(arguments.port, context))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(_arguments()))
