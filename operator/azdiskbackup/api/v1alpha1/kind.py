"""A kind as a resource: what the API server and the clients need to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from azdiskbackup.api.v1alpha1.base import Part, Rule, Status
from azdiskbackup.api.v1alpha1.names import GROUP, VERSION, KindNames


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

    names: KindNames
    spec: type[Part]
    status: type[Status]
    columns: tuple[Column, ...]
    selectable: tuple[str, ...]
    description: str
    root_rules: tuple[Rule, ...] = ()

    @property
    def name(self) -> str:
        """Return the name, such as ``ProtectedDisk``."""
        return self.names.name

    @property
    def plural(self) -> str:
        """Return the name of the resource."""
        return self.names.plural

    @property
    def namespaced(self) -> bool:
        """Return whether its objects are in namespaces."""
        return self.names.namespaced

    @property
    def api_version(self) -> str:
        """Return ``group/version``."""
        return f"{GROUP}/{VERSION}"
