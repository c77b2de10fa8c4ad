"""Tells the stories whose seeds come in, one a line, in a process of its own: PYTHONHASHSEED=0 orders its sets.

Each answer is one line: the hash of what happened, and what did not hold.
"""

from __future__ import annotations

import json
import sys

from simulation.run import tell
from simulation.story import generate

if __name__ == "__main__":
    for line in sys.stdin:
        outcome = tell(generate(int(line)))
        print(json.dumps([outcome.digest, outcome.violations]), flush=True)
