"""How fast it begins, and what two thousand disks take."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

from plugin import world
from plugin.server import DISKS

# What the kernel counts for a child begins with the memory of the process that it was forked from; so it says itself.
_TELLING = """
import atexit, sys
atexit.register(lambda: sys.stderr.write(open("/proc/self/status").read()))
from azdiskbackup.plugin.app import main
main()
"""


def measured(*words: str, **environment: str) -> tuple[float, float, str]:
    """Return seconds, peak MB and stdout of a command."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _TELLING, *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "AZDISKBACKUP_NOW": world.NOW.isoformat(), **environment},
    )
    seconds = time.monotonic() - begun
    assert done.returncode == 0, done.stderr
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", done.stderr)
    return seconds, int(peak) / 1024, done.stdout


def test_status_of_two_thousand_disks(big_cluster: str) -> None:
    # The best of three: the first one may have to compile the modules, and others use this machine, too.
    seconds, megabytes, out = min(measured("status", KUBECONFIG=big_cluster) for _ in range(3))
    assert "2000 of 2000 as they should be" in out
    print(f"status of {DISKS} disks: {seconds:.2f} s, {megabytes:.0f} MB")
    assert seconds < 3 and megabytes < 150


def test_help_comes_at_once() -> None:
    measured("--help")
    seconds = min(measured("--help")[0] for _ in range(3))
    print(f"--help: {seconds:.2f} s")
    assert seconds < 0.5
