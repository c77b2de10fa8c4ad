"""What happens to the objects when the operator is uninstalled: they are let go, and Azure is left as it is.

Without this each of them would hang in its deletion for ever, and its namespace with it: the finalizer waits for an
operator that is gone.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import AsyncIterator
from datetime import timedelta

import structlog

from azdiskbackup.core.resource import FINALIZER, Resource
from azdiskbackup.errors import Conflict, Exit
from azdiskbackup.kube.client import KubeClient, NotFoundError
from azdiskbackup.kube.connection import connection
from azdiskbackup.kube.lease import Lease
from azdiskbackup.kube.resources import OURS, WatchedResource
from azdiskbackup.settings import Settings

_WITHOUT_FINALIZER = {"OnDemandBackup"}

_log = structlog.get_logger("azdiskbackup")


async def let_go(settings: Settings) -> None:
    """Take our finalizer off every object of ours, and ask nothing of Azure.

    The Lease is taken from whoever has it: an operator that works would put the finalizers on again.

    Raises:
        OperatorError: the API server refuses something.
    """
    kube_connection = connection(settings.kubeconfig)

    def lost(why: str) -> None:
        # From a thread, and at once: an operator that works again puts finalizers on.
        print(f'{{"event": "The Lease was lost: {why}. Uninstall again.", "level": "error"}}', flush=True)
        os._exit(Exit.LEASE_LOST)

    async with KubeClient(kube_connection) as kube:
        lease = Lease(
            kube,
            settings.lease_namespace or kube_connection.namespace,
            settings.lease_name,
            settings.pod_name or socket.gethostname(),
            timedelta(0),
            lost,
        )
        if await lease.seize():
            _log.info("no operator works any more")
        count = 0
        for resource in OURS:
            if resource.kind in _WITHOUT_FINALIZER:
                continue
            # Again, should somebody have changed one meanwhile.
            while held := [each async for each in _held(kube, resource)]:
                for each in held:
                    count += await _let_go_of(kube, each)
        # The Lease stays ours until it expires: an operator that put the finalizers on again would be worse than none.
        _log.info("let go", objects=count, azure="left as it is: backups that run by schedule go on, and cost")


async def _held(kube: KubeClient, resource: WatchedResource) -> AsyncIterator[Resource]:
    """Yield the objects of a kind that have our finalizer; none when their definition is gone, and they with it."""
    with contextlib.suppress(NotFoundError):
        async for raw in kube.list_all(resource):
            if FINALIZER in raw["metadata"].get("finalizers", ()):
                yield Resource(raw)


async def _let_go_of(kube: KubeClient, resource: Resource) -> bool:
    """Take the finalizer off; return whether it is off by us."""
    try:
        await kube.remove_finalizer(resource)
    except (Conflict, NotFoundError):
        return False
    return True
