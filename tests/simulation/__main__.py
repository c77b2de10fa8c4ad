"""Tell stories by their seeds: ``python -m simulation --help``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from simulation.mutants import MUTANTS, first_seed, told_with
from simulation.reached import never
from simulation.run import Outcome, kind_of, shrink, tell
from simulation.story import Story

_TRACE = 25


def main() -> int:
    """Tell the stories; return 1 if one ended badly, or a planted bug was not found."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many stories (default: %(default)s)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    parser.add_argument("--mutants", action="store_true", help="plant one bug after the other, and look for each")
    parser.add_argument("--only", default="", help="of the planted bugs, the one of this name")
    args = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        parser.error("set PYTHONHASHSEED=0: what is iterated by hashes is the same in each process only then")
    seeds = range(args.first, args.first + args.seeds)
    with ProcessPoolExecutor(args.jobs, get_context("spawn")) as pool:
        return _hunt(pool, seeds, args.only) if args.mutants else _run(pool, seeds)


def _run(pool: ProcessPoolExecutor, seeds: range) -> int:
    begun, coverage, bad, actions = time.monotonic(), Counter[str](), 0, 0
    for outcome in _tell_all(pool, seeds):
        coverage += outcome.coverage
        actions += len(outcome.story.actions)
        if outcome.violations:
            bad += 1
            print(_report(outcome), flush=True)
    took = time.monotonic() - begun
    print(f"{len(seeds)} stories of {actions} actions in {took:.0f} s; {bad} ended badly. Reached, and how often:")
    for name, count in sorted(coverage.items()):
        print(f"  {count:7d}  {name}")
    print("Never reached, and why:")
    for name, why in never(coverage):
        print(f"  {name}: {why or 'nobody says why; more seeds may reach it'}")
    return 1 if bad else 0


def _tell_all(pool: ProcessPoolExecutor, seeds: range, mutant: str = "") -> Iterator[Outcome]:
    told = [pool.submit(told_with, mutant, seed) for seed in seeds]
    try:
        for each in as_completed(told):
            yield each.result()
    finally:
        for each in told:
            each.cancel()


def _hunt(pool: ProcessPoolExecutor, seeds: range, only: str) -> int:
    survivors = []
    for name in MUTANTS:
        if only not in ("", name):
            continue
        first = first_seed(name)
        own = range(first + seeds.start, first + seeds.stop)
        found = next((each for each in _tell_all(pool, own, name) if each.violations), None)
        if found is None:
            survivors.append(name)
            print(f"SURVIVED  {name} ({len(seeds)} seeds)", flush=True)
        else:
            print(f"found     {name}: seed {found.story.seed}: {found.violations[0][:160]}", flush=True)
    print(f"{len(survivors)} planted bugs survived.")
    return 1 if survivors else 0


def _report(outcome: Outcome) -> str:
    """Return seed, what does not hold, the shortest story that still shows it, and how that went."""
    kind = kind_of(outcome.violations[0])

    def is_bad(story: Story) -> bool:
        return any(kind_of(each) == kind for each in tell(story).violations)

    shortest = tell(shrink(outcome.story, is_bad))
    story = shortest.story
    lines = [f"seed {story.seed}: {each}" for each in outcome.violations]
    lines += [
        f"shortest story: settings {story.settings}, Azure {story.knobs}",
        *(f"  {each}" for each in story.actions),
    ]
    return "\n".join([*lines, "how it went:", *(f"  {line[:300]}" for line in shortest.lines[-_TRACE:])])


if __name__ == "__main__":
    sys.exit(main())
