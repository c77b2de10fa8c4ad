"""``make bench``: measure fleets of several sizes, print the table, write docs/benchmarks/."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from bench import report
from bench.fleet import Fleet, FleetError
from bench.scenario import Result, run
from harness.processes import ProcessDiedError
from harness.stack import ROOT, Stack

SIZES = (100, 500, 2000)
SHARE = 0.4


def main() -> int:
    """Run; return 1 if a limit was not kept."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--sizes", default="", help="numbers of disks, separated by commas")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("BEFORE", "AFTER"), help="print two results.json")
    given = parser.parse_args()
    if given.compare:
        report.compare(*(json.loads(path.read_text()) for path in given.compare))
        return 0
    sizes = [int(size) for size in given.sizes.split(",")] if given.sizes else list(SIZES)
    try:
        results = [_measure(size) for size in sorted(sizes)]
    except (FleetError, ProcessDiedError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    report.show(results)
    return 0 if report.write(results, given.out) else 1


def _measure(size: int) -> Result:
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {size} disks: {what}", flush=True)

    with tempfile.TemporaryDirectory(prefix="azdiskbackup-bench-") as folder:
        stack = Stack(Path(folder))
        try:
            stack.start_control_plane()
            stack.start_simulator()
            return run(stack, Fleet(stack, size), SHARE, tell)
        finally:
            stack.stop()


if __name__ == "__main__":
    sys.exit(main())
