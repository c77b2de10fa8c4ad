"""What stands in the Lease, besides who holds it: what the next holder has to wait for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from azdiskbackup.kube.watched import Raw

DURATION = 15.0
# For how many seconds from this writing on a request of a leader may still arrive. In seconds and not as a time, since
# the clocks of two nodes differ. At a release it is always there, and tells thereby that the holder let go by itself.
UNSETTLED = "azdiskbackup.io/requests-unsettled-seconds"
# How long a request of the holder may be on its way.
LONGEST = "azdiskbackup.io/request-timeout-seconds"


def new_lease(name: str, owner: tuple[str, str] | None) -> dict[str, Any]:
    """Return a Lease that nobody holds, which goes with the service account that owns it, by its name and uid."""
    owned = [{"apiVersion": "v1", "kind": "ServiceAccount", "name": owner[0], "uid": owner[1]}] if owner else []
    labels = {"app.kubernetes.io/part-of": "azdiskbackup", "app.kubernetes.io/managed-by": "azdiskbackup"}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "labels": labels, "ownerReferences": owned},
    }


@dataclass(frozen=True, slots=True)
class Record:
    """A Lease as the API server has it."""

    raw: Raw

    @property
    def _spec(self) -> Raw:
        found: Raw = self.raw.get("spec") or {}
        return found

    @property
    def version(self) -> str:
        """Return its resourceVersion."""
        return str(self.raw["metadata"]["resourceVersion"])

    @property
    def holder(self) -> str:
        """Return who holds it, empty for nobody."""
        return self._spec.get("holderIdentity") or ""

    @property
    def transitions(self) -> int:
        """Return how often it changed hands."""
        return int(self._spec.get("leaseTransitions") or 0)

    @property
    def lasts(self) -> float:
        """Return for how many seconds without a renewal it stays its holder's."""
        return float(self._spec.get("leaseDurationSeconds") or DURATION)

    @property
    def was_released(self) -> bool:
        """Return whether its last holder let go by itself."""
        return not self.holder and self.unsettled is not None

    @property
    def unsettled(self) -> float | None:
        """Return for how many seconds from this writing a request of a leader may arrive; None if it is not said."""
        return self._annotated(UNSETTLED)

    @property
    def longest(self) -> float | None:
        """Return for how many seconds a request of the holder may be on its way; None if it is not said."""
        return self._annotated(LONGEST)

    def _annotated(self, name: str) -> float | None:
        try:
            return float((self.raw["metadata"].get("annotations") or {})[name])
        except (KeyError, ValueError):
            return None

    def held_by(
        self, holder: str, *, lasts: float, longest: float, unsettled: float | None, transitions: int
    ) -> dict[str, Any]:
        """Return what to write so that somebody holds it; an empty holder releases it."""
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
        annotations = dict(self.raw["metadata"].get("annotations") or {}) | {LONGEST: f"{longest:.0f}"}
        annotations.pop(UNSETTLED, None)
        if unsettled is not None:
            annotations[UNSETTLED] = f"{unsettled:.3f}"
        stays = holder in ("", self.holder)
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {**self.raw["metadata"], "annotations": annotations},
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": int(lasts),
                "acquireTime": (self._spec.get("acquireTime") if stays else None) or now,
                "renewTime": now,
                "leaseTransitions": transitions,
            },
        }
