"""The pass: gather, decide, act, report. It exists once, and is the same for every kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from azdiskbackup.api.v1alpha1.base import Status
from azdiskbackup.azure.gateways.azure import Listed, ListedT, find_listed
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.abandon import is_abandoned, with_way_out
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.rules.backoff import recheck_pause
from azdiskbackup.core.rules.lookup import FetchFailed, NotFound
from azdiskbackup.core.rules.verdicts import Need, Plan, Rules, Verdict, evaluate
from azdiskbackup.engine.cache import Key
from azdiskbackup.errors import AccessDenied, Blocked, RateLimited
from azdiskbackup.kube import crds
from azdiskbackup.reconcilers.common.context import ReconcileContext, StateStore
from azdiskbackup.reconcilers.common.step_runner import StepRunner


class NothingNew(Exception):
    """Azure is at work, and nobody can say more about it now: the pass ends, and changes nothing.

    Attributes:
        requeue_at: when to look again.
    """

    def __init__(self, requeue_at: datetime) -> None:
        super().__init__("nothing new is known")
        self.requeue_at = requeue_at


# How often all is listed while an object that waits for watched ones alone is not looked at.
_LISTS_BETWEEN_RECHECKS = 6
# Longer than the replicas of one region differ.
_ABSENCE_PROVEN_AFTER = timedelta(minutes=2)
# For so long what a GET does not find, and a list shows, is looked for: a GET that finds it tells how it looks, while a
# list may be of long before.
_CONTRADICTED_FOR = timedelta(minutes=10)


@dataclass(slots=True)
class KindState:
    """What passes over one object leave for the next ones, for every kind.

    Attributes:
        is_requested: whether a person asked to have it looked at at once, since when nothing is known of it.
        deleted_by_itself: whether the object was deleted, and not its whole kind; which stays true of it.
        absent_since: since when Azure does not find what was there, by lower-case ARM id.
        not_listed: what a list did not show either.
        held_up_by: for what it waits: the reason, and the generation of its spec.
        held_up_since: since when for the same.
    """

    steps: StepRunner = field(default_factory=StepRunner)
    is_requested: bool = False
    deleted_by_itself: bool = False
    absent_since: dict[str, datetime] = field(default_factory=dict)
    not_listed: set[str] = field(default_factory=set)
    held_up_by: tuple[str, int] | None = None
    held_up_since: datetime | None = None

    def recheck_at(self, verdict: Verdict[Any], generation: int, now: datetime) -> datetime | None:
        """Return when to look again at what no watch tells; None if the verdict asks for no such look."""
        held_up_by = (verdict.reason, generation) if verdict.recheck_every is not None else None
        if held_up_by != self.held_up_by or self.held_up_since is None:
            self.held_up_by, self.held_up_since = held_up_by, now
        if verdict.recheck_every is None:
            return None
        return now + recheck_pause(verdict.recheck_every, now - self.held_up_since)

    def prove_absence(self, id_: object, answer: object, now: datetime, *, was_there: bool) -> None:
        """Believe that what was there is gone at the second look only, a while after the first.

        Resource Manager is eventually consistent: a single GET may answer 404 for what exists
        (hashicorp/terraform-provider-azurerm 32535 and 18268). What was never seen is missing at the first look.

        Args:
            id_: the ARM id of the thing.
            answer: ``NotFound``, the thing, or an error, which says nothing of its absence.
            now: the time.
            was_there: whether it was seen before.

        Raises:
            NothingNew: it has to be looked for again.
        """
        key = str(id_).lower()
        if not isinstance(answer, NotFound | FetchFailed):
            self.absent_since.pop(key, None)
            self.not_listed.discard(key)
        if isinstance(answer, NotFound) and was_there:
            proven_at = self.absent_since.setdefault(key, now) + _ABSENCE_PROVEN_AFTER
            if now < proven_at:
                raise NothingNew(proven_at)

    async def prove_absence_by_list(
        self,
        id_: ArmId,
        answer: ListedT | NotFound | FetchFailed,
        listed: Callable[[], Awaitable[Iterable[ListedT]]],
        now: datetime,
        *,
        was_there: bool,
        parents: Callable[[], Awaitable[Iterable[Listed]]] | None = None,
    ) -> ListedT | NotFound | FetchFailed:
        """Believe that what was there is gone when a list, which is another source, does not show it either.

        Two GETs may fail alike: Resource Manager answers both from one place. The list is read once for each absence,
        and while it contradicts the GETs. What it shows is believed only when no GET finds it for a while.

        Args:
            id_: the ARM id of the thing.
            answer: what a GET returned.
            listed: reads the list in which it would be.
            now: the time.
            was_there: whether it was seen before.
            parents: reads the list in which its vault would be, for what is in a vault.

        Returns:
            The thing, if the list shows it; an error of the list; else the answer.

        Raises:
            NothingNew: it has to be looked for again.
        """
        self.prove_absence(id_, answer, now, was_there=was_there)
        key = str(id_).lower()
        if not isinstance(answer, NotFound) or not was_there or key in self.not_listed:
            return answer
        found = await find_listed(listed(), id_, parents)
        if isinstance(found, NotFound):
            self.not_listed.add(key)
        elif not isinstance(found, FetchFailed) and now < self.absent_since[key] + _CONTRADICTED_FOR:
            raise NothingNew(now + _ABSENCE_PROVEN_AFTER)
        return found


DesiredT = TypeVar("DesiredT")
ObservedT = TypeVar("ObservedT")
StepT = TypeVar("StepT")
StateT = TypeVar("StateT", bound=KindState)
Fetcher: TypeAlias = Callable[..., Awaitable[ObservedT]]


@dataclass(frozen=True, slots=True)
class Pass(Generic[DesiredT, StateT]):
    """One pass: what is built once, and handed on as one value.

    Attributes:
        state: what earlier passes left; losing it costs calls, nothing else.
    """

    key: Key
    resource: Resource
    desired: DesiredT
    state: StateT
    now: datetime


class KindController(ABC, Generic[DesiredT, ObservedT, StepT, StateT]):
    """What a kind brings to the pass.

    Attributes:
        status_model: the model of its status.
        state_model: what passes over one of its objects leave; made anew for one that no pass has seen yet.
        has_finalizer: whether the object holds something in Azure that it has to release.
        left_in_azure: what stays in Azure when an object is abandoned: a member of status with its id, and words.
        harmless_leftovers: last steps of a deletion that are given up when they are not allowed.
        unpaced_steps: steps that are taken whenever a rule wants them: writes to Kubernetes alone, of which one that
            fails fails the pass, and what a kind paces by itself.
        watched_facts: facts that Kubernetes tells while a rule waits; what waits for these alone is hardly rechecked.
        fetchers: for each fact that a rule may need, what fetches it: pass, what was observed, what the fact is of.
    """

    status_model: ClassVar[type[Status]]
    state_model: type[StateT]
    has_finalizer: ClassVar[bool] = True
    left_in_azure: ClassVar[tuple[str, str]] = ("", "")
    harmless_leftovers: ClassVar[tuple[type, ...]] = ()
    unpaced_steps: ClassVar[tuple[type, ...]] = ()
    watched_facts: ClassVar[frozenset[Enum]] = frozenset()
    fetchers: Mapping[Any, Fetcher[ObservedT]]

    @abstractmethod
    def read_desired(self, resource: Resource) -> DesiredT | Invalid:
        """Read the spec."""

    @abstractmethod
    def rules(self, pass_: Pass[DesiredT, StateT]) -> Rules:
        """Return the rules that decide this pass."""

    @abstractmethod
    def from_cache(self, pass_: Pass[DesiredT, StateT]) -> ObservedT:
        """Return what is known without asking anybody."""

    async def complete(self, pass_: Pass[DesiredT, StateT], observed: ObservedT, plan: Plan[StepT]) -> ObservedT:
        """Add what status reports and no rule asks for."""
        return observed

    @abstractmethod
    async def act(self, pass_: Pass[DesiredT, StateT], step: StepT) -> str | None:
        """Take a step: one write. Return the URL of the operation that it started, None if it is done."""

    @abstractmethod
    def build_status(self, pass_: Pass[DesiredT, StateT], observed: ObservedT, plan: Plan[StepT]) -> Status:
        """Return the status after the pass."""

    def is_status_due(self, pass_: Pass[DesiredT, StateT], plan: Plan[StepT]) -> bool:
        """Return whether the status is to be written if it has changed."""
        return True

    def status_while_rate_limited(self, resource: Resource, why: RateLimited, now: datetime) -> Status | None:
        """Return the status of an object for which no request may be sent now; None if it stays as it is."""
        return None

    @abstractmethod
    def finish(
        self, pass_: Pass[DesiredT, StateT], observed: ObservedT, plan: Plan[StepT], status: Any
    ) -> datetime | None:
        """Return when time alone makes the next pass necessary; called once status is written."""

    def forget(self, uid: str) -> None:
        """Drop what is shared about an object that is gone."""


class Reconciler(Generic[DesiredT, ObservedT, StepT, StateT]):
    """Reconciles the objects of one kind."""

    def __init__(self, kind: KindController[DesiredT, ObservedT, StepT, StateT], context: ReconcileContext) -> None:
        self._kind = kind
        self._context = context
        self.states = StateStore(kind.state_model)

    async def reconcile(self, key: Key) -> datetime | None:
        """Make one pass over an object; return when to make the next one.

        Raises:
            RateLimited: a request is not allowed yet; whoever limits it enqueues the object.
            OperatorError: Kubernetes could not be written to.
        """
        raw = self._context.cache.get(key)
        if raw is None:
            uid = self.states.forget(key)
            if uid is not None:
                self._kind.forget(uid)
            return None
        resource = Resource(raw)
        if resource.deleting and await self._goes_with_its_kind(key, resource):
            await self._context.status_writer.release(resource)
            return None
        if is_abandoned(resource):
            await self._context.status_writer.abandon(resource, self._kind.left_in_azure)
            return None
        try:
            return await self._pass(key, resource)
        except NothingNew as nothing:
            return nothing.requeue_at
        except RateLimited as why:
            # The pass may have put the finalizer on.
            resource = Resource(self._context.cache.get(key) or raw)
            status = self._kind.status_while_rate_limited(resource, why, self._context.clock.now())
            if status is not None:
                await self._context.status_writer.write(resource, status)
            raise

    async def _goes_with_its_kind(self, key: Key, resource: Resource) -> bool:
        """Return whether an object goes because its whole kind goes: it is let go, and Azure is not asked.

        Who deletes a CustomResourceDefinition (an uninstallation that does not keep them, a person) has said nothing
        about backups, and all objects of the kind are deleted with it.
        """
        state = self.states.of(key, resource)
        if not state.deleted_by_itself:
            state.deleted_by_itself = not await crds.is_deleted(self._context.kube, key.kind)
        return not state.deleted_by_itself

    async def _pass(self, key: Key, resource: Resource) -> datetime | None:
        kind, writer, now = self._kind, self._context.status_writer, self._context.clock.now()
        desired = kind.read_desired(resource)
        if isinstance(desired, Invalid):
            await writer.write_invalid(resource, desired, kind.status_model)
            return None
        pass_ = Pass(key, resource, desired, self.states.of(key, resource), now)
        observed, plan = await self._gather(pass_)
        observed = await kind.complete(pass_, observed, plan)
        if resource.deleting and plan.ready:
            await writer.release(resource, plan)
            return None
        if kind.has_finalizer and (plan.step is not None or plan.ready):
            # Also when nothing is to be done: what was found in Azure is ours to release from now on.
            pass_ = replace(pass_, resource=await writer.ensure_finalizer(resource))
        wanted = plan.verdict
        plan = await self._run_step(pass_, plan)
        if resource.deleting:
            error = pass_.state.steps.error
            if isinstance(wanted.step, kind.harmless_leftovers) and isinstance(error, AccessDenied | Blocked):
                # What matters was dealt with before; nobody is to be kept waiting for the rest.
                await writer.leave(resource, f"{wanted.message} {error.user_message} It is left in Azure.")
                return None
            plan = with_way_out(plan, resource)
        if plan.step is not None and not pass_.state.steps.failed and plan.verdict.requeue_at is None:
            await writer.report_correction(pass_.resource, plan.verdict)
            return now
        status = kind.build_status(pass_, observed, plan)
        if kind.is_status_due(pass_, plan):
            await writer.write(pass_.resource, status)
        return kind.finish(pass_, observed, plan, status)

    async def _gather(self, pass_: Pass[DesiredT, StateT]) -> tuple[ObservedT, Plan[Any]]:
        """Fetch facts until the rules ask for no more; each is fetched at most once."""
        observed, rules = self._kind.from_cache(pass_), self._kind.rules(pass_)
        fetched: set[Need] = set()
        while isinstance(decision := evaluate(rules, pass_.desired, observed, pass_.now), Need):
            if decision in fetched:
                raise AssertionError(f"a rule asks again for {decision}, which was fetched")
            fetched.add(decision)
            observed = await self._kind.fetchers[decision.fact](pass_, observed, *decision.of)
        verdict = decision.verdict
        again = pass_.state.recheck_at(verdict, pass_.resource.generation, pass_.now)
        is_watched = not verdict.is_error and all(need.fact in self._kind.watched_facts for need in fetched)
        if again is not None and is_watched:
            # Whatever changes that wakes the object; to look all the same is for an edge that is missing.
            again = pass_.now + _LISTS_BETWEEN_RECHECKS * timedelta(minutes=self._context.settings.resync_minutes)
        if again is not None:
            decision = replace(decision, verdict=replace(verdict, requeue_at=again))
        return observed, decision

    async def _run_step(self, pass_: Pass[DesiredT, StateT], plan: Plan[StepT]) -> Plan[StepT]:
        act = partial(self._kind.act, pass_)
        if plan.step is not None and isinstance(plan.step, self._kind.unpaced_steps):
            await act(plan.step)
            return plan
        return await pass_.state.steps.run(
            plan,
            act,
            self._context.azure.operations,
            generation=pass_.resource.generation,
            now=pass_.now,
            jitter=self._context.jitter(),
        )
