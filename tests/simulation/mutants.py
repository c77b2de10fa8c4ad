"""Planted bugs: each has to be found, or the simulation has a hole."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest import mock

from azdiskbackup.azure.gateways import encode
from azdiskbackup.core.disk_restore import rules as restore_rules
from azdiskbackup.core.disk_restore.desired import Desired as RestoreDesired
from azdiskbackup.core.disk_restore.rules.request import job_ended
from azdiskbackup.core.jobs.attempt import IntentRecorded
from azdiskbackup.core.objects import azure as azure_objects
from azdiskbackup.core.on_demand_backup import desired as backup_desired
from azdiskbackup.core.protected_disk import deletion
from azdiskbackup.core.protected_disk.rules import eligibility
from azdiskbackup.core.rules import reasons as names
from azdiskbackup.core.rules.lookup import NotFound
from azdiskbackup.core.rules.verdicts import satisfied
from azdiskbackup.reconcilers.common import reconciler
from azdiskbackup.reconcilers.common.job_follower import JobFollower
from azdiskbackup.reconcilers.common.status_writer import StatusWriter
from azdiskbackup.reconcilers.disk_restore import controller as restores_controller
from azdiskbackup.reconcilers.disk_restore import observe as restores_observe
from azdiskbackup.reconcilers.protected_disk import inventory_reader
from azdiskbackup.reconcilers.protected_disk import observe as disks_observe
from simulation.run import Outcome, tell
from simulation.story import generate

Patch = Callable[[], Any]


def _absence_at_first_sight() -> Any:
    async def believed(state: Any, id_: Any, answer: Any, *_: Any, **__: Any) -> Any:
        return answer

    return mock.patch.multiple(
        reconciler.KindState, prove_absence=lambda *_, **__: None, prove_absence_by_list=believed
    )


def _retain_is_forgotten() -> Any:
    def release(desired: Any, observed: Any, found: Any, now: datetime) -> Any:
        return satisfied(names.DELETING, "Nothing is done.")

    return mock.patch.object(deletion, "_apply_deletion_policy", release)


def _another_cluster_is_no_owner() -> Any:
    return mock.patch.object(eligibility, "owned_elsewhere", lambda desired, observed: None)


@contextlib.contextmanager
def _a_claim_is_its_name() -> Iterator[None]:
    with contextlib.ExitStack() as both:
        for module in (eligibility, disks_observe, inventory_reader):
            both.enter_context(mock.patch.object(module, "is_changed", lambda claim, recorded: False))
        yield


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


def _a_lost_request_is_sent_again() -> Any:
    async def search(self: Any, desired: Any, instance: Any, state: Any) -> Any:
        state.sent = None
        return IntentRecorded(instance, state.error, None)

    return mock.patch.object(JobFollower, "_search", search)


def _restored_is_new() -> Any:
    return mock.patch.object(backup_desired, "restored_by", lambda resource: None)


def _every_job_is_good() -> Any:
    return mock.patch.object(azure_objects.AzureJob, "succeeded", property(lambda job: not job.running))


def _a_mode_is_a_mode() -> Any:
    return mock.patch.object(azure_objects.AzureInstance, "is_in_mode", lambda instance, mode: True)


def _each_request_makes_a_disk() -> Any:
    def name(wish: Any) -> str:
        return f"again-{int(asyncio.get_running_loop().time() // 600)}"

    return mock.patch.object(RestoreDesired, "disk_name", property(name))


def _a_pvc_is_its_name() -> Any:
    known = restores_observe._claim

    def ours(context: Any, desired: Any) -> Any:
        found = known(context, desired)
        return found if isinstance(found, NotFound) else replace(found, is_ours=True, is_bound=True)

    return mock.patch.object(restores_observe, "_claim", ours)


def _every_restore_succeeds() -> Any:
    def ended(desired: Any, observed: Any, now: datetime) -> Any:
        return satisfied(names.COMPLETED, "It is done.")

    rules = [(type_, ended if rule is job_ended else rule) for type_, rule in restore_rules.PROVISIONING_RULES]
    return mock.patch.object(restores_controller, "PROVISIONING_RULES", rules)


MUTANTS: Mapping[str, Patch] = {
    "absence is believed at first sight": _absence_at_first_sight,
    "the deletion policy is forgotten": _retain_is_forgotten,
    "an instance of another cluster is taken": _another_cluster_is_no_owner,
    "a claim made again is a silent switch": _a_claim_is_its_name,
    "suspended counts as stopped": _suspended_is_stopped,
    "what is being configured counts as protected": _unknown_states_are_protected,
    "tags of others on the vault are lost": _tags_of_others_are_lost,
    "status is written at each pass": _status_is_written_each_time,
    "a request whose answer is lost is sent again": _a_lost_request_is_sent_again,
    "what a restore of manifests brought back is a new wish": _restored_is_new,
    "every job that has ended is a good one": _every_job_is_good,
    "an instance is in every mode": _a_mode_is_a_mode,
    "each request for a restore makes a disk of its own": _each_request_makes_a_disk,
    "a PVC of the wanted name is the restore's own": _a_pvc_is_its_name,
    "a restore succeeds before its job": _every_restore_succeeds,
}


def told_with(name: str, seed: int) -> Outcome:
    """Tell the story of a seed with a planted bug; with none by an empty name."""
    with MUTANTS[name]() if name else contextlib.nullcontext():
        return tell(generate(seed))
