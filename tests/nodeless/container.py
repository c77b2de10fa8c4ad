"""One run of a container: a local process, its log, its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.processes import die_with_parent
from nodeless import isolation, plain
from nodeless.isolation import Sandbox

_MESSAGE_BYTES = 4096


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    signal: int
    message: str


class Run:
    """A process that was started."""

    def __init__(self, process: asyncio.subprocess.Process, pid: int, termination_log: Path) -> None:
        self._process = process
        self.pid = pid
        self._termination_log = termination_log

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    def signal(self, number: int) -> None:
        """Send the process itself a signal, not what stands around it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def ended(self) -> Ended:
        """Wait for the end."""
        code = await self._process.wait()
        # What stands around it tells a signal as a shell does.
        number = -code if code < 0 else code - 128 if code > 128 else 0
        text = self._termination_log.read_bytes()[:_MESSAGE_BYTES].decode(errors="replace")
        return Ended(128 + number if number else code, number, text)

    async def stop(self, grace: float) -> Ended:
        """Ask it to end, and insist after a while."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace):
                return await self.ended()
        except TimeoutError:
            self.signal(signal.SIGKILL)
            return await self.ended()


async def start(sandbox: Sandbox, command: Sequence[str], environment: dict[str, str], log: Path) -> Run:
    """Start a process; return once it is known which one it is."""
    sandbox.termination_log.write_bytes(b"")
    sandbox.termination_log.chmod(0o666)
    if not isolation.available():
        return await _start_plain(sandbox, command, environment, log)
    reading, writing = os.pipe()
    try:
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *sandbox.command(command, writing),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                pass_fds=[writing],
                preexec_fn=die_with_parent,
                process_group=0,
            )
    finally:
        os.close(writing)
    return Run(process, await _child_of(reading, process.pid), sandbox.termination_log)


async def _child_of(reading: int, fallback: int) -> int:
    """Return which process runs inside; the one around it, when it ended before it could say."""

    def read() -> bytes:
        with os.fdopen(reading, "rb") as pipe:
            return pipe.read()

    told = await asyncio.to_thread(read)
    return int(json.loads(told)["child-pid"]) if told.strip() else fallback


async def _start_plain(sandbox: Sandbox, command: Sequence[str], environment: dict[str, str], log: Path) -> Run:
    """Start it without anything around it: its files are where they are, and what names them says so."""
    words, found = plain.of_this_machine(sandbox, command, environment)
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=found,
            preexec_fn=die_with_parent,
            process_group=0,
        )
    return Run(process, process.pid, sandbox.termination_log)
