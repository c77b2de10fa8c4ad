"""Planted bugs: each has to be found, or the simulation has a hole."""

from __future__ import annotations

import contextlib

from simulation.episodes import RULES_FROM
from simulation.mutants import of_disks, of_jobs, of_leaders, of_passes, of_rules
from simulation.run import Outcome, tell
from simulation.story import HANDOVERS_FROM, generate

MUTANTS = {
    **of_disks.MUTANTS,
    **of_jobs.MUTANTS,
    **of_leaders.MUTANTS,
    **of_passes.MUTANTS,
    **of_rules.MUTANTS,
}


def first_seed(name: str) -> int:
    """Return the seed from which on stories are about what a planted bug is in."""
    if name in of_leaders.MUTANTS:
        return HANDOVERS_FROM
    return RULES_FROM if name in of_rules.MUTANTS else 0


def told_with(name: str, seed: int) -> Outcome:
    """Tell the story of a seed with a planted bug; with none by an empty name."""
    with MUTANTS[name]() if name else contextlib.nullcontext():
        return tell(generate(seed))
