"""The operator as the API server shows it: who leads, and which version runs."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

from azdiskbackup.core.objects.resource import Resource, parse_time
from azdiskbackup.errors import OperatorError
from azdiskbackup.kube.lease.record import Record
from azdiskbackup.plugin.cluster.client import DEPLOYMENTS, LEASES, Cluster, gather_in_order
from azdiskbackup.plugin.output.formatting import counted
from azdiskbackup.plugin.output.printer import Shape

PART_OF = "app.kubernetes.io/part-of=azdiskbackup"
_VERSION = "app.kubernetes.io/version"
# Stands for a deployment or a Lease that is not there, or not readable.
_NONE = Resource({"metadata": {}})


class Operator(Shape, frozen=True, kw_only=True):
    """An installation of the operator.

    Attributes:
        leader: the pod that leads; empty for none.
        renew_time: when it said so last, by the clock of the API server.
        leads: whether somebody leads; null where that cannot be seen, or nobody is to be elected.
        summary: the same for a person.
    """

    namespace: str
    version: str
    replicas_ready: int
    replicas: int
    leader: str
    renew_time: datetime | None
    leads: bool | None
    summary: str


async def operator_of(cluster: Cluster) -> Operator | None:
    """Return the installation; None where the caller may not see it."""
    deployments, leases = await gather_in_order(
        cluster.all_if_allowed(DEPLOYMENTS, labelSelector=PART_OF),
        cluster.all_if_allowed(LEASES, labelSelector=PART_OF),
    )
    if deployments is None and leases is None:
        return None
    # The Lease is of the real world, whatever clock the rest is told by; this machine's may be wrong.
    now = None
    if leases:
        with contextlib.suppress(OperatorError):
            now = await cluster.kube.server_time()
    return operator(deployments, leases, now or datetime.now(UTC))


def operator(deployments: list[Resource] | None, leases: list[Resource] | None, now: datetime) -> Operator:
    """Return the installation that deployments and Leases of the chart tell of; None of what cannot be seen."""
    deployment, lease = next(iter(deployments or []), _NONE), next(iter(leases or []), _NONE)
    record = Record(lease.raw)
    renewed = lease.spec.get("renewTime")
    renew_time = parse_time(renewed) if renewed else None
    fresh = renew_time is not None and (now - renew_time).total_seconds() < 2 * record.lasts
    leads: bool | None = bool(record.holder) and fresh
    if lease is _NONE and (leases is None or deployment is not _NONE):
        leads = None
    version = deployment.labels.get(_VERSION, "")
    ready, wanted = int(deployment.status.get("readyReplicas") or 0), int(deployment.spec.get("replicas") or 0)
    told = [f"version {version}"] if version else []
    if deployment is not _NONE:
        told.append(f"{ready} of {counted(wanted, 'replica')} ready")
    if deployment is _NONE and lease is _NONE:
        told = ["not installed by the chart, or not readable"]
    elif leads is None:
        told.append("leader not readable" if leases is None else "no Lease")
    else:
        told.append(f"leader {record.holder}" if leads else f"no leader{f' since {renewed}' if renewed else ''}")
    return Operator(
        namespace=deployment.namespace or lease.namespace,
        version=version,
        replicas_ready=ready,
        replicas=wanted,
        leader=record.holder,
        renew_time=renew_time,
        leads=leads,
        summary=", ".join(told),
    )
