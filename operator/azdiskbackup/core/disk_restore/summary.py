"""What somebody who watches many restores wants to know of each: how it stands, and how long it took."""

from __future__ import annotations

from dataclasses import dataclass

from azdiskbackup.core.jobs.recorded import is_over
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.rules import reasons

_LONGEST_SECONDS = 366 * 86400


@dataclass(frozen=True, slots=True)
class RestoreSummary:
    """A restore from far away.

    Attributes:
        outcome: `running`, `stalled` (nothing goes on until somebody does something), `succeeded`, `failed` or
            `not_repeated` (a restore of manifests brought the object back).
        seconds: how long its job ran; None before its end, and without a job.
    """

    outcome: str
    seconds: int | None


def summary(resource: Resource) -> RestoreSummary:
    """Return the summary of a DiskRestore."""
    return RestoreSummary(_outcome(resource), _seconds(resource.status.get("durationSeconds")))


def _outcome(resource: Resource) -> str:
    if not is_over(resource):
        return "stalled" if resource.condition(reasons.STALLED).get("status") == "True" else "running"
    succeeded = resource.condition(reasons.SUCCEEDED)
    if succeeded.get("status") == "True":
        return "succeeded"
    return "not_repeated" if succeeded.get("reason") == reasons.NOT_REPEATED else "failed"


def _seconds(found: object) -> int | None:
    # Others may have written anything.
    if isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= _LONGEST_SECONDS:
        return found
    return None
