"""What hardly ever happens in that order by chance: some actions that belong together, in some of the stories.

Each kind has a source of chance and seeds of its own, so that the stories that found something stay as they were.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from simulation.action import LENGTH, TEAMS, Action, a_disk

_HOUR = 3600.0
RULES_FROM = 1000
_ACTIVE = {"deletion": "Retain", "protection": "Active", "policy": "gold"}


def of(seed: int) -> Iterator[Action]:
    """Yield what happens besides in the story of a seed, in any order."""
    yield from _follow(random.Random(f"follow {seed}"))
    # Stories that are older than rules stay as they were.
    if seed >= RULES_FROM and seed % 8 == 5:
        yield from _en_masse(random.Random(f"en masse {seed}"))
    elif seed >= RULES_FROM and seed % 2:
        yield from _rules(random.Random(f"rules {seed}"))
    if seed % 5 == 0:
        yield from _restores_end_otherwise(random.Random(f"restores {seed}"))
    if seed % 5 == 3:
        yield from _terraform(random.Random(f"terraform {seed}"))
    if seed % 5 == 4:
        chance = random.Random(f"others {seed}")
        yield from _by_hand(chance)
        yield from _not_served(chance)
        yield from _two_backups(chance)
        yield from _throttled(chance)


def _follow(chance: random.Random) -> Iterator[Action]:
    """PVCs are made again, and objects follow them a while later, in every third story."""
    if chance.random() < 2 / 3:
        return
    for _ in range(chance.randint(1, 4)):
        where, at = a_disk(chance), round(chance.uniform(_HOUR, LENGTH - 12 * _HOUR), 1)
        yield Action(at, "team", "recreate_claim", where)
        yield Action(at + round(chance.choice([1.0, 600.0, 3 * _HOUR]), 1), "team", "follow", where)


def _rules(chance: random.Random) -> Iterator[Action]:
    """A rule, or two; many PVCs that come and go, labels that flap, people who take over, and one who acknowledges."""
    at = chance.uniform(1 * _HOUR, 6 * _HOUR)
    count = chance.choice([2, 5, 14])
    for team in range(TEAMS):
        yield Action(at + team, "team", "make_claims", {"team": team, "count": count})
        yield Action(at + 60 + team, "platform", "choose", {"team": team, "on": chance.random() < 0.8})
    yield Action(at + 120, "platform", "make_rule", _a_rule(chance, "all"))
    if chance.random() < 0.5:
        yield Action(at + 180, "platform", "make_rule", _a_rule(chance, "special"))
    for _ in range(chance.randint(6, 14)):
        when = round(chance.uniform(at + _HOUR, LENGTH - 8 * _HOUR), 1)
        where = a_disk(chance) | {"claim": chance.choice([0, 1, 3, 4])}
        yield chance.choice(
            [
                Action(when, "platform", "choose", {"team": where["team"], "on": chance.random() < 0.6}),
                Action(when, "team", "drop_claims", {"team": where["team"], "count": count}),
                Action(when, "team", "make_claims", {"team": where["team"], "count": count}),
                Action(when, "team", "recreate_claim", where),
                Action(when, "team", "opt", where | {"value": chance.choice(["false", "true", "perhaps", None])}),
                Action(when, "team", "take_over", where),
                Action(when, "team", "set_policy", where | {"policy": "silver"}),
                Action(when, "team", "delete_made", where),
                Action(when, "platform", "edit_rule", _a_rule(chance, "all")),
                Action(when, "platform", "delete_rule", {"name": "special"}),
                Action(when, "platform", "acknowledge", {"name": "all"}),
                Action(when, "operator", "crash", {"seconds": 30.0}),
            ]
        )


def _a_rule(chance: random.Random, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "policy": chance.choice(["gold", "gold", "silver"]),
        "mode": chance.choice(["Enforce", "Enforce", "Enforce", "DryRun"]),
        "optOut": chance.choice(["Allowed", "Allowed", "Forbidden"]),
        "priority": chance.choice([0, 0, 5]),
        "minAgeMinutes": chance.choice([0, 60]),
        "maxNewPerHour": chance.choice([5, 50]),
        "whenUnselected": chance.choice(["Keep", "Stop", "Stop"]),
        "whenClaimDeleted": chance.choice(["KeepBackups", "KeepBackups", "Keep"]),
        "gracePeriodHours": chance.choice([1, 6]),
    }


def _en_masse(chance: random.Random) -> Iterator[Action]:
    """What rules protect is unselected at one moment, and selected again; then all its PVCs go, and more come."""
    begins, count = chance.uniform(_HOUR, 4 * _HOUR), 11
    vanishes = begins + chance.uniform(8 * _HOUR, 16 * _HOUR)
    returns = vanishes + chance.choice([60.0, 1800.0, 6 * _HOUR])
    gone = returns + chance.uniform(6 * _HOUR, 12 * _HOUR)
    back = chance.uniform(gone + 3 * _HOUR, LENGTH - 6 * _HOUR)
    rule = {"policy": "gold", "mode": "Enforce", "whenUnselected": "Stop", "gracePeriodHours": 1, "maxNewPerHour": 50}
    yield Action(begins + 120, "platform", "make_rule", {"name": "all", **rule})
    for team in range(TEAMS):
        whole = {"team": team, "count": count}
        yield Action(begins, "team", "make_claims", whole)
        yield Action(begins + 60, "platform", "choose", {"team": team, "on": True})
        yield Action(vanishes, "platform", "choose", {"team": team, "on": False})
        yield Action(returns, "platform", "choose", {"team": team, "on": True})
        yield Action(gone, "team", "drop_claims", whole)
        yield Action(back, "team", "make_claims", {"team": team, "count": count + 3})


def _restores_end_otherwise(chance: random.Random) -> Iterator[Action]:
    """A disk is backed up, and restored while restores fail, hang, are refused or warn; with and without a disk."""
    for number in range(chance.randint(1, 3)):
        where, at = a_disk(chance), round(chance.uniform(12 * _HOUR, LENGTH - 18 * _HOUR), 1)
        status = chance.choice(["Failed", "Failed", "CompletedWithWarnings", "InProgress", "Refused"])
        lasts = chance.choice([600.0, 2 * _HOUR, 10 * _HOUR])
        wanted = where | {"name": f"odd-{number}", "restored": False}
        yield Action(at - 6 * _HOUR, "team", "protect", where | _ACTIVE)
        yield Action(at, "azure", "end_restores", {"status": status, "disk": chance.random() < 0.5})
        yield Action(at + chance.choice([1.0, 60.0]), "team", "restore", wanted)
        yield Action(at + lasts, "azure", "end_restores", {"status": "", "disk": True})


def _terraform(chance: random.Random) -> Iterator[Action]:
    """Terraform has the vault, too, and puts its own tags back time and again: those of others only, and its own."""
    begins, every = chance.uniform(2 * _HOUR, 24 * _HOUR), chance.choice([900.0, _HOUR, 6 * _HOUR])
    for number in range(chance.randint(3, 8)):
        yield Action(round(begins + number * every, 1), "terraform", "apply_vault", {"env": chance.choice(["tf", ""])})


def _by_hand(chance: random.Random) -> Iterator[Action]:
    """Somebody protected a disk in the portal, without a word about whom it is for; then its team asks for the same."""
    where, at = a_disk(chance), round(chance.uniform(2 * _HOUR, LENGTH - 24 * _HOUR), 1)
    yield Action(at, "team", "unprotect", where)
    yield Action(at + 2 * _HOUR, "team", "recreate_claim", where)
    yield Action(at + 3 * _HOUR, "portal", "protect_by_hand", where)
    yield Action(at + chance.choice([3.1, 5.0]) * _HOUR, "team", "protect", where | _ACTIVE)


def _not_served(chance: random.Random) -> Iterator[Action]:
    """The vault serves no namespace for a while, in which somebody asks all the same."""
    where, at = a_disk(chance), round(chance.uniform(2 * _HOUR, LENGTH - 24 * _HOUR), 1)
    vault = {"days": 14, "tag": "prod", "deletion": True}
    yield Action(at, "platform", "edit_vault", vault | {"serves": False})
    yield Action(at + 600, "team", "unprotect", where)
    yield Action(at + 1 * _HOUR, "team", "recreate_claim", where)
    yield Action(at + 1.5 * _HOUR, "team", "protect", where | _ACTIVE)
    yield Action(at + chance.choice([4.0, 8.0]) * _HOUR, "platform", "edit_vault", vault | {"serves": True})


def _two_backups(chance: random.Random) -> Iterator[Action]:
    """A request for a backup is lost on its way, while somebody else's backup of the disk runs."""
    where, at = a_disk(chance), round(chance.uniform(8 * _HOUR, LENGTH - 24 * _HOUR), 1)
    lost = {"route": r"^backupInstances\.backup$", "times": 1, "skip": 0, "status": 0}
    yield Action(at - 6 * _HOUR, "team", "protect", where | _ACTIVE)
    yield Action(at, "portal", "start_backup", where)
    yield Action(at + 1, "azure", "plant", lost)
    yield Action(at + 2, "team", "back_up", where | {"name": "lost", "restored": False})


def _throttled(chance: random.Random) -> Iterator[Action]:
    """Azure asks to wait, just when everybody wants something."""
    at = round(chance.uniform(8 * _HOUR, LENGTH - 24 * _HOUR), 1)
    yield Action(at, "azure", "throttle", {"route": "backupInstances", "seconds": 900})
    for number in range(8):
        wanted = a_disk(chance) | {"deletion": "Retain", "protection": chance.choice(["Active", "Suspended"])}
        yield Action(at + 1 + 20 * number, "team", "edit", wanted)
