"""DiskBackupPolicy: what it brings to the pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

from azdiskbackup.api.v1alpha1.disk_backup_policy import DiskBackupPolicyStatus
from azdiskbackup.azure.gateways.azure import capture_error
from azdiskbackup.core.disk_backup_policy.deletion import DELETION_RULES
from azdiskbackup.core.disk_backup_policy.desired import Desired, Limits, read_desired
from azdiskbackup.core.disk_backup_policy.observed import Exists, Fact, Observed, Uses, read_recorded
from azdiskbackup.core.disk_backup_policy.rules import PROVISIONING_RULES, predecessor
from azdiskbackup.core.disk_backup_policy.status import build_status
from azdiskbackup.core.disk_backup_policy.steps import CreatePolicy, DeletePolicy, Step
from azdiskbackup.core.identity.arm_ids import ArmId, same_id
from azdiskbackup.core.objects.resource import Invalid, Resource, selects
from azdiskbackup.core.objects.vault_view import VaultView, vault_view
from azdiskbackup.core.rules.lookup import NOT_FOUND, FetchFailed
from azdiskbackup.core.rules.verdicts import Plan, Rules
from azdiskbackup.core.schedule.backup_times import next_backup
from azdiskbackup.engine.cache import Cache, Key
from azdiskbackup.reconcilers.common import reconciler
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.watch.indices import DISKS_BY_POLICY, DISKS_MOVING, DISKS_REFUSED, follows

# What refers to a policy does so for long.
USES_VALID_FOR = timedelta(hours=1)


@dataclass(slots=True)
class PolicyState(reconciler.KindState):
    """What earlier passes over one DiskBackupPolicy left.

    Attributes:
        uses: what refers to the policy ``uses_of``, valid until ``uses_valid_until``.
        existing: ARM id of the policy that Azure surely had at ``existed_at``.
    """

    uses: Uses | None = None
    uses_of: ArmId | None = None
    uses_valid_until: datetime | None = None
    existing: ArmId | None = None
    existed_at: datetime | None = None


Pass: TypeAlias = reconciler.Pass[Desired, PolicyState]


class DiskBackupPolicyKind(reconciler.KindController[Desired, Observed, Step, PolicyState]):
    """Makes policies as their objects want them."""

    status_model = DiskBackupPolicyStatus
    left_in_azure = ("policyID", "The policy stays, and so may its predecessors")
    state_model = PolicyState

    def __init__(self, context: ReconcileContext) -> None:
        self._context = context
        self._limits = Limits(context.settings.restore_point_limit, context.settings.snapshot_limit)
        self.fetchers = {Fact.POLICY: self._policy, Fact.USES: self._uses}

    # --- gather and decide ------------------------------------------------------------------------

    def read_desired(self, resource: Resource) -> Desired | Invalid:
        """Read the spec."""
        return read_desired(resource, self._limits)

    def rules(self, pass_: Pass) -> Rules:
        """Return the rules for a policy, or for its end."""
        return DELETION_RULES if pass_.desired.deleting else PROVISIONING_RULES

    def from_cache(self, pass_: Pass) -> Observed:
        """Return what the cache tells."""
        cache, desired = self._context.cache, pass_.desired
        raw = cache.get(Key("BackupVault", "", desired.spec.vault_ref.name))
        vault = vault_view(Resource(raw)) if raw is not None else NOT_FOUND
        observed = Observed(
            vault=vault,
            disk_count=cache.count(DISKS_BY_POLICY, desired.name),
            recorded=read_recorded(pass_.resource, desired.stem),
        )
        if desired.deleting:
            # Whom the vault does not serve names the policy in vain, and holds up nobody who deletes it.
            users = [key for key in cache.find(DISKS_BY_POLICY, desired.name) if _uses_policy(cache, key, vault)]
            disks = sorted(f"{key.namespace}/{key.name}" for key in users)
            return replace(observed, disks=tuple(disks))
        if not _is_predecessor_left(desired, observed):
            return observed
        assert isinstance(vault, VaultView) and vault.id is not None, "there is no predecessor otherwise"
        # What holds the predecessor of a disk that is stopped is its instance.
        moved = cache.count(DISKS_MOVING, follows(desired.name, desired.id_in(vault.id)))
        return replace(observed, moving=cache.count(DISKS_MOVING, desired.name), moved=moved)

    async def _policy(self, pass_: Pass, observed: Observed, policy: ArmId) -> Observed:
        state, look_at = pass_.state, self._next_look(pass_)
        is_known = look_at is not None and pass_.now < look_at
        if is_known and state.existing == policy and not pass_.desired.deleting:
            return replace(observed, policy=Exists())
        exists = await capture_error(self._context.azure.policies.exists(policy))
        state.existing = state.existed_at = None
        if isinstance(exists, FetchFailed):
            return replace(observed, policy=exists)
        found = Exists() if exists else NOT_FOUND
        # One that Azure has just deleted for us is gone.
        was_made = any(same_id(each, policy) for each in observed.recorded.made)
        was_there = was_made and state.steps.last_completed != DeletePolicy(policy)
        state.prove_absence(policy, found, pass_.now, was_there=was_there)
        if exists:
            state.existing, state.existed_at = policy, pass_.now
        return replace(observed, policy=found)

    def _next_look(self, pass_: Pass) -> datetime | None:
        """Return when to look at an existing policy again: somebody may have deleted it."""
        if pass_.state.existed_at is None:
            return None
        is_doubted = self._context.cache.knows(DISKS_REFUSED, pass_.desired.name)
        return pass_.state.existed_at + self._context.settings.verify_every(is_doubted=is_doubted)

    async def _uses(self, pass_: Pass, observed: Observed, policy: ArmId) -> Observed:
        state = pass_.state
        is_valid = state.uses_valid_until is not None and pass_.now < state.uses_valid_until
        if state.uses is not None and state.uses_of == policy and is_valid and not pass_.desired.deleting:
            return replace(observed, uses=state.uses)
        found = await capture_error(self._list_uses(policy))
        state.uses, state.uses_of = (None if isinstance(found, FetchFailed) else found), policy
        state.uses_valid_until = pass_.now + USES_VALID_FOR
        if isinstance(found, Uses) and found.kept_until is not None:
            state.uses_valid_until = min(state.uses_valid_until, found.kept_until)
        return replace(observed, uses=found)

    async def _list_uses(self, policy: ArmId) -> Uses:
        """List what refers to a policy: not by trying to delete it, since that would be a write for nothing."""
        instances = self._context.azure.instances
        live = await instances.list(policy.parent)
        kept = await instances.list_deleted(policy.parent)
        ends = [each.soft_deleted_until for each in kept if same_id(each.policy_id, policy)]
        return Uses(
            tuple(each.id.name for each in live if same_id(each.policy_id, policy)),
            max((end for end in ends if end is not None), default=None),
        )

    async def complete(self, pass_: Pass, observed: Observed, plan: Plan[Step]) -> Observed:
        """Forget what was known of a policy that is not usable: a vault that is made anew has none."""
        if not plan.ready:
            pass_.state.existing = pass_.state.existed_at = None
        return observed

    # --- act --------------------------------------------------------------------------------------

    async def act(self, pass_: Pass, step: Step) -> str | None:
        """Take a step: one write to Azure."""
        match step:
            case CreatePolicy(id=policy, content=content):
                await self._context.azure.policies.create(policy, content)
            case DeletePolicy(id=policy):
                await self._context.azure.policies.delete(policy)
            case _:
                assert_never(step)
        return None

    # --- report -----------------------------------------------------------------------------------

    def build_status(self, pass_: Pass, observed: Observed, plan: Plan[Step]) -> DiskBackupPolicyStatus:
        """Return the status after the pass."""
        return build_status(pass_.resource, pass_.desired, observed, plan, pass_.now)

    def finish(
        self, pass_: Pass, observed: Observed, plan: Plan[Step], status: DiskBackupPolicyStatus
    ) -> datetime | None:
        """Return when the next backup is due, whose time is in status, or when to look at Azure again."""
        if not plan.ready:
            return plan.verdict.requeue_at
        due = next_backup(pass_.desired.spec.schedule, pass_.now)
        return min(due, self._next_look(pass_) or due, plan.verdict.requeue_at or due)


def _uses_policy(cache: Cache, key: Key, vault: VaultView | object) -> bool:
    """Return whether a disk uses the policy that it names, or may begin to."""
    disk, namespace = Resource(cache.get(key) or {}), cache.get(Key("Namespace", "", key.namespace)) or {}
    if not isinstance(vault, VaultView) or disk.status.get("backupInstanceID"):
        return True
    labels = (namespace.get("metadata") or {}).get("labels") or {}
    by_id = "diskID" in disk.spec["source"]
    return selects(vault.access.namespaces, labels) and (not by_id or selects(vault.access.disk_id_namespaces, labels))


def _is_predecessor_left(desired: Desired, observed: Observed) -> bool:
    vault = observed.vault
    if not isinstance(vault, VaultView) or vault.id is None or desired.id_in(vault.id) is None:
        return False
    return predecessor(desired, observed) is not None
