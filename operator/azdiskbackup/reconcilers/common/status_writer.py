"""The one place that writes status: only what changed, onto the version that was read, with an event if it matters."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import structlog

from azdiskbackup.api.v1alpha1.base import Status
from azdiskbackup.core.objects.abandon import way_out
from azdiskbackup.core.objects.resource import Invalid, Resource, parse_status
from azdiskbackup.core.rules import conditions, reasons
from azdiskbackup.core.rules.verdicts import Finding, Plan, Verdict
from azdiskbackup.engine.cache import Cache, key_of
from azdiskbackup.engine.clock import Clock
from azdiskbackup.errors import OperatorError
from azdiskbackup.kube.client import KubeClient, NotFoundError
from azdiskbackup.kube.events import Events

Json = dict[str, Any]

_log = structlog.get_logger("azdiskbackup.transitions")

# Work that needs nobody's attention makes no event.
_QUIET = {
    reasons.BIND_PENDING,
    reasons.RESOLVING,
    reasons.CONFIGURING,
    reasons.CREATING,
    reasons.GRANTING,
    reasons.NOT_YET_KNOWN,
    reasons.PROVISIONING,
    reasons.STARTING,
    reasons.VALIDATING,
    reasons.WAITING_FOR_LIMITS,
    reasons.DELETING,
}


class StatusWriter:
    """Writes status, finalizers and events, and tells the cache what the server answered."""

    def __init__(self, kube: KubeClient, cache: Cache, clock: Clock) -> None:
        self._kube = kube
        self._events = Events(kube)
        self._cache = cache
        self._clock = clock
        # Kind, namespace and name of what was let go without Azure.
        self.abandoned: Counter[tuple[str, str, str]] = Counter()

    async def write(self, resource: Resource, status: Status) -> None:
        """Write the status if it differs, and post an event if a person should hear of it."""
        wanted = status.to_wire()
        patch = difference(resource.status, wanted)
        if not patch:
            return
        after = Resource(await self._kube.patch_status(resource, patch))
        self._cache.put(str(resource.raw["kind"]), after.raw)
        await self._transition(resource, after)

    async def write_invalid(self, resource: Resource, invalid: Invalid, model: type[Status]) -> None:
        """Say that the spec cannot be read, which the API server should have refused."""
        message = f"{invalid.message} Correct the spec; the operator does nothing in Azure until then."
        if resource.deleting:
            message = f"{message} {way_out(resource)}"
        findings = [
            Finding(reasons.ACCEPTED, "False", reasons.INVALID_SPEC, message),
            Finding(reasons.READY, "False", reasons.INVALID_SPEC, message),
            Finding(reasons.STALLED, "True", reasons.INVALID_SPEC, message),
        ]
        before = parse_status(model, resource, self._clock.now())
        built = conditions.build(findings, before.conditions, resource.generation, self._clock.now())
        await self.write(
            resource,
            before.model_copy(update={"observed_generation": resource.generation, "conditions": built}),
        )

    async def ensure_finalizer(self, resource: Resource) -> Resource:
        """Put our finalizer on before the first write to Azure; return the object after it."""
        if resource.has_finalizer or resource.deleting:
            return resource
        after = Resource(await self._kube.add_finalizer(resource))
        self._cache.put(str(resource.raw["kind"]), after.raw)
        return after

    async def release(self, resource: Resource, plan: Plan[Any] | None = None) -> None:
        """Take our finalizer off: nothing is left to do for an object that is being deleted.

        What the plan of its deletion leaves in Azure is told by a Warning event, since no status will tell it.
        """
        if not resource.has_finalizer:
            return
        for left in plan.findings if plan is not None else ():
            if left.reason == reasons.LEFT_IN_AZURE:
                await self.event(resource, warning=True, reason=left.reason, note=left.message)
        after = Resource(await self._kube.remove_finalizer(resource))
        if not after.meta.get("finalizers"):
            # With the last finalizer the object is gone, and the watch may tell so only later.
            self._cache.remove(key_of(str(resource.raw["kind"]), resource.raw), resource.uid)
        _log.info("released", **_names(resource))

    async def abandon(self, resource: Resource, what: tuple[str, str]) -> None:
        """Let an object go without what it has to do in Azure, since somebody said so on the object itself."""
        member, words = what
        left = str(resource.status.get(member) or "an id that status does not tell")
        self.abandoned[(str(resource.raw["kind"]), resource.namespace, resource.name)] += 1
        _log.warning("abandoned in Azure", **_names(resource), left=left)
        await self.leave(resource, f"Abandoned, as the annotation says. {words}: {left}.")

    async def leave(self, resource: Resource, note: str) -> None:
        """Let an object go although something of it stays in Azure."""
        await self.event(resource, warning=True, reason=reasons.LEFT_IN_AZURE, note=note)
        await self.release(resource)

    async def delete(self, resource: Resource) -> None:
        """Delete an object of ours."""
        with contextlib.suppress(NotFoundError):
            await self._kube.delete(resource)

    async def event(self, resource: Resource, *, warning: bool, reason: str, note: str) -> None:
        """Post an event; one that is lost is lost, since the condition says the same and stays."""
        try:
            await self._events.post(resource, warning=warning, reason=reason, note=note, now=self._clock.now())
        except OperatorError as error:
            _log.warning("event not posted", **_names(resource), reason=reason, error=error.user_message)

    async def report_correction(self, resource: Resource, verdict: Verdict[Any]) -> None:
        """Post an event about a step that corrected drift, since the next pass follows before status could show it."""
        if verdict.reason == reasons.DRIFT_CORRECTED:
            await self.event(resource, warning=True, reason=verdict.reason, note=verdict.message)

    async def _transition(self, before: Resource, after: Resource) -> None:
        ready = after.condition(reasons.READY)
        if _differs(before, after, reasons.READY):
            reason, message = str(ready.get("reason")), str(ready.get("message"))
            _log.info("transition", **_names(after), ready=ready.get("status"), reason=reason, message=message)
            if reason not in _QUIET:
                warning = bool(after.condition(reasons.STALLED)) or reason == reasons.DRIFT_CORRECTED
                await self.event(after, warning=warning, reason=reason, note=message)
        health = after.condition(reasons.BACKUP_HEALTHY)
        if health.get("status") in ("True", "False") and _differs(before, after, reasons.BACKUP_HEALTHY):
            healthy, reason, message = health["status"], str(health["reason"]), str(health["message"])
            _log.info("backups", **_names(after), healthy=healthy, reason=reason, message=message)
            await self.event(after, warning=healthy == "False", reason=reason, note=message)


def _differs(before: Resource, after: Resource, type_: str) -> bool:
    """Return whether a condition is another one: not whether its words changed."""
    old, new = before.condition(type_), after.condition(type_)
    return (old.get("status"), old.get("reason")) != (new.get("status"), new.get("reason"))


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Json:
    """Return the merge patch from one JSON object to another: null removes, lists are replaced whole."""
    patch: Json = {key: None for key in old if key not in new}
    for key, value in new.items():
        held = old.get(key)
        if isinstance(value, Mapping) and isinstance(held, Mapping):
            inner = difference(held, value)
            if inner:
                patch[key] = inner
        elif value != held:
            patch[key] = value
    return patch


def _names(resource: Resource) -> Json:
    """Return which object it is; the pass says already what it is called."""
    return {"uid": resource.uid, "generation": resource.generation}
