"""What people do about DiskProtectionRules: the platform team, and teams whose PVCs are selected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness import objects
from world.team import Team

if TYPE_CHECKING:
    from simulation.run import SimulatedWorld

# Nothing of the operator's own: a mistake in what both share would be seen by neither.
RULE_LABEL = "azdiskbackup.io/rule"
OPT_OUT = "azdiskbackup.io/protect"
ACKNOWLEDGE = "azdiskbackup.io/acknowledge-withdrawal"
# By which rules select namespaces; that of PVCs begins where those of other stories end.
CHOSEN = "rules"
_FIRST = 3


class RuleActors:
    """Those who act about rules.

    Attributes:
        acknowledged: when which rule's withdrawal was acknowledged last, and how many were meant.
    """

    world: SimulatedWorld
    teams: list[Team]
    acknowledged: dict[str, tuple[float, int]]

    def _claim(self, team: int, claim: int) -> None:
        raise NotImplementedError

    async def make_rule(self, name: str, policy: str, **spec: Any) -> None:
        selector = {"matchLabels": {CHOSEN: "yes"}}
        await self.teams[0].apply(objects.rule(name, policy, namespaceSelector=selector, **spec))

    edit_rule = make_rule

    async def delete_rule(self, name: str) -> None:
        await self.teams[0].delete("DiskProtectionRule", name)

    async def choose(self, team: int, on: bool) -> None:
        """Label a namespace so that rules select it, or take the label off."""
        await self.teams[team].label_namespace(**{CHOSEN: "yes" if on else None})

    async def make_claims(self, team: int, count: int) -> None:
        for number in range(_FIRST, _FIRST + count):
            self._claim(team, number)

    async def drop_claims(self, team: int, count: int) -> None:
        for number in range(_FIRST, _FIRST + count):
            await self.teams[team].delete("PersistentVolumeClaim", f"data-{number}")

    async def opt(self, team: int, claim: int, value: str | None) -> None:
        labels = {OPT_OUT: value}
        await self.teams[team].patch("PersistentVolumeClaim", f"data-{claim}", {"metadata": {"labels": labels}})

    async def acknowledge(self, name: str) -> None:
        """A person lets a withdrawal happen that is held."""
        held = self.teams[0].get("DiskProtectionRule", name)["status"]["withdrawal"]
        annotations = {ACKNOWLEDGE: f"{held['count']}@{held['since']}"}
        self.acknowledged[name] = (self.world.clock.monotonic(), held["count"])
        await self.teams[0].patch("DiskProtectionRule", name, {"metadata": {"annotations": annotations}})

    async def take_over(self, team: int, claim: int) -> None:
        labels = {RULE_LABEL: None}
        await self.teams[team].patch("ProtectedDisk", f"data-{claim}", {"metadata": {"labels": labels}})

    async def set_policy(self, team: int, claim: int, policy: str) -> None:
        patch = {"spec": {"policyRef": {"name": policy}}}
        await self.teams[team].patch("ProtectedDisk", f"data-{claim}", patch)

    async def delete_made(self, team: int, claim: int) -> None:
        await self.teams[team].delete("ProtectedDisk", f"data-{claim}")
