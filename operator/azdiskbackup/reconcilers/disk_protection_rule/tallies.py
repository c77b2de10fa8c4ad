"""What rules mean for all PVCs, summed up by rule: kept as it changes, never counted anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from azdiskbackup.api.v1alpha1.disk_protection_rule import EXAMPLES
from azdiskbackup.core.disk_protection_rule.assessment import WITHDRAWALS, Action, Assessment, State


class Place(NamedTuple):
    """A PVC by its namespace and name, whether it exists or not."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(slots=True)
class Tally:
    """The PVCs in whose numbers one rule is; in the order in which they came there."""

    places: dict[tuple[State, str], dict[Place, None]] = field(default_factory=lambda: defaultdict(dict))
    to_do: dict[Action, dict[Place, Assessment]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, place: Place, found: Assessment) -> None:
        """Count a PVC."""
        self.places[found.state, found.reason][place] = None
        if found.action is not None:
            self.to_do[found.action][place] = found

    def remove(self, place: Place, found: Assessment) -> None:
        """Count a PVC no more."""
        places = self.places[found.state, found.reason]
        del places[place]
        if not places:
            del self.places[found.state, found.reason]
        if found.action is not None:
            del self.to_do[found.action][place]

    def counts(self) -> dict[tuple[State, str], int]:
        """Return how many PVCs are in which state, for which reason."""
        return {key: len(places) for key, places in self.places.items()}

    def examples(self) -> dict[tuple[State, str], tuple[str, ...]]:
        """Return some of the PVCs that are skipped, by reason."""
        return {
            key: tuple(sorted(map(str, islice(places, EXAMPLES))))
            for key, places in self.places.items()
            if key[0] is State.SKIPPED
        }

    def withdrawn(self) -> tuple[str, ...]:
        """Return some of the PVCs whose ProtectedDisks are to be stopped or deleted."""
        return tuple(sorted(str(place) for action in WITHDRAWALS for place in islice(self.to_do[action], EXAMPLES)))


class Tallies:
    """The tallies of all rules; one without a name has the PVCs that no rule selects."""

    def __init__(self) -> None:
        self._by_rule: dict[str, Tally] = {}
        self._known: dict[Place, tuple[Assessment, ...]] = {}

    def of(self, rule: str) -> Tally:
        """Return the tally of a rule."""
        return self._by_rule.setdefault(rule, Tally())

    def put(self, place: Place, found: tuple[Assessment, ...]) -> set[str]:
        """Take what rules mean for a PVC by now; return the rules whose numbers it changes."""
        before = self._known.get(place, ())
        if before == found:
            return set()
        for each in before:
            self.of(each.rule).remove(place, each)
        for each in found:
            self.of(each.rule).add(place, each)
        if found:
            self._known[place] = found
        else:
            self._known.pop(place, None)
        return {each.rule for each in set(before) ^ set(found)}

    def places(self) -> Iterator[Place]:
        """Yield all that is counted."""
        return iter(self._known)

    def samples(self) -> Iterator[tuple[tuple[str, str, str], int]]:
        """Yield rule, state and reason of PVCs, and how many there are."""
        for rule, tally in self._by_rule.items():
            for (state, reason), places in tally.places.items():
                yield (rule, state.value, reason), len(places)
