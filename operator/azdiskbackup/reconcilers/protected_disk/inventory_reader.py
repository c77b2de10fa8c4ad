"""A disk and its backup instance: as the inventory shows them where that can be believed, else by a GET."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from azdiskbackup.azure.gateways.azure import capture_error, capture_if_allowed
from azdiskbackup.azure.inventory.snapshot import InventorySnapshot
from azdiskbackup.azure.inventory.sweep import Sweep
from azdiskbackup.azure.transport.request_scope import in_background
from azdiskbackup.core.identity.arm_ids import ArmId, same_id
from azdiskbackup.core.identity.naming import instance_name
from azdiskbackup.core.objects.azure import AzureDisk, AzureInstance
from azdiskbackup.core.objects.pvc import ClaimedDisk
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.protected_disk.observed import Observed, is_changed
from azdiskbackup.core.protected_disk.rules import PROVISIONING_RULES
from azdiskbackup.core.protected_disk.steps import PutInstance
from azdiskbackup.core.protected_disk.trust import LastGet, Trust, trusted_source
from azdiskbackup.core.rules.intervals import CONFIGURATION_TAKES
from azdiskbackup.core.rules.lookup import NOT_FOUND, FetchFailed, NotFetched, NotFound
from azdiskbackup.core.rules.verdicts import Plan, evaluate
from azdiskbackup.errors import AlreadyProtected, RateLimited
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.common.reconciler import NothingNew
from azdiskbackup.reconcilers.protected_disk.state import BurstDetector, Edits, Pass, drop_before

# A disk that was read is taken to be as it was for this long; its backups would fail, and say so, if it were gone.
DISK_VALID_FOR = timedelta(hours=6)
# So many GETs cost less than a sweep, and show more.
_A_FEW = 3
_TOGETHER_EVERY = timedelta(minutes=1)
# By then an index shows that it is there.
_SHOWN_WITHIN = timedelta(minutes=4)
# By then Azure has configured it, or said why not.
_TOGETHER_FOR = timedelta(minutes=10)
# So long a new object says nothing, where all are about to be looked at together.
_PATIENT_FOR = timedelta(minutes=1)
# By then the queries of a sweep of some subscriptions have had their turn.
_TURN_TAKES = timedelta(seconds=15)

T = TypeVar("T")


class Configurations:
    """The instances that were asked for, and are not seen to be configured yet: few are read one by one, many together.

    A GET for each would double what a disk costs of Azure's limits. An index lags: what it does not show yet is looked
    at again with all others, and in the end by a GET. Losing this costs calls, nothing else.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        # By subscription, in the order in which they were asked for.
        self._since: dict[str, dict[str, datetime]] = {}
        self._looked_at: dict[str, datetime] = {}

    def begin(self, instance: ArmId, now: datetime) -> None:
        """Take note of an instance that was asked for; one that an index shows already is looked at by itself."""
        if not self._sweep.is_known_absent(instance):
            return
        self.end(instance)
        self._since.setdefault(instance.subscription.lower(), {})[str(instance).lower()] = now

    async def look(self, pass_: Pass, instance: ArmId) -> AzureInstance | NotFound | None:
        """Return an instance as a look at all of them shows it, NotFound while it has to wait; None if a GET has to.

        It may be behind: who asks decides whether that is all he wants to know.
        """
        operation, known, now = pass_.state.steps.operation, pass_.state.instance, pass_.now
        if operation is None or operation.step is not PutInstance or not isinstance(known.value, NotFound):
            return None
        subscription = instance.subscription.lower()
        is_one_of_them = str(instance).lower() in self._since.get(subscription, {})
        if not is_one_of_them or not self._are_many(subscription, now):
            return None
        looked_at = self._looked_at.get(subscription)
        if looked_at is not None and looked_at < operation.look_at and now < looked_at + _TOGETHER_EVERY:
            # The last look was too soon for this one.
            return _wait_until(looked_at + _TOGETHER_EVERY, pass_, known.value)
        snapshot = await capture_if_allowed(self._sweep.read(instance.parent, operation.look_at))
        if isinstance(snapshot, NotFetched) and now < operation.since + _SHOWN_WITHIN:
            # A GET for each would take longer than our turn.
            return _wait_until(now + _TOGETHER_EVERY, pass_, known.value)
        if not isinstance(snapshot, InventorySnapshot):
            return None
        self._looked_at[subscription] = snapshot.at
        shown = snapshot.of(instance).instance
        if shown is not None and not shown.is_changing:
            return shown
        if shown is None and now >= operation.since + _SHOWN_WITHIN:
            # Its request may have failed meanwhile.
            return None
        return _wait_until(snapshot.at + _TOGETHER_EVERY, pass_, known.value)

    def first_look_pending(self, pass_: Pass) -> bool:
        """Return whether the first look at an instance that was asked for is still to come."""
        operation = pass_.state.steps.operation
        if operation is None or operation.step is not PutInstance:
            return False
        return pass_.now < operation.since + CONFIGURATION_TAKES + _TOGETHER_EVERY

    def end(self, instance: ArmId) -> None:
        """Take note that an instance was seen as it is to be, or is looked at by itself."""
        self._since.get(instance.subscription.lower(), {}).pop(str(instance).lower(), None)

    def _are_many(self, subscription: str, now: datetime) -> bool:
        since = self._since[subscription]
        drop_before(since, now - _TOGETHER_FOR)
        return len(since) > _A_FEW


