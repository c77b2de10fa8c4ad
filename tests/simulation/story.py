"""A story as data: what happens when, made from a seed, so that it can be told again, shortened and printed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from simulation import episodes
from simulation.action import LENGTH, TEAMS, Action, a_disk

_FEWEST, _MOST = 40, 60
# Stories that are older than what they would begin to tell stay as they were.
SHORT_WAY_FROM = 2000
HANDOVERS_FROM = 20_000


@dataclass(frozen=True)
class Story:
    """What happens in one world.

    Attributes:
        seed: of all that is random in it besides the actions: delays, jitter, uuids.
        settings: of the operator.
        knobs: how long Azure takes for what, in seconds.
        role_scope: where the vault gives the right to read disks: `Disk` or `ResourceGroup`.
        actions: in the order of their times.
    """

    seed: int
    settings: dict[str, Any]
    knobs: dict[str, float]
    role_scope: str
    actions: tuple[Action, ...] = field(repr=False)


Made = Callable[[random.Random], dict[str, Any]]


def _spec(chance: random.Random) -> dict[str, Any]:
    deletion = chance.choice(["Retain", "Retain", "Suspend", "Delete"])
    protection = chance.choice(["Active", "Active", "Active", "Suspended", "Stopped"])
    return a_disk(chance) | {"deletion": deletion, "protection": protection}


def _protect(chance: random.Random) -> dict[str, Any]:
    return _spec(chance) | {"protection": "Active", "policy": chance.choice(["gold", "gold", "silver"])}


def _backup(chance: random.Random) -> dict[str, Any]:
    return a_disk(chance) | {"name": f"now-{chance.randrange(4)}", "restored": chance.random() < 0.15}


def _restore(chance: random.Random) -> dict[str, Any]:
    return a_disk(chance) | {"name": f"back-{chance.randrange(2)}", "restored": chance.random() < 0.1}


def _team(chance: random.Random) -> dict[str, Any]:
    return {"team": chance.randrange(TEAMS)}


def _policy(chance: random.Random) -> dict[str, Any]:
    return {
        "policy": chance.choice(["gold", "silver"]),
        "hours": chance.choice([4, 6, 12]),
        "days": chance.randint(5, 9),
    }


def _vault(chance: random.Random) -> dict[str, Any]:
    return {
        "days": chance.choice([14, 14, 30]),
        "tag": chance.choice(["prod", "test"]),
        "deletion": chance.random() < 0.7,
        "serves": chance.random() < 0.8,
    }


def _mode(chance: random.Random) -> dict[str, Any]:
    return a_disk(chance) | {"action": chance.choice(["stopProtection", "suspendBackups", "resumeProtection"])}


def _soft(chance: random.Random) -> dict[str, Any]:
    return {"state": chance.choice(["On", "AlwaysOn"]), "days": float(chance.choice([14, 20]))}


def _fault(chance: random.Random) -> dict[str, Any]:
    route = chance.choice(
        [
            "backupInstances",
            "backupVaults",
            "backupPolicies",
            "backupJobs",
            "recoveryPoints",
            "roleAssignments",
            "resourceGraph",
            "disks",
            "operation",
            "",
        ]
    )
    what: dict[str, Any] = chance.choice(
        [
            {"status": 500},
            {"status": 503, "code": "ServiceUnavailable"},
            {"status": 0},
            {"status": 0, "after": True},
            {"status": -1},
            {"status": 404, "code": "ResourceNotFound", "message": "It was not found."},
            {"status": 404, "code": "SubscriptionNotFound", "message": "It was not found."},
            {"status": 403, "code": "AuthorizationFailed", "message": "It is not allowed."},
            {"status": 403, "code": "RequestDisallowedByPolicy", "message": "A policy forbids it."},
            {"status": 409, "code": "ScopeLocked", "message": "It is locked."},
            {"status": 409, "code": "AnotherOperationInProgress", "message": "Another one is in progress."},
            {"status": 409, "code": "NobodyKnowsThis", "message": "Something unheard of."},
            {"status": 400, "code": "UserErrorUnheardOf", "message": "Something else."},
            {"at_end": True, "code": "CloudServiceRetryableError", "is_user_error": False},
            {"at_end": True, "code": "UserErrorSomething", "message": "It went wrong."},
            {"endless": True},
        ]
    )
    return {"route": route, "times": chance.choice([1, 1, 2, 5]), "skip": chance.randrange(3), **what}


def _flap(chance: random.Random) -> dict[str, Any]:
    route = chance.choice(["backupInstances", "backupInstances", "backupVaults", "backupPolicies", "resourceGroups"])
    return {"route": route, "skip": chance.randrange(3)}


def _throttle(chance: random.Random) -> dict[str, Any]:
    return {"route": chance.choice(["backup", "resourceGraph", ""]), "seconds": chance.choice([20, 120, 900])}


def _switch(chance: random.Random) -> dict[str, Any]:
    return {"on": chance.random() < 0.6}


def _seconds(most: float) -> Made:
    return lambda chance: {"seconds": round(chance.uniform(1, most), 1)}


# Who does what, and how often compared to others of the same actor.
VERBS: dict[str, list[tuple[str, Made, int]]] = {
    "team": [
        ("protect", _protect, 8),
        ("edit", _spec, 4),
        ("unprotect", a_disk, 4),
        ("back_up", _backup, 6),
        ("forget_backup", _backup, 2),
        ("restore", _restore, 5),
        ("forget_restore", _restore, 1),
        ("drop_restored_claim", _restore, 1),
        ("recreate_claim", a_disk, 2),
        ("drop_claim", a_disk, 1),
        ("wipe_status", a_disk, 1),
        ("delete_namespace", _team, 1),
        ("let_go", a_disk, 1),
    ],
    "platform": [
        ("edit_policy", _policy, 4),
        ("edit_vault", _vault, 3),
        ("delete_policy", _policy, 1),
        ("make_policy", _policy, 2),
    ],
    "portal": [
        ("set_mode", _mode, 4),
        ("delete_instance", a_disk, 2),
        ("other_policy", a_disk, 1),
        ("take_role", a_disk, 2),
        ("start_backup", a_disk, 2),
        ("tag_vault", _vault, 2),
        ("soften_vault", _soft, 1),
        ("delete_disk", a_disk, 1),
    ],
    "cluster": [("protect_elsewhere", a_disk, 6)],
    "azure": [
        ("plant", _fault, 10),
        ("throttle", _throttle, 3),
        ("flap", _flap, 10),
        ("fail_backups", _switch, 2),
        ("lose_rows", _switch, 2),
        ("lag", _switch, 2),
        ("lock", _switch, 2),
        ("guard", _switch, 1),
        ("modify_tag", _switch, 1),
        ("disable", _switch, 1),
        ("stale", _switch, 2),
    ],
    "operator": [
        ("crash", _seconds(600), 4),
        ("restart", _seconds(60), 2),
        ("lose_watches", _seconds(1800), 1),
        ("api_server_away", _seconds(900), 1),
    ],
}


def generate(seed: int) -> Story:
    """Return the story of a seed. Each has some actors and some verbs only: a world with everything on hides more."""
    chance = random.Random(f"story {seed}")
    choices: list[tuple[str, str, Made]] = []
    weights: list[float] = []
    actors = {"team", *(each for each in VERBS if chance.random() < 0.6)}
    for actor, verbs in VERBS.items():
        if actor not in actors:
            continue
        busy = chance.choice([0.3, 1.0, 2.0])
        for verb, how, weight in verbs:
            if chance.random() < 0.7 or verb == "protect":
                choices.append((actor, verb, how))
                weights.append(weight * busy)
    times = sorted(chance.uniform(600, LENGTH - 6 * 3600) for _ in range(chance.randint(_FEWEST, _MOST)))
    if chance.random() < 0.5:
        # In bursts: what comes close together meets.
        times = sorted(round(at / 7200) * 7200 + chance.uniform(0, 240) for at in times)
    actions = [Action(30.0 + number, "team", "protect", _protect(chance)) for number in range(3)]
    for at in times:
        actor, verb, how = chance.choices(choices, weights)[0]
        actions.append(Action(round(at, 1), actor, verb, how(chance)))
    actions = sorted([*actions, *episodes.of(seed)], key=lambda action: action.at)
    return Story(
        seed=seed,
        settings={"observe_minutes": chance.choice([20, 60, 120]), "resync_minutes": 1440},
        knobs={
            "role_propagation": chance.choice([0, 300, 1800]),
            "graph_lag": chance.choice([0, 60, 300]),
            "job_list_lag": chance.choice([0, 30, 120]),
            "configuration": chance.choice([20, 60, 400]),
        },
        role_scope="ResourceGroup" if seed >= SHORT_WAY_FROM and seed % 3 else "Disk",
        actions=tuple(_with_handovers(actions, seed) if seed >= HANDOVERS_FROM else actions),
    )


def _with_handovers(actions: list[Action], seed: int) -> Iterator[Action]:
    """Yield actions with some replicas that do not crash, but are held up while another one takes the Lease."""
    chance = random.Random(f"handovers {seed}")
    for each in actions:
        if each.verb == "crash" and chance.random() < 0.5:
            yield replace(each, verb="hand_over", how={"seconds": round(chance.uniform(0, 10), 1)})
        else:
            yield each
