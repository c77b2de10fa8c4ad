"""What happens to the objects when the operator is uninstalled: they are let go, and Azure is left as it is.

A ProtectedDisk says from then on that nobody looks after its backups.

Without this each of them would hang in its deletion for ever, and its namespace with it: the finalizer waits for an
operator that is gone.
"""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta

import structlog

from azdiskbackup.app.termination import end_at_once
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.protected_disk.health import unattended
from azdiskbackup.errors import CannotStart, Conflict, Exit, OperatorError
from azdiskbackup.kube.client import KubeClient, NotFoundError
from azdiskbackup.kube.https_exchange import HttpsExchange
from azdiskbackup.kube.kubeconfig.reading import connection
from azdiskbackup.kube.lease.lease import Lease
from azdiskbackup.kube.retry import patiently
from azdiskbackup.kube.watched import OURS, WatchedResource
from azdiskbackup.settings import Settings

_WITHOUT_FINALIZER = {"OnDemandBackup", "DiskRestore", "DiskProtectionRule"}
_AT_THE_SAME_TIME = 8
_LEASE_LASTS_SECONDS = 300

_log = structlog.get_logger("azdiskbackup")


async def release_finalizers(settings: Settings) -> None:
    """Take our finalizer off every object of ours, and ask nothing of Azure.

    The Lease is taken from whoever has it: an operator that works would put the finalizers on again.

    Raises:
        CannotStart: some objects are left with it.
        OperatorError: the API server refuses the Lease or a list.
    """
    kube_connection = connection(settings.kubeconfig)

    def lost(why: str) -> None:
        # An operator that works again puts finalizers on.
        end_at_once(Exit.LEASE_LOST, f"The Lease was lost: {why}. Retry the uninstallation.", settings.termination_log)

    async with (
        KubeClient(HttpsExchange(kube_connection)) as kube,
        KubeClient(HttpsExchange(kube_connection)) as kube_for_lease,
    ):
        lease = Lease(
            kube_for_lease,
            settings.lease_namespace or kube_connection.namespace,
            settings.lease_name,
            settings.pod_name or socket.gethostname(),
            timedelta(0),
            lost,
            # It is never released: until Helm has deleted the operator none must begin to work.
            lasts=_LEASE_LASTS_SECONDS,
        )
        await patiently(lease.seize)
        _log.info("all replicas have stopped")
        refused: list[str] = []
        count = 0
        for resource in OURS:
            if resource.kind not in _WITHOUT_FINALIZER:
                count += await _let_go_of_all(kube, resource, datetime.now(UTC), refused)
        _log.info("finalizers removed", objects=count, azure="unchanged: scheduled backups continue, and are billed")
    if refused:
        more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
        raise CannotStart(Exit.KUBERNETES, f"The finalizer is still on {refused[0]}{more}. Remove it by hand.")


async def _let_go_of_all(kube: KubeClient, resource: WatchedResource, now: datetime, refused: list[str]) -> int:
    """Take the finalizer off all objects of a kind; return off how many, and add those that could not be had."""
    count, given_up = 0, set[str]()
    slots = asyncio.Semaphore(_AT_THE_SAME_TIME)

    async def let_go_of(each: Resource) -> None:
        nonlocal count
        try:
            async with slots:
                told = await patiently(lambda: _tell(kube, each, now))
                await patiently(lambda: kube.remove_finalizer(told))
            count += 1
        except (Conflict, NotFoundError):
            # Somebody changed it meanwhile: the next list tells.
            return
        except OperatorError as error:
            given_up.add(each.uid)
            refused.append(f"{each.raw['kind']} {each.namespace}/{each.name}: {error.user_message}")

    while held := [each for each in await patiently(lambda: _held(kube, resource)) if each.uid not in given_up]:
        await asyncio.gather(*(let_go_of(each) for each in held))
    return count


async def _tell(kube: KubeClient, held: Resource, now: datetime) -> Resource:
    """Say in the status of a ProtectedDisk that nobody looks after its backups any more; return it after that."""
    conditions = held.status.get("conditions")
    if held.raw["kind"] != "ProtectedDisk" or not isinstance(conditions, list):
        return held
    changed = unattended(conditions, now)
    return held if changed is None else Resource(await kube.patch_status(held, {"conditions": changed}))


async def _held(kube: KubeClient, resource: WatchedResource) -> list[Resource]:
    """Return the objects of a kind that have our finalizer; none when their definition is gone, and they with it."""
    try:
        found = [Resource(raw) async for raw in kube.list_all(resource)]
    except NotFoundError:
        return []
    return [each for each in found if each.has_finalizer]
