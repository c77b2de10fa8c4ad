"""Planted bugs: each has to be found, or the simulation has a hole."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

from azdiskbackup.azure.gateways import encode
from azdiskbackup.core.objects import azure as azure_objects
from azdiskbackup.core.protected_disk import deletion
from azdiskbackup.core.protected_disk.rules import eligibility
from azdiskbackup.core.rules import reasons as names
from azdiskbackup.core.rules.verdicts import satisfied
from azdiskbackup.reconcilers.common import reconciler
from azdiskbackup.reconcilers.common.status_writer import StatusWriter
from simulation.run import Outcome, tell
from simulation.story import generate

Patch = Callable[[], Any]


def _absence_at_first_sight() -> Any:
    return mock.patch.object(reconciler, "_ABSENCE_PROVEN_AFTER", timedelta(seconds=-1))


def _retain_is_forgotten() -> Any:
    def release(desired: Any, observed: Any, found: Any, now: datetime) -> Any:
        return satisfied(names.DELETING, "Nothing is done.")

    return mock.patch.object(deletion, "_apply_deletion_policy", release)


def _another_cluster_is_no_owner() -> Any:
    return mock.patch.object(eligibility, "owned_elsewhere", lambda desired, observed: None)


def _a_claim_is_its_name() -> Any:
    return mock.patch.object(eligibility, "same_id", lambda one, other: True)


def _suspended_is_stopped() -> Any:
    modes = azure_objects.STATES_OF_MODE
    wrong = {**modes, "Stopped": modes["Stopped"] | modes["Suspended"]}
    return mock.patch.dict(azure_objects.STATES_OF_MODE, wrong)


def _unknown_states_are_protected() -> Any:
    modes = azure_objects.STATES_OF_MODE
    return mock.patch.dict(modes, {"Active": modes["Active"] | {"configuringprotection", "protectionstopped"}})


def _tags_of_others_are_lost() -> Any:
    def changes(settings: Any) -> Any:
        tags = {name: value for name, value in settings.tags.items() if name in ("env", *_OWNER)}
        return {"tags": tags, "properties": {"securitySettings": encode._security(settings)}}

    return mock.patch.object(encode, "vault_changes", changes)


_OWNER = ("azdiskbackup.io.cluster", "azdiskbackup.io.backupvault")


def _status_is_written_each_time() -> Any:
    write = StatusWriter.write

    async def always(self: StatusWriter, resource: Any, status: Any) -> None:
        stamped = status.model_copy(update={"observed_generation": resource.generation})
        ready = [each for each in stamped.conditions if each.type == "Ready"]
        if ready:
            message = f"{ready[0].message} ({self._clock.now().isoformat()})"
            others = [each for each in stamped.conditions if each.type != "Ready"]
            changed = ready[0].model_copy(update={"message": message})
            stamped = stamped.model_copy(update={"conditions": [*others, changed]})
        await write(self, resource, stamped)

    return mock.patch.object(StatusWriter, "write", always)


MUTANTS: Mapping[str, Patch] = {
    "absence is believed at first sight": _absence_at_first_sight,
    "the deletion policy is forgotten": _retain_is_forgotten,
    "an instance of another cluster is taken": _another_cluster_is_no_owner,
    "a claim made again is a silent switch": _a_claim_is_its_name,
    "suspended counts as stopped": _suspended_is_stopped,
    "what is being configured counts as protected": _unknown_states_are_protected,
    "tags of others on the vault are lost": _tags_of_others_are_lost,
    "status is written at each pass": _status_is_written_each_time,
}


def told_with(name: str, seed: int) -> Outcome:
    """Tell the story of a seed with a planted bug; with none by an empty name."""
    with MUTANTS[name]() if name else contextlib.nullcontext():
        return tell(generate(seed))
