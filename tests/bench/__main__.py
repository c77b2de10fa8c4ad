"""``make bench``: measure fleets of several sizes, print the table, write docs/benchmarks/."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bench import by_rules, command, installation, large, report, restores, rules, scopes
from bench.command import Costs
from bench.fleet import Fleet, FleetError, Tell
from bench.large import Large
from bench.measures import Rules
from bench.restores import Restores
from bench.scenario import Result, run
from bench.scopes import Scopes
from harness.processes import ProcessDiedError
from harness.stack import ROOT, Stack

SIZES = (100, 500, 2000)
# From here on a fleet is measured in another way: as one of several subscriptions and vaults, protected by rules.
LARGE = 5000
SHARE = 0.4

T = TypeVar("T")


def main() -> int:
    """Run; return 1 if a limit was not kept."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--sizes", default="", help="numbers of disks, separated by commas")
    parser.add_argument(
        "--only", choices=["restores", "command", "rules", "scopes"], help="measure this, and renew its rows in --out"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("BEFORE", "AFTER"), help="print two results.json")
    given = parser.parse_args()
    if given.compare:
        report.compare(*(json.loads(path.read_text()) for path in given.compare))
        return 0
    sizes = sorted(int(size) for size in given.sizes.split(",")) if given.sizes else list(SIZES)
    results: list[Result] = []
    try:
        if given.only:
            before = json.loads((given.out / "results.json").read_text())
            found = _ONE[given.only](before)
        elif sizes[0] >= LARGE:
            before = json.loads((given.out / "results.json").read_text())
            found = report.with_large(before, _large(sizes[-1]))
        else:
            restored, costs = _restores(), _costs()
            times = _on_a_stack("installation", lambda stack, tell: installation.measure(stack, tell))
            results = [_fleet(size) for size in sizes]
            found = report.document(results, times, costs, restored, _rules(), _scopes())
    except (FleetError, ProcessDiedError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    report.show(found)
    return 0 if report.write(found, given.out, results) else 1


def _restores() -> Restores:
    return _on_a_stack("restores", lambda stack, tell: restores.measure(stack, SHARE, tell))


def _costs() -> Costs:
    return command.measure(_on_a_stack("kubectl", lambda stack, _: command.measure_kubectl(stack)))


def _rules() -> Rules:
    # First what is measured in CPU time: while nothing else runs.
    events = rules.measure_events()
    return Rules(events, _on_a_stack("rules", lambda stack, tell: by_rules.measure(stack, tell)))


def _scopes() -> Scopes:
    return scopes.measure(_on_a_stack, SHARE)


# What can be measured alone, and renews its rows.
_ONE: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "restores": lambda before: report.with_restores(before, _restores()),
    "command": lambda before: report.with_costs(before, _costs()),
    "rules": lambda before: report.with_rules(before, _rules()),
    "scopes": lambda before: report.with_scopes(before, _scopes()),
}


def _fleet(size: int) -> Result:
    return _on_a_stack(f"{size} disks", lambda stack, tell: run(stack, Fleet(stack, size), SHARE, tell))


def _large(size: int) -> Large:
    return _on_a_stack(f"{size} disks", lambda stack, tell: large.measure(stack, size, SHARE, tell))


def _on_a_stack(name: str, measure: Callable[[Stack, Tell], T]) -> T:
    """Measure on a control plane and a simulator of its own."""
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {name}: {what}", flush=True)

    with tempfile.TemporaryDirectory(prefix="azdiskbackup-bench-") as folder:
        stack = Stack(Path(folder))
        # Each fleet makes the volumes first.
        stack.plane.claims_every = 30
        try:
            stack.start_control_plane()
            stack.start_simulator()
            return measure(stack, tell)
        finally:
            stack.stop()


if __name__ == "__main__":
    sys.exit(main())
