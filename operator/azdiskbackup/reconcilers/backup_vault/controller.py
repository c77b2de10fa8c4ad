"""BackupVault: what it brings to the pass."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias, assert_never

from azdiskbackup.api.v1alpha1.backup_vault import BackupVaultStatus
from azdiskbackup.azure.gateways.azure import capture_error
from azdiskbackup.core.backup_vault.deletion import DELETION_RULES
from azdiskbackup.core.backup_vault.desired import Desired, read_desired
from azdiskbackup.core.backup_vault.observed import Fact, Observed, read_recorded
from azdiskbackup.core.backup_vault.rules import PROVISIONING_RULES, RESTORE_RULES
from azdiskbackup.core.backup_vault.status import build_status
from azdiskbackup.core.backup_vault.steps import (
    AssignRole,
    CreateGroup,
    CreateVault,
    DeleteVault,
    RevokeRole,
    SetIdentity,
    Step,
    UpdateVault,
)
from azdiskbackup.core.identity.arm_ids import ResourceGroupId
from azdiskbackup.core.identity.roles import Grant
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.rules.lookup import NOT_FOUND, FetchFailed
from azdiskbackup.core.rules.verdicts import Plan, Progress, Rules
from azdiskbackup.reconcilers.common import reconciler
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.watch.indices import (
    DISKS_BY_POLICY,
    DISKS_BY_VAULT_ID,
    DISKS_REFUSED,
    IN_PROGRESS,
    POLICIES_BY_VAULT,
    RESTORES_BY_VAULT_ID,
    RESTORES_IN_PROGRESS,
)


@dataclass(slots=True)
class VaultState(reconciler.KindState):
    """What earlier passes over one BackupVault left.

    Attributes:
        granted_by_others: grants that exist under another name than ours, so that a look for ours does not find them.
        withdrawn: roles for restores that are surely not assigned, unless this process assigns them.
        observed: what Azure said of ``generation`` while everything was as desired, valid until ``valid_until``.
        permissions_read_at: since when its resource groups and role assignments are known.
        all_holds: whether every condition held then; what is missing is read as often as the vault.
    """

    observed: Observed | None = None
    valid_until: datetime | None = None
    permissions_read_at: datetime | None = None
    all_holds: bool = False
    generation: int = 0
    granted_by_others: set[Grant] = field(default_factory=set)
    withdrawn: set[Grant] = field(default_factory=set)


Pass: TypeAlias = reconciler.Pass[Desired, VaultState]


class BackupVaultKind(reconciler.KindController[Desired, Observed, Step, VaultState]):
    """Makes vaults as their objects want them."""

    status_model = BackupVaultStatus
    left_in_azure = ("vaultID", "The vault stays with all that it holds, and its role assignments")
    harmless_leftovers = (RevokeRole,)
    state_model = VaultState

    def __init__(self, context: ReconcileContext) -> None:
        self._context = context
        self.fetchers = {
            Fact.VAULT: self._vault,
            Fact.INSTANCES: self._instances,
            Fact.DELETED_INSTANCES: self._deleted_instances,
            Fact.RESOURCE_GROUP: self._resource_group,
            Fact.ROLE_GRANT: self._role_grant,
            Fact.RESTORE_ROLE: self._restore_role,
        }

    # --- gather and decide ------------------------------------------------------------------------

    def read_desired(self, resource: Resource) -> Desired | Invalid:
        """Read the spec."""
        return read_desired(resource, self._context.settings.subscription_id, self._context.cluster)

    def rules(self, pass_: Pass) -> Rules:
        """Return the rules for a vault, or for its end."""
        if pass_.desired.deleting:
            return DELETION_RULES
        return PROVISIONING_RULES + RESTORE_RULES if pass_.desired.restore_groups else PROVISIONING_RULES

    def from_cache(self, pass_: Pass) -> Observed:
        """Return what the cache tells, and what Azure said a short while ago."""
        cache, state, desired = self._context.cache, pass_.state, pass_.desired
        is_swept = cache.knows(DISKS_BY_VAULT_ID, str(desired.id).lower())
        if is_swept:
            # A disk that cannot be resolved reads no vault, and would leave its orphans uncounted after a restart.
            self._context.sweep.follow(desired.id)
        policies = sorted(key.name for key in cache.find(POLICIES_BY_VAULT, desired.name))
        observed = Observed(
            policies=tuple(policies),
            disks=sum(cache.count(DISKS_BY_POLICY, policy) for policy in policies),
            recorded=read_recorded(pass_.resource),
            is_restoring=cache.knows(RESTORES_BY_VAULT_ID, str(desired.id).lower()),
            is_role_needed=cache.knows(RESTORES_IN_PROGRESS, IN_PROGRESS),
            orphaned=self._context.sweep.orphaned(desired.id),
            is_swept=is_swept,
            degraded_reason=self._context.sweep.degraded_reason(desired.id),
        )
        known = state.observed
        if known is None or state.generation != pass_.resource.generation or desired.deleting:
            return observed
        if state.valid_until is not None and pass_.now < state.valid_until:
            observed = replace(observed, vault=known.vault)
        if state.permissions_read_at is not None:
            is_refused = any(cache.knows(DISKS_REFUSED, policy) for policy in observed.policies)
            is_doubted = is_refused or not state.all_holds
            verify_every = self._context.settings.verify_every(is_doubted=is_doubted)
            if pass_.now < state.permissions_read_at + verify_every:
                return replace(observed, groups=known.groups, grants=known.grants)
        state.permissions_read_at = None
        return observed

    async def _vault(self, pass_: Pass, observed: Observed) -> Observed:
        id_, recorded = pass_.desired.id, observed.recorded
        found = await capture_error(self._context.azure.vaults.get(id_))
        # To create it anew would replace what others set on it.
        was_there = recorded.principal is not None or recorded.is_settled
        found = await pass_.state.prove_absence_by_list(
            id_, found, lambda: self._context.azure.vaults.list(id_.resource_group), pass_.now, was_there=was_there
        )
        return replace(observed, vault=found)

    async def _instances(self, pass_: Pass, observed: Observed) -> Observed:
        found = await capture_error(self._context.azure.instances.list(pass_.desired.id))
        return replace(observed, instances=found if isinstance(found, FetchFailed) else len(found))

    async def _deleted_instances(self, pass_: Pass, observed: Observed) -> Observed:
        kept = await capture_error(self._context.azure.instances.list_deleted(pass_.desired.id))
        return replace(observed, deleted=kept if isinstance(kept, FetchFailed) else tuple(kept))

    async def _resource_group(self, pass_: Pass, observed: Observed, group: ResourceGroupId) -> Observed:
        answer = await capture_error(self._context.azure.resources.get_group(group))
        # To create it anew would replace its tags.
        pass_.state.prove_absence(group, answer, pass_.now, was_there=observed.recorded.is_settled)
        return replace(observed, groups={**observed.groups, group: answer})

    async def _role_grant(self, pass_: Pass, observed: Observed, grant: Grant) -> Observed:
        # Before a deletion only our own counts: what others assigned is theirs to revoke.
        by_others = pass_.desired.spec.role_assignments == "Preassigned" or grant in pass_.state.granted_by_others
        roles = self._context.azure.roles
        answer = roles.held(grant) if by_others and not pass_.desired.deleting else roles.exists(grant)
        exists = await capture_error(answer)
        was_there = observed.recorded.is_settled and not pass_.desired.deleting
        pass_.state.prove_absence(grant.name, exists or NOT_FOUND, pass_.now, was_there=was_there)
        return replace(observed, grants={**observed.grants, grant: exists})

    async def _restore_role(self, pass_: Pass, observed: Observed, grant: Grant) -> Observed:
        """See whether a restore left its role: known when this process assigned it, else asked for once."""
        grants, state = self._context.grants, pass_.state
        is_there: bool | FetchFailed = grants.is_known(grant)
        if not is_there and grant not in state.withdrawn:
            is_there = await capture_error(self._context.azure.roles.exists(grant))
            if is_there is False:
                state.withdrawn.add(grant)
        return replace(observed, restore_roles={**observed.restore_roles, grant: is_there})

    async def complete(self, pass_: Pass, observed: Observed, plan: Plan[Step]) -> Observed:
        """Keep what was observed of a vault that is as desired."""
        state = pass_.state
        if not plan.ready or plan.verdict.progress is Progress.RECONCILING:
            state.observed = state.valid_until = state.permissions_read_at = None
            return observed
        state.observed, state.generation = observed, pass_.resource.generation
        state.all_holds = all(each.status == "True" for each in plan.findings)
        if state.valid_until is None or state.valid_until <= pass_.now:
            state.valid_until = pass_.now + self._context.settings.observe_every
        if state.permissions_read_at is None:
            state.permissions_read_at = pass_.now
        return observed

    # --- act --------------------------------------------------------------------------------------

    async def act(self, pass_: Pass, step: Step) -> str | None:
        """Take a step: one write to Azure."""
        azure = self._context.azure
        match step:
            case CreateGroup(id=group, location=location, tags=tags):
                await azure.resources.create_group(group, location, tags)
            case AssignRole(grant=grant):
                if not await azure.roles.create(grant):
                    pass_.state.granted_by_others.add(grant)
            case RevokeRole(grant=grant):
                await self._context.grants.delete(grant)
                pass_.state.withdrawn.add(grant)
            case CreateVault() | SetIdentity() | UpdateVault() | DeleteVault():
                return await self._submit(step)
            case _:
                assert_never(step)
        return None

    async def _submit(self, step: CreateVault | SetIdentity | UpdateVault | DeleteVault) -> str | None:
        vaults = self._context.azure.vaults
        match step:
            case CreateVault(id=vault, location=location, settings=settings, identity=identity):
                return await vaults.submit_create(vault, location, settings, identity)
            case SetIdentity(id=vault, assigned=assigned, own=own):
                return await vaults.submit_identity(vault, assigned, own=own)
            case UpdateVault(id=vault, settings=settings):
                return await vaults.submit_update(vault, settings)
            case DeleteVault(id=vault):
                return await vaults.submit_delete(vault)
            case _:
                assert_never(step)

    # --- report -----------------------------------------------------------------------------------

    def build_status(self, pass_: Pass, observed: Observed, plan: Plan[Step]) -> BackupVaultStatus:
        """Return the status after the pass."""
        return build_status(pass_.resource, pass_.desired, observed, plan, pass_.now)

    def finish(self, pass_: Pass, observed: Observed, plan: Plan[Step], status: BackupVaultStatus) -> datetime | None:
        """Return when to look at Azure again."""
        return plan.verdict.requeue_at or pass_.state.valid_until
