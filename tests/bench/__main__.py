"""``make bench``: measure fleets of several sizes, print the table, write docs/benchmarks/."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import by_rules, command, installation, large, report, restores, rules, scopes
from bench.command import Costs
from bench.fleet import Fleet, FleetError
from bench.large import Large
from bench.measures import Rules
from bench.restores import Restores
from bench.runs import on_a_stack
from bench.scenario import Result, run
from bench.scopes import Scopes
from harness.processes import ProcessDiedError
from harness.stack import ROOT

SIZES = (100, 500, 2000)
# From here on a fleet is measured in another way: as one of several subscriptions and vaults, protected by rules.
LARGE = 5000
SHARE = 0.4


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
            times = on_a_stack("installation", lambda stack, tell: installation.measure(stack, tell))
            results = [_fleet(size) for size in sizes]
            found = report.document(results, times, costs, restored, _rules(), _scopes())
            if (known := given.out / "results.json").exists():
                found = report.with_large_of(json.loads(known.read_text()), found)
    except (FleetError, ProcessDiedError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    report.show(found)
    return 0 if report.write(found, given.out, results) else 1


def _restores() -> Restores:
    return on_a_stack("restores", lambda stack, tell: restores.measure(stack, SHARE, tell))


def _costs() -> Costs:
    return command.measure(on_a_stack("kubectl", lambda stack, _: command.measure_kubectl(stack)))


def _rules() -> Rules:
    # First what is measured in CPU time: while nothing else runs.
    events = rules.measure_events()
    return Rules(events, on_a_stack("rules", lambda stack, tell: by_rules.measure(stack, tell)))


def _scopes() -> Scopes:
    return scopes.measure(on_a_stack, SHARE)


# What can be measured alone, and renews its rows.
_ONE: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "restores": lambda before: report.with_restores(before, _restores()),
    "command": lambda before: report.with_costs(before, _costs()),
    "rules": lambda before: report.with_rules(before, _rules()),
    "scopes": lambda before: report.with_scopes(before, _scopes()),
}


def _fleet(size: int) -> Result:
    return on_a_stack(f"{size} disks", lambda stack, tell: run(stack, Fleet(stack, size), SHARE, tell))


def _large(size: int) -> Large:
    # Each second would take half a core; the volumes are there first, so no PVC waits for it.
    return on_a_stack(f"{size} disks", lambda stack, tell: large.measure(stack, size, SHARE, tell), claims_every=30)


if __name__ == "__main__":
    sys.exit(main())
