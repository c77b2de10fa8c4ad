"""A request and an answer, apart from any server."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlsplit

GRAPH = "/providers/microsoft.resourcegraph/resources"


@dataclass(frozen=True)
class Request:
    """One request; header names are lower case."""

    method: str
    url: str
    headers: dict[str, str]
    body: str

    @cached_property
    def path(self) -> str:
        return urlsplit(self.url).path

    @cached_property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.url).query, keep_blank_values=True).items()}

    @property
    def json(self) -> dict[str, Any]:
        value = json.loads(self.body) if self.body else {}
        return value if isinstance(value, dict) else {}

    @property
    def mutates(self) -> bool:
        # A query is sent as a POST, and changes nothing.
        return self.method in ("PUT", "POST", "PATCH", "DELETE") and not self.path.lower().endswith(GRAPH)


@dataclass
class Response:
    """One answer; a body of None is an empty one."""

    status: int
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    # Instead of the body, where the answer is a list.
    rows: list[dict[str, Any]] | None = None
