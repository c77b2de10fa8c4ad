"""Bugs in what is decided about a disk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest import mock

from azdiskbackup.core.objects import azure as azure_objects
from azdiskbackup.core.protected_disk import deletion
from azdiskbackup.core.protected_disk import rules as disk_rules
from azdiskbackup.core.protected_disk.rules import changed_disk, eligibility
from azdiskbackup.core.protected_disk.rules import instance as instance_rules
from azdiskbackup.core.protected_disk.steps import FollowPVC
from azdiskbackup.core.rules import reasons as names
from azdiskbackup.core.rules.verdicts import satisfied
from azdiskbackup.reconcilers.common import reconciler
from azdiskbackup.reconcilers.protected_disk import controller, inventory_reader
from azdiskbackup.reconcilers.protected_disk import observe as disks_observe
from simulation.mutants.plant import Patch, another_rule

_USERS = (controller, inventory_reader)


def _all_is_well(desired: Any, observed: Any, now: datetime) -> Any:
    return satisfied(names.PROTECTION_CONFIGURED, "All is well.")


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


def _a_mode_is_a_mode() -> Any:
    return mock.patch.object(azure_objects.AzureInstance, "is_in_mode", lambda instance, mode: True)


def _the_mode_stays() -> Any:
    return another_rule(disk_rules.protection_mode, _all_is_well, "PROVISIONING_RULES", *_USERS)


def _the_policy_stays() -> Any:
    return mock.patch.object(instance_rules, "_migrate", _all_is_well)


def _nobody_owns_it() -> Any:
    return another_rule(disk_rules.owner_tags_written, _all_is_well, "PROVISIONING_RULES", *_USERS)


def _every_namespace_is_served() -> Any:
    return another_rule(disk_rules.namespace_allowed, _all_is_well, "PROVISIONING_RULES", *_USERS)


def _every_namespace_may_delete() -> Any:
    return mock.patch.object(deletion, "_may_delete", lambda observed: True)


def _retain_suspends() -> Any:
    known = deletion._apply_deletion_policy

    def apply(desired: Any, observed: Any, instance: Any, now: datetime) -> Any:
        if desired.spec.deletion_policy == "Retain":
            desired = replace(desired, spec=desired.spec.model_copy(update={"deletion_policy": "Suspend"}))
        return known(desired, observed, instance, now)

    return mock.patch.object(deletion, "_apply_deletion_policy", apply)


def _soft_deleted_is_there() -> Any:
    known = instance_rules.instance_exists_with_policy

    def there(desired: Any, observed: Any, now: datetime) -> Any:
        deleted = getattr(observed.instance, "soft_deleted_until", None)
        return _all_is_well(desired, observed, now) if deleted is not None else known(desired, observed, now)

    return another_rule(disk_rules.instance_exists_with_policy, there, "PROVISIONING_RULES", *_USERS)


def _the_earlier_disk_is_forgotten() -> Any:
    def leave(desired: Any, observed: Any, instance: Any, claim: Any, now: datetime) -> Any:
        return changed_disk._change_over(FollowPVC(None), claim, now)

    return mock.patch.object(changed_disk, "_leave", leave)


MUTANTS: Mapping[str, Patch] = {
    "absence is believed at first sight": _absence_at_first_sight,
    "the deletion policy is forgotten": _retain_is_forgotten,
    "an instance of another cluster is taken": _another_cluster_is_no_owner,
    "a claim made again is a silent switch": _a_claim_is_its_name,
    "suspended counts as stopped": _suspended_is_stopped,
    "what is being configured counts as protected": _unknown_states_are_protected,
    "an instance is in every mode": _a_mode_is_a_mode,
    "the mode of an instance stays as it is": _the_mode_stays,
    "the policy of an instance stays as it is": _the_policy_stays,
    "an instance that was adopted gets no tags": _nobody_owns_it,
    "every namespace is served": _every_namespace_is_served,
    "every namespace may delete restore points": _every_namespace_may_delete,
    "Retain suspends backups": _retain_suspends,
    "a soft-deleted instance counts as one": _soft_deleted_is_there,
    "the earlier disk goes on when an object follows its PVC": _the_earlier_disk_is_forgotten,
}
