"""What a pass of a ProtectedDisk has to know: what the cache tells, and one fetcher for each fact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from azdiskbackup.azure.gateways.azure import capture_error
from azdiskbackup.core.identity.arm_ids import ArmId, is_within, same_id
from azdiskbackup.core.objects.azure import AzureDisk, AzureInstance
from azdiskbackup.core.objects.policy_view import PolicyView, policy_view
from azdiskbackup.core.objects.pvc import ClaimedDisk, NotAzureDisk, NotBound, disk_of
from azdiskbackup.core.objects.recorded import DISK, recorded_id
from azdiskbackup.core.objects.resource import Resource, selects
from azdiskbackup.core.objects.vault_view import VaultView, vault_view
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Fact, Observed, Recorded, is_changed
from azdiskbackup.core.protected_disk.ownership import is_owner
from azdiskbackup.core.protected_disk.rules.instance import instance_request
from azdiskbackup.core.protected_disk.trust import LastGet
from azdiskbackup.core.protected_disk.validation import (
    DiskValidation,
    GroupValidations,
    PassedForGroup,
    Running,
    after_look,
    is_answer_due,
    is_shared,
)
from azdiskbackup.core.rules.lookup import NOT_FETCHED, NOT_FOUND, FetchFailed, NotFound
from azdiskbackup.engine.cache import Cache, Key
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.protected_disk.inventory_reader import Configurations, InventoryReader
from azdiskbackup.reconcilers.protected_disk.state import Edits, MigrationPacer, Pass
from azdiskbackup.reconcilers.watch.indices import (
    DISKS_BY_AZURE_ID,
    DISKS_LEAVING_ROLE,
    DISKS_WITH_ROLE,
    SAME_SOURCE,
    shared_role,
)


class Fetchers:
    """Fetches facts: from the inventory where that can be believed, else by a request of their own."""

    def __init__(
        self, context: ReconcileContext, validations: GroupValidations, configurations: Configurations, edits: Edits
    ) -> None:
        self._context = context
        self._grants = context.grants
        self._validations = validations
        self._inventory = InventoryReader(context, configurations, edits)
        self._pacer = MigrationPacer(context.settings.migration_interval)
        self.by_fact = {
            Fact.DISK: self._disk,
            Fact.INSTANCE: self._instance,
            Fact.VALIDATION: self._validation,
            Fact.CONFLICTING_INSTANCE: self._conflicting_instance,
            Fact.ROLE_GRANT: self._role_grant,
            Fact.MIGRATION_TURN: self._migration_turn,
        }

    async def _disk(self, pass_: Pass, observed: Observed) -> Observed:
        return replace(observed, disk=await self._inventory.disk(pass_, observed))

    async def _instance(self, pass_: Pass, observed: Observed) -> Observed:
        return self._with_instance(pass_, replace(observed, instance=await self._inventory.instance(pass_, observed)))

    def _with_instance(self, pass_: Pass, observed: Observed) -> Observed:
        """Take note of what an instance says of its owner, its role and its policy."""
        instance, state = observed.instance, pass_.state
        if not isinstance(instance, AzureInstance):
            return observed
        # Also what a snapshot showed: a GET that did not find it before proves nothing any more.
        state.prove_absence(instance.id, instance, pass_.now, was_there=True)
        if instance.soft_deleted_until is None:
            state.instance.was_owner = is_owner(pass_.desired, observed, instance)
            self._context.owned.set(pass_.resource.uid, instance.id if state.instance.was_owner else None)
        if _recheck_cause(instance) is None:
            state.role_recheck.instance_is_fine()
        policy = observed.policy.id if isinstance(observed.policy, PolicyView) else None
        if policy is None or same_id(instance.policy_id, policy):
            state.migrate_at = None
        return observed

    async def _validation(self, pass_: Pass, observed: Observed) -> Observed:
        known, request, uid = pass_.state.validation, instance_request(pass_.desired, observed), pass_.resource.uid
        known.reset_unless_about(request)
        # What was protected before is put back by the long way, which tells of it.
        shared = is_shared(observed.reader_grant) and observed.recorded.instance_id is None
        if isinstance(known.state, Running):
            # A validation is followed on its own; to ask for it once more, after its answer, is no repetition.
            pass_.state.steps.last_completed = None
            if is_answer_due(known.state, pass_.now):
                answer = await capture_error(self._context.azure.operations.check(known.state.operation))
                failing_since = observed.recorded.validation_failing_since
                known.state = after_look(known.state, answer, pass_.now, failing_since)
                if shared:
                    known.state = self._validations.answered(request, uid, known.state, pass_.now, failing_since)
        conflict = pass_.state.conflict
        due = conflict.is_search_due(pass_.state.refusal)
        validation: DiskValidation = known.state
        if shared:
            # One that was sent was not validated, whatever is known of its group since.
            if pass_.state.is_requested:
                self._validations.retry(request)
                pass_.state.is_requested = False
            was_sent = pass_.state.instance.change_expected
            validation = PassedForGroup() if was_sent else self._validations.of(request, uid, known.state, pass_.now)
        return replace(observed, validation=validation, conflicting_instance=NOT_FETCHED if due else conflict.instance)

    async def _conflicting_instance(self, pass_: Pass, observed: Observed) -> Observed:
        """Find the instance because of which Azure refuses ours: in our vault it is adopted, elsewhere it is named."""
        vault = observed.usable_vault.id
        assert vault is not None and isinstance(observed.disk, AzureDisk), "the rules before guarantee it"
        instances, conflict = self._context.azure.instances, pass_.state.conflict
        found = await capture_error(instances.list_of_disk(observed.disk.id))
        if not isinstance(found, FetchFailed) and not found:
            kept = await capture_error(instances.list_deleted(vault))
            ours = [] if isinstance(kept, FetchFailed) else kept
            found = [each for each in ours if same_id(each.disk_id, observed.disk.id)]
        conflict.searched_for = pass_.state.refusal
        if isinstance(found, FetchFailed) or not found:
            return replace(observed, conflicting_instance=conflict.instance)
        if not is_within(found[0].id, vault):
            conflict.instance = found[0]
            return replace(observed, conflicting_instance=found[0])
        known = pass_.state.instance
        conflict.instance, known.adopted_id, known.last_get = NOT_FOUND, found[0].id, LastGet(found[0], pass_.now)
        return self._with_instance(pass_, replace(observed, instance=found[0], conflicting_instance=NOT_FOUND))

    async def _role_grant(self, pass_: Pass, observed: Observed) -> Observed:
        """Look whether the role is assigned: again where Azure says that it is missing, once for each such cause."""
        grant, vault, state = observed.reader_grant, observed.usable_vault, pass_.state
        cause = _recheck_cause(observed.instance)
        if cause is not None and not pass_.desired.deleting and state.role_recheck.is_new(cause):
            self._grants.recheck(grant)
            if is_shared(grant):
                self._validations.doubt(instance_request(pass_.desired, observed), pass_.now)
        is_private = vault.assigns_roles and not is_shared(grant)
        if is_private and state.is_new and isinstance(observed.instance, NotFound):
            # Nothing was ever written for this object: to assign it costs no more than to ask whether it is assigned.
            return replace(observed, role_grant=self._grants.is_known(grant))
        answer = await capture_error(self._grants.exists(grant, ours=vault.assigns_roles))
        return replace(observed, role_grant=answer)

    async def _migration_turn(self, pass_: Pass, observed: Observed) -> Observed:
        """Reserve a turn for a disk that has to move; one that a person sent to another policy does not queue."""
        state = pass_.state
        if state.migrate_at is None:
            is_by_hand = observed.recorded.policy not in (None, observed.usable_policy.name)
            state.migrate_at = pass_.now if is_by_hand else self._pacer.reserve(pass_.now)
        return replace(observed, migrate_at=state.migrate_at)


def _recheck_cause(instance: object) -> str | None:
    """Return why the role on the disk is in question, as the instance itself says."""
    if not isinstance(instance, AzureInstance):
        return None
    if instance.failure is not None and instance.failure.about_rights:
        return f"state {instance.state}"
    return "deleted" if instance.soft_deleted_until else None


# --- from the cache -------------------------------------------------------------------------------


class LiveDisks:
    """The ``namespace/name`` of every ProtectedDisk, looked up one at a time."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def __contains__(self, place: object) -> bool:
        """Return whether there is a ProtectedDisk of this namespace and name."""
        namespace, _, name = str(place).partition("/")
        return self._cache.has(Key("ProtectedDisk", namespace, name))


