"""What must not be left at the end of a story."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from simulation.azure_state import INSTANCE, STATE_OF_MODE, disk_of, instances, is_ready, owner_of
from world.world import CLIENT_ID

if TYPE_CHECKING:
    from world.world import World


def backed_up_for_nothing(world: World, given_up: set[str]) -> Iterator[str]:
    """Yield what is backed up for an object that is gone, or that has another disk by now.

    Not what others resumed or configured; ``given_up`` has the ids of disks, in lower case, that may be left so.
    """
    others = _resumed_by_others(world)
    disks = {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in world.every("ProtectedDisk")}
    for instance in instances(world):
        cluster, *place = owner_of(instance)
        is_ours = cluster == world.cluster and instance.state == STATE_OF_MODE["Active"]
        if not is_ours or instance.name.lower() in others or instance.disk_id.lower() in given_up:
            continue
        raw = disks.get((place[0], place[1]))
        if raw is None:
            yield f"{instance.name} is backed up for {'/'.join(place)}, which is gone"
        elif is_ready(raw) and disk_of(raw) != instance.disk_id.lower():
            yield f"{instance.name} is backed up for {'/'.join(place)}, which has another disk"


def _resumed_by_others(world: World) -> set[str]:
    found = set()
    for each in world.azure.requests():
        match = INSTANCE.search(each.path)
        if match is None or each.caller == CLIENT_ID or not each.writes:
            continue
        if each.path.split("?")[0].lower().endswith(("resumeprotection", "resumebackups")) or match.group(2) is None:
            found.add(match.group(1).lower())
    return found
