"""A few stories, and all that ever found something."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from simulation.episodes import RULES_FROM
from simulation.reached import explained, never
from simulation.run import kind_of, shrink
from simulation.story import VERBS, Story, generate
from simulation.teller import Teller

# Those that once ended badly, with what they found.
FOUND = json.loads((Path(__file__).parent / "seeds.json").read_text())
# Beside them; `make simulate` tells as many others as one likes.
USUAL = (0, 1, 2, 3, RULES_FROM + 1, RULES_FROM + 13)


@pytest.mark.parametrize("seed", [*(int(each) for each in FOUND), *USUAL])
def test_a_story(teller: Teller, seed: int) -> None:
    digest, violations = teller.told(seed)
    assert not violations, f"PYTHONHASHSEED=0 make simulate FROM={seed} SEEDS=1: {violations}"
    assert digest


def test_a_seed_tells_the_same_story_in_every_process(teller: Teller) -> None:
    """After others, and first of all."""
    with Teller() as other:
        assert other.told(3) == teller.told(3)


def test_every_verb_of_every_actor_is_in_some_story() -> None:
    seeds = (*range(300), *range(RULES_FROM, RULES_FROM + 100))
    met = {(each.actor, each.verb) for seed in seeds for each in generate(seed).actions}
    known = {(actor, verb) for actor, verbs in VERBS.items() for verb, _, _ in verbs}
    assert met == known | {
        *(("team", "follow"), ("azure", "end_restores"), ("terraform", "apply_vault"), ("portal", "protect_by_hand")),
        *(("team", each) for each in ("make_claims", "drop_claims", "opt", "take_over", "set_policy", "delete_made")),
        *(("platform", each) for each in ("choose", "make_rule", "edit_rule", "delete_rule", "acknowledge")),
    }


def test_what_is_said_never_to_be_reached_exists_and_only_that_is_told() -> None:
    exists = {name for name, _ in never(Counter())}
    assert explained() < exists
    told = dict(never(Counter({"reason ProtectedDisk Ready Protected": 1, "write backupVaults.put": 2})))
    assert exists - told.keys() == {"reason Protected", "write backupVaults.put"}
    assert told["reason VaultImmutable"] and not told["reason Adopting"]


def test_a_story_is_cut_down_to_what_matters() -> None:
    story = generate(3)
    needed = (story.actions[5], story.actions[30])

    def is_bad(each: Story) -> bool:
        return all(action in each.actions for action in needed)

    assert shrink(story, is_bad).actions == needed


def test_what_a_violation_is_about_is_not_whom_it_met() -> None:
    assert kind_of("shop-1/disk-2 is Ready (Active), and so on") == kind_of(
        "shop-2/disk-0 is Ready (Stopped), and so on"
    )
