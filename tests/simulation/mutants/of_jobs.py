"""Bugs in how backups and restores are asked for, followed and told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest import mock

from azdiskbackup.core.disk_restore.desired import Desired as RestoreDesired
from azdiskbackup.core.disk_restore.rules.request import job_ended
from azdiskbackup.core.identity.arm_ids import same_id
from azdiskbackup.core.jobs.attempt import IntentRecorded
from azdiskbackup.core.objects import azure as azure_objects
from azdiskbackup.core.on_demand_backup import desired as backup_desired
from azdiskbackup.core.on_demand_backup import rules as backup_rules
from azdiskbackup.core.rules import reasons as names
from azdiskbackup.core.rules.lookup import NotFound
from azdiskbackup.core.rules.verdicts import satisfied
from azdiskbackup.reconcilers.common import job_follower
from azdiskbackup.reconcilers.common.job_follower import JobFollower
from azdiskbackup.reconcilers.disk_restore import controller as restores_controller
from azdiskbackup.reconcilers.disk_restore import observe as restores_observe
from azdiskbackup.reconcilers.on_demand_backup import controller as backups_controller
from simulation.mutants.plant import Patch, another_rule


def _a_lost_request_is_sent_again() -> Any:
    async def search(self: Any, desired: Any, instance: Any, state: Any) -> Any:
        state.sent = None
        return IntentRecorded(instance, state.error, None)

    return mock.patch.object(JobFollower, "_search", search)


def _restored_is_new() -> Any:
    return mock.patch.object(backup_desired, "restored_by", lambda resource: None)


def _every_job_is_good() -> Any:
    return mock.patch.object(azure_objects.AzureJob, "succeeded", property(lambda job: not job.running))


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

    return another_rule(job_ended, ended, "PROVISIONING_RULES", restores_controller)


def _any_job_of_the_disk() -> Any:
    def fits(desired: Any, instance: Any) -> Any:
        return lambda job: same_id(job.instance_id, instance)

    return mock.patch.object(job_follower, "_is_of", fits)


def _what_runs_has_succeeded() -> Any:
    known = backup_rules.job_succeeded

    def done(desired: Any, observed: Any, now: datetime) -> Any:
        job = getattr(observed.attempt, "job", None)
        if isinstance(job, azure_objects.AzureJob) and job.running:
            return satisfied(names.COMPLETED, "The backup succeeded.")
        return known(desired, observed, now)

    return another_rule(known, done, "PROVISIONING_RULES", backups_controller)


MUTANTS: Mapping[str, Patch] = {
    "a request whose answer is lost is sent again": _a_lost_request_is_sent_again,
    "what a restore of manifests brought back is a new wish": _restored_is_new,
    "every job that has ended is a good one": _every_job_is_good,
    "each request for a restore makes a disk of its own": _each_request_makes_a_disk,
    "a PVC of the wanted name is the restore's own": _a_pvc_is_its_name,
    "a restore succeeds before its job": _every_restore_succeeds,
    "any job of the disk is the backup's own": _any_job_of_the_disk,
    "a backup succeeds while it runs": _what_runs_has_succeeded,
}
