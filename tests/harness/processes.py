"""Child processes that never outlive their parent and whose last words are shown when they die."""

from __future__ import annotations

import ctypes
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
# How long to pause between two looks: at first as whoever expects it at once, later as whoever has work beside.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS, _PAUSES_GROW = 0.02, 0.5, 1.2
# After so long nothing comes any more, however slow and busy the machine: a bound, no measurement.
PATIENCE_SECONDS = 600


class ProcessDiedError(RuntimeError):
    """A child ended before it was asked to; the message has the end of its log."""


def die_with_parent() -> None:
    """Have the process that is about to begin end with its parent; for ``preexec_fn``."""
    # Even when the parent is killed with SIGKILL nothing may stay behind; Linux only.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """A child process with its log in a file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._log_file = log.open("ab")
        self._process = subprocess.Popen(
            [str(word) for word in command],
            stdout=self._log_file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
            preexec_fn=die_with_parent,
            # Ctrl-C in the terminal reaches the parent only, which then stops its children in order.
            process_group=0,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait_until(self, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until the process is ready; a death is reported at once, with the end of the log."""
        deadline, pauses = time.monotonic() + seconds, _pauses()
        while not ready():
            if not self.running:
                raise ProcessDiedError(f"{self.name} ended with code {self._process.returncode}:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ProcessDiedError(f"{self.name} was not ready after {seconds:.0f} s:\n{self.tail()}")
            # Real time, on purpose: another process comes up, and says so nowhere else.
            time.sleep(next(pauses))

    def stop(self, seconds: float = 10) -> int:
        """Ask the process to end, and insist after a while; return its exit code."""
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
        code = self._process.wait()
        self._log_file.close()
        return code

    def kill(self) -> None:
        """End the process as a crash would."""
        self._process.kill()
        self._process.wait()
        self._log_file.close()

    def tail(self, characters: int = 3000) -> str:
        """Return the end of the log."""
        return self.log.read_text(errors="replace")[-characters:]


def wait_for(holds: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> float:
    """Wait in real time for something that no virtual clock drives; return how many seconds it took.

    Raises:
        AssertionError: it did not come.
    """
    begun, pauses = time.monotonic(), _pauses()
    while not holds():
        if time.monotonic() > begun + seconds:
            raise AssertionError(f"{what}: not within {seconds:.0f} s")
        time.sleep(next(pauses))
    return time.monotonic() - begun


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(_PAUSES_GROW * pause, _LONGEST_PAUSE_SECONDS)


# Below those that the kernel gives to connections, which would take a port between now and its use.
_PORTS = range(15_000, 32_000)
# Whoever holds the socket of this name may use the port; it ends with the process (Linux only).
_CLAIM = "\0azdiskbackup-port-{port}"
_claims: list[socket.socket] = []


def free_ports(count: int) -> list[int]:
    """Return ports on loopback that no other process of these tests gets while this one lives."""
    return list(itertools.islice(filter(_claimed, _candidates), count))


def _claimed(port: int) -> bool:
    """Return whether the port is ours now: claimed by no other process, and used by none."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        if sys.platform == "linux":
            claim.bind(_CLAIM.format(port=port))
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def _each_once() -> Iterator[int]:
    # Processes that begin at the same time begin elsewhere.
    begin = random.SystemRandom().randrange(len(_PORTS))
    return (_PORTS[(begin + step) % len(_PORTS)] for step in range(len(_PORTS)))


_candidates = _each_once()


def accepts_connections(port: int) -> bool:
    """Return whether something listens on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