def from_cache(cache: Cache, resource: Resource, desired: Desired, recorded: Recorded) -> Observed:
    """Return what the cache tells of a disk: its policy, vault, namespace, claim, and the other objects about it."""
    raw_policy = cache.get(Key("DiskBackupPolicy", "", desired.spec.policy_ref.name))
    policy = policy_view(Resource(raw_policy)) if raw_policy is not None else NOT_FOUND
    raw_vault = cache.get(Key("BackupVault", "", policy.vault)) if isinstance(policy, PolicyView) else None
    vault = vault_view(Resource(raw_vault)) if raw_vault is not None else NOT_FOUND
    namespace = cache.get(Key("Namespace", "", desired.namespace))
    about = namespace["metadata"] if namespace is not None else {}
    labels = about.get("labels") or {}
    claim = _claim(cache, desired)
    grant_used_by, deleted_before_us = _sharers(cache, desired, recorded, vault) if desired.deleting else ((), ())
    return Observed(
        policy=policy,
        vault=vault,
        namespace_labels=labels,
        namespace_uid=about.get("uid"),
        recorded=recorded,
        claim=claim,
        usable_policies=tuple(_policies_for(cache, labels)) if isinstance(policy, NotFound) else (),
        older_duplicate=_rival(cache, resource, claim, recorded),
        new_disk_protected_by=_owner_of_new_disk(cache, resource, claim, recorded),
        grant_used_by=grant_used_by,
        deleted_before_us=deleted_before_us,
        live_disks=LiveDisks(cache),
    )


