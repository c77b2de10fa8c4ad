"""A kind as a resource: what the API server and the clients need to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from azdiskbackup.api.v1alpha1.base import GROUP, VERSION, Part, Rule, Status


@dataclass(frozen=True, slots=True)
class Column:
    """A printer column of ``kubectl get``; ``wide`` ones only with ``-o wide``."""

    name: str
    path: str
    type: Literal["string", "integer", "date"] = "string"
    wide: bool = False


READY = Column("Ready", '.status.conditions[?(@.type=="Ready")].status')
REASON = Column("Reason", '.status.conditions[?(@.type=="Ready")].reason')
MESSAGE = Column("Message", '.status.conditions[?(@.type=="Ready")].message', wide=True)
AGE = Column("Age", ".metadata.creationTimestamp", "date")


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the kinds, as far as the API server and the clients need to know it."""

    name: str
    plural: str
    short_name: str
    namespaced: bool
    spec: type[Part]
    status: type[Status]
    columns: tuple[Column, ...]
    selectable: tuple[str, ...]
    description: str
    root_rules: tuple[Rule, ...] = ()

    @property
    def api_version(self) -> str:
        """Return ``group/version``."""
        return f"{GROUP}/{VERSION}"
