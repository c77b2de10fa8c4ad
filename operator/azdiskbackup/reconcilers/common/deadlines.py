"""By when something must have happened: whoever looks at what did happen asks here whom to wake."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.engine.cache import Key


class Deadlines:
    """At most one deadline for each object; a restart sets them anew, with the first pass of each object."""

    def __init__(self) -> None:
        self._by_key: dict[Key, datetime] = {}

    def set(self, key: Key, deadline: datetime | None) -> None:
        """Take note of an object's deadline, or that it has none."""
        if deadline is None:
            self._by_key.pop(key, None)
        else:
            self._by_key[key] = deadline

    def passed(self, now: datetime) -> list[Key]:
        """Return the objects whose deadlines have passed; each is told once."""
        found = [key for key, deadline in self._by_key.items() if deadline < now]
        for key in found:
            del self._by_key[key]
        return found