def _policies_for(cache: Cache, labels: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of the policies whose vault serves a namespace."""
    for key in sorted(cache.keys("DiskBackupPolicy")):
        policy = policy_view(Resource(cache.get(key) or {"metadata": {}}))
        raw = cache.get(Key("BackupVault", "", policy.vault)) if isinstance(policy, PolicyView) else None
        vault = vault_view(Resource(raw)) if raw is not None else NOT_FOUND
        if isinstance(vault, VaultView) and selects(vault.access.namespaces, labels):
            yield key.name


def _claim(cache: Cache, desired: Desired) -> ClaimedDisk | NotBound | NotAzureDisk | NotFound:
    source = desired.spec.source
    if source.disk_id is not None:
        try:
            return ClaimedDisk(ArmId.parse(source.disk_id), "")
        except ValueError as error:
            return NotAzureDisk(f"`diskID` is {error}.")
    assert source.persistent_volume_claim is not None
    name = source.persistent_volume_claim.name
    claim = cache.get(Key("PersistentVolumeClaim", desired.namespace, name))
    if claim is None:
        return NOT_FOUND
    volume = (claim.get("spec") or {}).get("volumeName")
    return disk_of(claim, cache.get(Key("PersistentVolume", "", volume or "")))


def _rival(
    cache: Cache, resource: Resource, claim: ClaimedDisk | NotBound | NotAzureDisk | NotFound, recorded: Recorded
) -> str | None:
    """Return the older object of the same namespace for the same source that is next to this one.

    One that protects the disk which the claim stood for before is about that disk, whatever claim it names.
    """
    current = str(claim.id) if isinstance(claim, ClaimedDisk) else None
    if is_changed(claim, recorded):
        # It is about the disk of before, and in nobody's way.
        return None
    older = cache.ahead(SAME_SOURCE, resource.raw)
    while older is not None and current is not None:
        raw = cache.get(older) or {}
        known = ((raw.get("status") or {}).get("disk") or {}).get("id")
        if known is None or same_id(str(known), current):
            break
        older = cache.ahead(SAME_SOURCE, raw)
    return older.name if older is not None else None


def _owner_of_new_disk(
    cache: Cache, resource: Resource, claim: ClaimedDisk | NotBound | NotAzureDisk | NotFound, recorded: Recorded
) -> str | None:
    """Return the object of the same namespace that protects the disk which the claim got since, if one does."""
    if not isinstance(claim, ClaimedDisk) or not is_changed(claim, recorded):
        return None
    for key in cache.find(DISKS_BY_AZURE_ID, str(claim.id).lower()):
        other = Resource(cache.get(key) or {"metadata": {}})
        is_another = key.namespace == resource.namespace and key.name != resource.name and not other.deleting
        if is_another and same_id(recorded_id(other, DISK, "disk", "id"), claim.id):
            return key.name
    return None


def _sharers(
    cache: Cache, desired: Desired, recorded: Recorded, vault: object
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the other objects that the same right serves: those that need it on, and those that let go of it first.

    Of several that are deleted together the one whose name comes last takes the right back.
    """
    if recorded.disk_id is None or not isinstance(vault, VaultView) or vault.id is None:
        return (), ()
    disk = recorded.disk_id
    scope = disk.resource_group if vault.role_scope == "ResourceGroup" else disk
    values = [shared_role(each, scope) for each in (vault.id, None)]
    mine = (desired.namespace, desired.name)
    need, leaving = [
        sorted({(key.namespace, key.name) for value in values for key in cache.find(index, value)} - {mine})
        for index in (DISKS_WITH_ROLE, DISKS_LEAVING_ROLE)
    ]
    go_first = [each for each in leaving if each < mine]
    need += leaving[len(go_first) :]
    return tuple("/".join(each) for each in need), tuple("/".join(each) for each in go_first)
