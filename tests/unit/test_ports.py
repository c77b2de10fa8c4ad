"""Ports for what the tests start: each belongs to one process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.processes import free_ports

# Which ports of some another process gets; it ends at once, and leaves them.
_OTHER_PROCESS = """
import sys
from harness import processes
processes._candidates = map(int, sys.argv[1:])
print(*processes.free_ports(len(sys.argv)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere ports are not claimed, and two processes may collide")
def test_a_port_is_given_to_one_process() -> None:
    """Also while nothing listens there yet."""
    ours = free_ports(2)
    command = [sys.executable, "-c", _OTHER_PROCESS, *map(str, ours)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == []
    assert not set(free_ports(2)) & set(ours)
