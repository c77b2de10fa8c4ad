"""What happens to the objects when the operator is uninstalled: they are let go, and Azure is left as it is.

Without this each of them would hang in its deletion for ever, and its namespace with it: the finalizer waits for an
operator that is gone.
"""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta

import structlog

from azdiskbackup.core.resource import FINALIZER, Resource
from azdiskbackup.errors import CannotStart, Conflict, Exit
from azdiskbackup.kube.client import KubeClient, NotFoundError
from azdiskbackup.kube.connection import connection
from azdiskbackup.kube.lease import Lease
from azdiskbackup.kube.resources import OURS
from azdiskbackup.settings import Settings

_log = structlog.get_logger("azdiskbackup")


async def let_go(settings: Settings) -> None:
    """Take our finalizer off every object of ours, and ask nothing of Azure.

    The Lease is taken first: an operator that still runs would put the finalizers on again.

    Raises:
        OperatorError: the API server refuses something.
    """
    kube_connection = connection(settings.kubeconfig)

    def lost(why: str) -> None:
        raise CannotStart(Exit.LEASE_LOST, f"An operator works again ({why}): stop it first.")

    async with KubeClient(kube_connection) as kube:
        lease = Lease(
            kube,
            settings.lease_namespace or kube_connection.namespace,
            settings.lease_name,
            settings.pod_name or socket.gethostname(),
            timedelta(0),
            lost,
        )
        _log.info("waiting until no operator works any more")
        await lease.acquire()
        count = 0
        for resource in OURS:
            try:
                held = [Resource(raw) async for raw in kube.list_all(resource) if _is_held(raw)]
            except NotFoundError:
                # Its definition is gone, and so are they.
                continue
            for each in held:
                await _let_go_of(kube, each)
            count += len(held)
        await lease.remove()
        _log.info("let go", objects=count, azure="left as it is: backups that run by schedule go on, and cost")


def _is_held(raw: object) -> bool:
    return isinstance(raw, dict) and FINALIZER in raw["metadata"].get("finalizers", ())


async def _let_go_of(kube: KubeClient, resource: Resource) -> None:
    while True:
        try:
            await kube.remove_finalizer(resource)
            return
        except NotFoundError:
            return
        except Conflict:
            # Somebody changed it meanwhile.
            try:
                resource = Resource(await kube.read(resource))
            except NotFoundError:
                return
            await asyncio.sleep(0)
