"""Tells stories in a process of its own, in which PYTHONHASHSEED=0 orders its sets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE
from typing import Self

from simulation.run import tell
from simulation.story import generate

ROOT = Path(__file__).parent.parent.parent


class Teller:
    """That process."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": f"{ROOT}/operator:{ROOT}/tests"}
        command = [sys.executable, "-m", "simulation.teller"]
        self._process = subprocess.Popen(command, env=environment, stdin=PIPE, stdout=PIPE, text=True)
        self._told: dict[int, tuple[str, list[str]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def told(self, seed: int) -> tuple[str, list[str]]:
        """Tell a story, once; return its hash and what did not hold."""
        if seed not in self._told:
            process = self._process
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(f"{seed}\n")
            process.stdin.flush()
            digest, violations = json.loads(process.stdout.readline())
            self._told[seed] = digest, violations
        return self._told[seed]


def _main() -> None:
    """Tell the stories whose seeds come in, one a line.

    Each answer is one line: the hash of what happened, and what did not hold.
    """
    for line in sys.stdin:
        outcome = tell(generate(int(line)))
        print(json.dumps([outcome.digest, outcome.violations]), flush=True)


if __name__ == "__main__":
    _main()
