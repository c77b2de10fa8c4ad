"""The API server's audit log: who asked for what, and what the answer was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


@dataclass(frozen=True)
class AuditEntry:
    """One request as the API server logged it."""

    user: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    # A further page of a list that another request began.
    continues: bool
    # Refused for want of a right; a 403 of an admission plugin (a namespace that ends, say) is none.
    forbidden: bool

    @property
    def is_write(self) -> bool:
        return self.verb in {"create", "update", "patch", "delete", "deletecollection"}


def entries(log: Path, user: str | None = None, start: int = 0) -> Iterator[AuditEntry]:
    """Yield what an API server logged from a byte on, optionally of one user only."""
    with log.open("rb") as lines:
        lines.seek(start)
        for line in lines:
            entry = json.loads(line)
            who = entry["user"].get("username", "")
            reference = entry.get("objectRef", {})
            if (user is None or who == user) and entry["stage"] == "ResponseComplete":
                yield AuditEntry(
                    user=who,
                    verb=entry["verb"],
                    group=reference.get("apiGroup", ""),
                    resource=reference.get("resource", ""),
                    subresource=reference.get("subresource", ""),
                    namespace=reference.get("namespace", ""),
                    name=reference.get("name", ""),
                    code=entry.get("responseStatus", {}).get("code", 0),
                    continues="continue=" in entry["requestURI"],
                    forbidden=entry.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid",
                )
