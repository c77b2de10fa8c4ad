"""Replicas that are behind: Resource Manager reads from one of several, and what it reads may be old.

Microsoft's support confirms that a single GET may answer 404 for what exists (hashicorp/terraform-provider-azurerm
32535); a replica that is behind knows nothing of what is new either, and still has what is gone.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from datetime import timedelta

from azure_simulator.graph.index import Index
from azure_simulator.graph.tables import Tables
from azure_simulator.http.messages import Request
from azure_simulator.model.azure import Azure


@dataclass
class Replica:
    """Azure as it was when the replica stopped to follow.

    Attributes:
        route: regular expression over the names of routes.
        path: regular expression over paths: one resource, a group, a subscription.
        every: of how many reads it answers one.
    """

    azure: Azure
    index: Index
    route: str
    path: str
    every: int
    met: int = 0

    @classmethod
    def of(cls, azure: Azure, route: str, path: str, every: int) -> Replica:
        """Make one of what there is now."""
        frozen = copy.deepcopy(azure)
        index = Index(Tables(frozen), lambda: frozen.cloud.now, timedelta)
        return cls(frozen, index, route, path, every)

    def answers(self, request: Request, route: str) -> bool:
        """Return whether it answers a request, and count it."""
        if request.mutates or not re.search(self.route, route):
            return False
        if not re.search(self.path, request.path, re.IGNORECASE):
            return False
        self.met += 1
        return self.met % self.every == 0
