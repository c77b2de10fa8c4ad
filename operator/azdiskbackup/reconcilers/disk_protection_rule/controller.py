"""DiskProtectionRule: what it brings to the pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias, assert_never

from azdiskbackup.api.v1alpha1.disk_protection_rule import DiskProtectionRuleStatus
from azdiskbackup.azure.gateways.azure import capture_error
from azdiskbackup.core.disk_protection_rule.assessment import Refusal
from azdiskbackup.core.disk_protection_rule.desired import Desired, read_desired
from azdiskbackup.core.disk_protection_rule.notices import notices
from azdiskbackup.core.disk_protection_rule.observed import HOUR, Claims, Fact, Hour, Observed, Target, read_recorded
from azdiskbackup.core.disk_protection_rule.rules import DELETION_RULES, ENFORCING_RULES, PREVIEWING_RULES, withdrawal
from azdiskbackup.core.disk_protection_rule.status import build_status
from azdiskbackup.core.disk_protection_rule.steps import Adjust, Delete, Make, Step, Stop
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.intervals import RECHECK_INTERVAL
from azdiskbackup.core.rules.lookup import NOT_FOUND
from azdiskbackup.core.rules.verdicts import Plan, Rules
from azdiskbackup.engine.cache import Key
from azdiskbackup.errors import Conflict, OperatorError, Throttled, Unavailable
from azdiskbackup.kube.client import path_of
from azdiskbackup.kube.watched import CLAIM, OURS
from azdiskbackup.reconcilers.common import reconciler
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.common.status_writer import difference
from azdiskbackup.reconcilers.disk_protection_rule.assessments import Assessments
from azdiskbackup.reconcilers.disk_protection_rule.tallies import Place
from azdiskbackup.reconcilers.watch.indices import DISKS_BY_POLICY, DISKS_BY_RULE, POLICIES_BY_VAULT

# By which the fields of a ProtectedDisk that a rule sets are told from those that people set.
FIELD_MANAGER = "azdiskbackup-rule"
# Numbers alone are written so often: each disk that becomes protected changes them.
NUMBERS_EVERY = timedelta(minutes=1)
_REFUSED_FIRST = timedelta(minutes=5)
_REFUSED_LONGEST = timedelta(days=1)

_DISKS = next(each for each in OURS if each.kind == "ProtectedDisk")


@dataclass(slots=True)
class RuleState(reconciler.KindState):
    """What earlier passes over one DiskProtectionRule left.

    Attributes:
        hour: what the rule did within the hour; None before the first pass.
        held_since: since when a withdrawal is held.
        written_at: when its numbers were written last.
        is_behind: whether its status is not what the last pass would have written.
    """

    hour: Hour | None = None
    held_since: datetime | None = None
    written_at: datetime | None = None
    is_behind: bool = False


Pass: TypeAlias = reconciler.Pass[Desired, RuleState]


class DiskProtectionRuleKind(reconciler.KindController[Desired, Observed, Step, RuleState]):
    """Makes ProtectedDisks for the PVCs that rules select."""

    status_model = DiskProtectionRuleStatus
    state_model = RuleState
    has_finalizer = False
    unpaced_steps = (Make, Adjust, Stop, Delete)

    def __init__(self, context: ReconcileContext, assessments: Assessments) -> None:
        self._context = context
        self._assessments = assessments
        self.fetchers = {Fact.CLAIMS: self._claims, Fact.CLAIM_ABSENCE: self._claim_absence}

    # --- gather and decide ------------------------------------------------------------------------

    def read_desired(self, resource: Resource) -> Desired | Invalid:
        """Read the spec."""
        return read_desired(resource)

    def rules(self, pass_: Pass) -> Rules:
        """Return the rules for a rule that works, for one that only tells, or for the end of one."""
        if pass_.desired.deleting:
            return DELETION_RULES
        return ENFORCING_RULES if pass_.desired.spec.mode == "Enforce" else PREVIEWING_RULES

    def from_cache(self, pass_: Pass) -> Observed:
        """Return what the cache tells."""
        cache, desired, state = self._context.cache, pass_.desired, pass_.state
        if state.hour is None:
            recorded = read_recorded(pass_.resource, pass_.now)
            state.hour, state.held_since = self._made_within(recorded.hour, pass_), recorded.held_since
        policy = self._assessments.policy_of(desired.spec.policy_ref.name)
        vault = self._assessments.vault_of(desired.spec.policy_ref.name)
        users = cache.find(POLICIES_BY_VAULT, policy.vault) if isinstance(policy, PolicyView) else []
        return Observed(
            policy=policy or NOT_FOUND,
            vault=vault or NOT_FOUND,
            disks=cache.count(DISKS_BY_RULE, desired.name),
            in_vault=sum(cache.count(DISKS_BY_POLICY, key.name) for key in users),
            hour=state.hour,
            held_since=state.held_since,
        )

    def _made_within(self, recorded: Hour, pass_: Pass) -> Hour:
        """Return what the rule did within the hour, as the ProtectedDisks themselves tell, if status does not.

        Status is written after many of them were made, and a process may end before that. It knows of those that are
        gone by now.
        """
        current = recorded.at(pass_.now)
        since = current.start or pass_.now - HOUR
        disks = (Resource(raw) for raw in self._context.cache.read(DISKS_BY_RULE, pass_.desired.name))
        # The server's times are whole seconds.
        made = sorted(each.created for each in disks if since.replace(microsecond=0) <= each.created <= pass_.now)
        if len(made) <= current.made:
            return current
        return Hour(current.start or made[0], len(made), current.withdrawn)

    async def _claims(self, pass_: Pass, observed: Observed) -> Observed:
        await self._assessments.settle()
        return replace(observed, claims=self._assessments.claims_of(pass_.desired.name))

    async def _claim_absence(self, pass_: Pass, observed: Observed, namespace: str, name: str) -> Observed:
        return replace(observed, is_claim_absent=await capture_error(self._is_absent(namespace, name)))

    async def _is_absent(self, namespace: str, name: str) -> bool:
        """Return whether a PVC does not exist; by a list, which the operator may read anyway."""
        async for _ in self._context.kube.list_all(CLAIM, namespace, fieldSelector=f"metadata.name={name}"):
            return False
        return True

    async def complete(self, pass_: Pass, observed: Observed, plan: Plan[Step]) -> Observed:
        """Add since when a withdrawal is held, by which a person acknowledges it."""
        state = pass_.state
        if isinstance(observed.claims, Claims) and pass_.desired.spec.mode == "Enforce":
            # It stays while what was acknowledged is carried out, which is one write after the other.
            is_large = withdrawal(observed, pass_.now).is_large
            state.held_since = (state.held_since or pass_.now.replace(microsecond=0)) if is_large else None
        return replace(observed, held_since=state.held_since)

    # --- act --------------------------------------------------------------------------------------

    async def act(self, pass_: Pass, step: Step) -> str | None:
        """Take a step: one write to Kubernetes. What is refused of one PVC keeps no other one from its turn."""
        try:
            await self._write(pass_, step)
        except (Unavailable, Throttled):
            raise
        except OperatorError as error:
            await self._refused(pass_, step.target, error)
        return None

    async def _write(self, pass_: Pass, step: Step) -> None:
        state = pass_.state
        assert state.hour is not None, "it was read"
        match step:
            case Make(target=target, manifest=manifest):
                await self._make(pass_, target, manifest)
                state.hour = state.hour.with_more(pass_.now, made=1)
            case Adjust(target=target, manifest=manifest):
                await self._apply(target, manifest)
            case Stop(target=target, manifest=manifest):
                await self._apply(target, manifest)
                state.hour = state.hour.with_more(pass_.now, withdrawn=1)
            case Delete(target=target):
                await self._delete(target)
                state.hour = state.hour.with_more(pass_.now, withdrawn=1)
            case _:
                assert_never(step)

    async def _make(self, pass_: Pass, target: Target, manifest: Mapping[str, Any]) -> None:
        found, was_made = await self._apply(target, manifest)
        if not was_made and not _is_ours_alone(found):
            # A person made it at this very moment, and says the same: it is the person's.
            nothing = {key: manifest[key] for key in ("apiVersion", "kind")}
            names = {key: manifest["metadata"][key] for key in ("name", "namespace")}
            await self._apply(target, {**nothing, "metadata": names})
            return
        claim = self._assessments.claim(Place(target.namespace, target.claim))
        for reason, note in notices(claim, pass_.desired) if claim is not None else ():
            await self._tell(target, reason, note)
        if self._assessments.was_deleted(target):
            await self._tell(
                target,
                reasons.MADE_AGAIN,
                f"The ProtectedDisk was deleted, and DiskProtectionRule {pass_.desired.name!r} makes it again, since "
                'it selects the PVC. To opt out, label the PVC: azdiskbackup.io/protect="false"',
            )

    async def _apply(self, target: Target, manifest: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
        """Apply what the rule says, and know of it at once."""
        path = path_of(_DISKS.kind, target.namespace, target.disk)
        found, was_made = await self._context.kube.apply(path, manifest, FIELD_MANAGER)
        self._context.cache.put(_DISKS.kind, _DISKS.trim(found))
        return found, was_made

    async def _delete(self, target: Target) -> None:
        key = Key(_DISKS.kind, target.namespace, target.disk)
        raw = self._context.cache.get(key)
        if raw is None:
            return
        disk = Resource(raw)
        last = await self._context.kube.delete_unchanged(disk)
        if last.get("kind") == _DISKS.kind and (last["metadata"].get("finalizers")):
            self._context.cache.put(_DISKS.kind, last)
        else:
            self._context.cache.remove(key, disk.uid)

    async def _refused(self, pass_: Pass, target: Target, error: OperatorError) -> None:
        is_taken_over = isinstance(error, Conflict)
        tries = self._assessments.tries(target) + 1
        pause = min(_REFUSED_LONGEST, _REFUSED_FIRST * 2 ** min(tries - 1, 16))
        reason = reasons.TAKEN_OVER if is_taken_over else error.reason
        self._assessments.refuse(target, Refusal(target.uid, reason, error.user_message, pass_.now + pause, tries))
        if target.uid and tries == 1:
            what = "change" if is_taken_over else "make"
            rule = f"DiskProtectionRule {pass_.desired.name!r} cannot {what} the ProtectedDisk {target.disk!r}"
            await self._tell(target, reason, f"{rule}: {error.user_message}")

    async def _tell(self, target: Target, reason: str, note: str) -> None:
        """Post an event on a PVC."""
        raw = self._context.cache.get(Key(CLAIM.kind, target.namespace, target.claim))
        if raw is not None:
            claim = Resource({**raw, "apiVersion": "v1", "kind": CLAIM.kind})
            await self._context.status_writer.event(claim, warning=True, reason=reason, note=note)

    # --- report -----------------------------------------------------------------------------------

    def build_status(self, pass_: Pass, observed: Observed, plan: Plan[Step]) -> DiskProtectionRuleStatus:
        """Return the status after the pass; take note of whether it is to be written now."""
        status = build_status(pass_.resource, pass_.desired, observed, plan, pass_.now)
        state, held = pass_.state, pass_.resource.status
        wanted = status.to_wire()
        differs = bool(difference(held, wanted))
        last = state.written_at
        may_write = last is None or pass_.now >= last + NUMBERS_EVERY or _is_urgent(held, wanted)
        state.is_behind = differs and not may_write
        if differs and may_write:
            state.written_at = pass_.now
        return status

    def is_status_due(self, pass_: Pass, plan: Plan[Step]) -> bool:
        """Return whether status is to be written: numbers that change with each disk are written together."""
        return not pass_.state.is_behind

    def finish(
        self, pass_: Pass, observed: Observed, plan: Plan[Step], status: DiskProtectionRuleStatus
    ) -> datetime | None:
        """Return when time alone makes the next pass necessary."""
        state = pass_.state
        times = [plan.verdict.requeue_at]
        if state.held_since is not None and observed.hour.start is not None:
            # What was withdrawn counts no more then.
            times.append(max(observed.hour.start + HOUR, pass_.now + RECHECK_INTERVAL))
        if state.is_behind and state.written_at is not None:
            times.append(state.written_at + NUMBERS_EVERY)
        return min((each for each in times if each is not None), default=None)


def _is_urgent(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Return whether a person should see a status at once: all but its numbers, and the words that have them."""
    return _state(held) != _state(wanted)


def _state(status: Mapping[str, Any]) -> object:
    listed = status.get("conditions")
    conditions = [
        (each.get("type"), each.get("status"), each.get("reason"))
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, Mapping)
    ]
    return conditions, status.get("observedGeneration"), status.get("withdrawal")


def _is_ours_alone(raw: Mapping[str, Any]) -> bool:
    """Return whether only rules set anything in the spec of an object."""
    managers = raw["metadata"].get("managedFields") or []
    spec = (each for each in managers if "f:spec" in (each.get("fieldsV1") or {}))
    return all(each.get("manager") == FIELD_MANAGER for each in spec)
