"""Which backup instances name the ProtectedDisks of this cluster as their owners, as this process saw them."""

from __future__ import annotations

from azdiskbackup.core.identity.arm_ids import ArmId, same_id


class OwnedInstances:
    """At most one instance for each ProtectedDisk, by the object's uid.

    A status that names an instance proves nothing to whoever acts on it. A restart forgets all; the first pass of each
    disk sets it again.
    """

    def __init__(self) -> None:
        self._by_uid: dict[str, str] = {}

    def set(self, uid: str, instance: ArmId | None) -> None:
        """Take note of the instance that an object owns, or that it owns none."""
        if instance is None:
            self._by_uid.pop(uid, None)
        else:
            self._by_uid[uid] = str(instance)

    def has(self, uid: str, instance: ArmId) -> bool:
        """Return whether an object is known to own an instance."""
        return same_id(self._by_uid.get(uid, ""), instance)