def _wait_until(when: datetime, pass_: Pass, meanwhile: NotFound) -> NotFound:
    assert pass_.state.steps.operation is not None
    pass_.state.steps.operation = replace(pass_.state.steps.operation, look_at=when)
    return meanwhile


class InventoryReader:
    """Reads disks and instances, at little cost."""

    def __init__(self, context: ReconcileContext, configurations: Configurations, edits: Edits) -> None:
        self._context = context
        self._configurations = configurations
        self._edits = edits
        self._burst = BurstDetector()

    # --- the disk ---------------------------------------------------------------------------------

    async def disk(self, pass_: Pass, observed: Observed) -> AzureDisk | NotFound | FetchFailed:
        """Return the managed disk that the object is about."""
        id_ = observed.recorded.disk_id
        if isinstance(observed.claim, ClaimedDisk) and not pass_.desired.deleting:
            id_ = observed.claim.id
        if id_ is None:
            return NOT_FOUND
        known = pass_.state.disk
        valid = known.get(id_, pass_.now)
        if valid is not None:
            return valid
        shown = None if pass_.desired.deleting else await self._shown_disk(pass_, observed, id_)
        if shown is not None:
            known.set(None)
            return shown
        found = await capture_error(self._context.azure.resources.get_disk(id_))
        if isinstance(found, AzureDisk):
            known.set(found, pass_.now + DISK_VALID_FOR)
        return found

    async def _shown_disk(self, pass_: Pass, observed: Observed, id_: ArmId) -> AzureDisk | None:
        """Return a disk as a query for all disks shows it; None if it needs a GET."""
        if pass_.state.history.failed_job is not None:
            # The disk itself may be why.
            return None
        recorded = observed.recorded
        if not self._context.sweep.is_disk_at_hand(id_) and self._edits.is_urgent(pass_):
            return None
        since = pass_.now - self._context.settings.snapshot_max_age if recorded.instance_id is None else None
        shown = await self._together(pass_, self._context.sweep.disk(id_, since))
        if isinstance(shown, FetchFailed | NotFetched) and recorded.instance_id is not None:
            # What was known is worth more than a call for each disk while the index is unavailable.
            before = recorded.disk if recorded.disk is not None and same_id(recorded.disk.id, id_) else None
            return pass_.state.disk.get_stale(id_) or before
        return shown if isinstance(shown, AzureDisk) else None

    # --- the instance -----------------------------------------------------------------------------

    async def instance(self, pass_: Pass, observed: Observed) -> AzureInstance | NotFound | FetchFailed:
        """Return the backup instance: by a GET while it changes, else as the snapshot of the whole vault shows it."""
        known, now, deleting = pass_.state.instance, pass_.now, pass_.desired.deleting
        id_ = self._instance_id(pass_, observed)
        if id_ is None:
            return NOT_FOUND
        is_seen = observed.recorded.instance_id is not None or isinstance(known.value, AzureInstance)
        if is_seen and not known.change_expected and not deleting:
            return await self._swept(pass_, observed, id_)
        if not deleting and self._known_absent(pass_):
            return NOT_FOUND
        if pass_.state.is_operation_in_progress(now) and known.value is not None:
            return known.value
        configured = None if deleting else await self._configured(pass_, observed, id_)
        if configured is not None:
            return configured
        if await self._new_and_not_shown(pass_, id_):
            known.last_get = LastGet(NOT_FOUND, now)
            return NOT_FOUND
        return await self._get(pass_, observed, id_)

    def _instance_id(self, pass_: Pass, observed: Observed) -> ArmId | None:
        """Return the id of the instance in question: the recorded one, else the one that would be made."""
        recorded = observed.recorded
        if recorded.instance_id is not None:
            return ArmId.parse(recorded.instance_id)
        if pass_.state.instance.adopted_id is not None:
            return pass_.state.instance.adopted_id
        disk = observed.disk.id if isinstance(observed.disk, AzureDisk) else None
        if disk is None or _is_leaving(pass_, observed):
            # The claim may have gone first, or have another disk; the instance may be so new that status lacks it.
            claimed = observed.claim.id if isinstance(observed.claim, ClaimedDisk) else None
            disk = recorded.disk_id or claimed
        if disk is None or not isinstance(observed.vault, VaultView) or observed.vault.id is None:
            return None
        return observed.vault.id.child("backupInstances", instance_name(disk))

    async def _configured(self, pass_: Pass, observed: Observed, id_: ArmId) -> AzureInstance | NotFound | None:
        """Return an instance that was asked for with many others: configured, or not yet; None if it needs a GET."""
        found = await self._configurations.look(pass_, id_)
        if isinstance(found, NotFound):
            return found
        self._configurations.end(id_)
        if found is None or not _is_converged(pass_, replace(observed, instance=found)):
            # Whatever else it is: the instance itself tells more, and is not behind.
            return None
        pass_.state.instance.last_get = LastGet(found, pass_.now)
        return found

    async def _swept(self, pass_: Pass, observed: Observed, id_: ArmId) -> AzureInstance | NotFound | FetchFailed:
        sweep, since = self._context.sweep, pass_.now - self._context.settings.snapshot_max_age
        if not sweep.is_at_hand(id_.parent, since) and self._edits.is_urgent(pass_):
            return await self._get(pass_, observed, id_)
        snapshot = await capture_error(sweep.read(id_.parent, since))
        if isinstance(snapshot, FetchFailed):
            return snapshot
        return await self._trusted(pass_, observed, id_, snapshot)

    async def _trusted(
        self, pass_: Pass, observed: Observed, id_: ArmId, snapshot: InventorySnapshot
    ) -> AzureInstance | NotFound | FetchFailed:
        shown, known = snapshot.of(id_).instance, pass_.state.instance
        if known.needs_get:
            # Nobody waits for it: until it is its turn, what is shown counts.
            with contextlib.suppress(RateLimited), in_background():
                return await self._get_instead_of(shown, pass_, observed, id_)
        source = trusted_source(
            shown,
            snapshot.at,
            known.last_get,
            is_listed=snapshot.listed,
            is_converged=shown is not None and _is_converged(pass_, replace(observed, instance=shown)),
        )
        if source is Trust.LAST_GET:
            assert known.value is not None
            return known.value
        if source is Trust.SNAPSHOT_FROM_NOW_ON:
            known.last_get = None
        if source is not Trust.NEW_GET:
            assert shown is not None
            return shown
        return await self._get_instead_of(shown, pass_, observed, id_)

    async def _get_instead_of(
        self, shown: AzureInstance | None, pass_: Pass, observed: Observed, id_: ArmId
    ) -> AzureInstance | NotFound | FetchFailed:
        found = await self._get(pass_, observed, id_)
        if isinstance(found, AzureInstance) and (shown is None or not found.looks_like(shown)):
            # The row was wrong, or behind.
            self._context.sweep.report_mismatch(id_.parent)
        return found

    def _known_absent(self, pass_: Pass) -> bool:
        """Nobody but us makes an instance of this name, and we did not since the last GET."""
        known = pass_.state.instance
        if known.last_get is None or known.change_expected or not isinstance(known.value, NotFound):
            return False
        return pass_.now < known.last_get.at + self._context.settings.observe_every

    async def _new_and_not_shown(self, pass_: Pass, id_: ArmId) -> bool:
        """Return whether one of a burst of new objects has no instance: the index shows none, and Azure validates."""
        state, now = pass_.state, pass_.now
        if not state.is_new or pass_.desired.deleting or state.instance.change_expected:
            return False
        if isinstance(state.refusal, AlreadyProtected) or isinstance(state.instance.value, AzureInstance):
            # What a GET showed is there, however long an index takes to show it.
            return False
        since = now - self._context.settings.snapshot_max_age if state.instance.last_get else self._burst.started()
        if since is None:
            return False
        snapshot = await self._together(pass_, self._context.sweep.read(id_.parent, since))
        return isinstance(snapshot, InventorySnapshot) and snapshot.is_absent(id_)

    async def _together(self, pass_: Pass, reading: Awaitable[T]) -> T | FetchFailed | NotFetched:
        """Return what is read about all; NotFetched if it is not our turn to read it, and a GET has to do.

        Raises:
            NothingNew: one of many new objects waits a while for our turn: a GET for each would take longer.
        """
        is_first = pass_.state.is_new and pass_.state.instance.last_get is None
        if is_first:
            self._burst.add(pass_.key, pass_.now)
        patient_until = pass_.resource.created + _PATIENT_FOR
        if not is_first or self._burst.started() is None or pass_.now >= patient_until:
            return await capture_if_allowed(reading)
        try:
            return await capture_error(reading)
        except RateLimited:
            # The sweep of the subscription has queued for it.
            raise NothingNew(min(pass_.now + _TURN_TAKES, patient_until)) from None

    async def _get(self, pass_: Pass, observed: Observed, id_: ArmId) -> AzureInstance | NotFound | FetchFailed:
        may_be_deleted = observed.recorded.instance_id is not None or isinstance(pass_.state.refusal, AlreadyProtected)
        found = await capture_error(self._context.azure.instances.get(id_))
        if isinstance(found, NotFound) and may_be_deleted:
            found = await capture_error(self._context.azure.instances.get_deleted(id_))
        # To believe it at once would let go of backups that are there, or create what is only not shown.
        asked_for = pass_.state.instance.change_expected and _is_leaving(pass_, observed)
        was_there = observed.recorded.instance_id is not None or asked_for
        azure = self._context.azure
        found = await pass_.state.prove_absence_by_list(
            id_,
            found,
            lambda: azure.instances.list(id_.parent),
            pass_.now,
            was_there=was_there,
            parents=lambda: azure.vaults.list(id_.resource_group),
        )
        if isinstance(found, FetchFailed):
            return found
        known = pass_.state.instance
        known.last_get, known.needs_get = LastGet(found, pass_.now), False
        known.change_expected = known.change_expected or (isinstance(found, AzureInstance) and found.is_changing)
        return found


def _is_leaving(pass_: Pass, observed: Observed) -> bool:
    """Return whether the object is about to let go of its disk: what it asked Azure to create may yet appear."""
    return pass_.desired.deleting or is_changed(observed.claim, observed.recorded)


def _is_converged(pass_: Pass, observed: Observed) -> bool:
    """Return whether nothing has to be done or reported if this is how the instance looks."""
    plan = evaluate(PROVISIONING_RULES, pass_.desired, observed, pass_.now)
    return isinstance(plan, Plan) and plan.ready and plan.step is None
