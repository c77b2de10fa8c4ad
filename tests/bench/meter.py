"""What the operator costs between two moments: calls to Azure, writes to Kubernetes, CPU time, memory."""

from __future__ import annotations

import json
import os
import resource
import time
import urllib.request
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from azdiskbackup.azure.transport.limits import Limit, key_of, limits_of
from azure_simulator.client import Sent
from harness.stack import CLIENT_ID, OPERATOR_USER, Stack

_TICKS = os.sysconf("SC_CLK_TCK")
_WRITES = {"create", "update", "patch", "delete"}


@dataclass(frozen=True)
class Cost:
    """What was spent.

    Attributes:
        azure: calls by route.
        azure_writes: how many of them change something.
        kubernetes: writes by resource and subresource.
        seconds: of virtual time.
        cpu: seconds of CPU time of the operator.
    """

    azure: Counter[str]
    azure_writes: int
    kubernetes: Counter[str]
    seconds: float
    cpu: float

    @property
    def calls(self) -> int:
        return sum(self.azure.values())

    @property
    def kubernetes_writes(self) -> int:
        return sum(self.kubernetes.values())


class Meter:
    """Counts from the moment it is made, or from its last reading."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._mark()

    def _mark(self) -> None:
        self._requests = self._stack.azure.request_count()
        self._audit = self._stack.plane.audit_log.stat().st_size
        self._time: datetime = self._stack.azure.now
        self._cpu = cpu_seconds(self._stack.operator_pid)

    def read(self) -> Cost:
        """Return what was spent since the last reading, and count anew."""
        sent = [each for each in self._stack.azure.requests(self._requests) if each.caller == CLIENT_ID]
        cost = Cost(
            azure=Counter(each.route for each in sent),
            azure_writes=sum(each.writes for each in sent),
            kubernetes=_kubernetes_writes(self._stack.plane.audit_log, self._audit),
            seconds=(self._stack.azure.now - self._time).total_seconds(),
            cpu=cpu_seconds(self._stack.operator_pid) - self._cpu,
        )
        self._mark()
        return cost


def _kubernetes_writes(log: Path, start: int) -> Counter[str]:
    found: Counter[str] = Counter()
    with log.open("rb") as lines:
        lines.seek(start)
        for line in lines:
            entry = json.loads(line)
            ours = entry["user"].get("username") == OPERATOR_USER and entry["stage"] == "ResponseComplete"
            if ours and entry["verb"] in _WRITES:
                reference = entry.get("objectRef", {})
                if reference.get("resource") == "leases":
                    # One every five seconds, whatever there is to do.
                    continue
                place = (reference.get("resource", ""), reference.get("subresource", ""))
                found["/".join(part for part in place if part)] += 1
    return found


def first_about(sent: Iterable[Sent], what: str) -> datetime:
    """Return when the first request about something was sent, by a part of its path."""
    return datetime.fromisoformat(next(each.time for each in sent if what in each.path))


def share_used(sent: Iterable[Sent], share: float) -> float:
    """Return the most that requests used of the share of any of Azure's limits, at any time; 1 is all of it.

    Of a limit for a window those of any such window count, of the others those that did not come in again by then.
    """
    times: dict[tuple[str, Limit], list[datetime]] = {}
    for each in sent:
        subscription, kind, how = key_of(each.method, each.path)
        for limit in limits_of(kind, how, share):
            times.setdefault((subscription, limit), []).append(datetime.fromisoformat(each.time))
    return max(
        _in_a_window(found, limit.window) / (limit.most * share) if limit.window else _in_a_bucket(found, limit)
        for (_, limit), found in times.items()
    )


def _in_a_window(times: Sequence[datetime], window: timedelta) -> int:
    return max(bisect_left(times, begin + window) - number for number, begin in enumerate(times))


def _in_a_bucket(times: Sequence[datetime], limit: Limit) -> float:
    level = most = 0.0
    for before, now in zip([times[0], *times], times, strict=False):
        level = max(0.0, level - (now - before).total_seconds() * limit.per_second) + 1
        most = max(most, level)
    return most / limit.burst


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def children_cpu() -> float:
    """Return the CPU time that all processes have used that this one began, and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def waiting(metrics_url: str) -> int:
    """Return how many objects wait for Azure's limits, those apart that only lack the newest restore points."""
    with urllib.request.urlopen(metrics_url) as answer:  # noqa: S310 - our own URL
        lines = answer.read().decode().splitlines()
    mine = (line for line in lines if line.startswith("azdiskbackup_azure_requests_waiting{"))
    return sum(round(float(line.rpartition(" ")[2])) for line in mine if "recoverypoints" not in line)


def scrape(metrics_url: str) -> tuple[float, int]:
    """Return how many seconds a scrape takes, and how many bytes it brings."""
    begun = time.perf_counter()
    with urllib.request.urlopen(metrics_url) as answer:  # noqa: S310 - our own URL
        size = len(answer.read())
    return time.perf_counter() - begun, size


def resident_kib(pid: int) -> int:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ValueError(f"the process {pid} has no VmRSS")
