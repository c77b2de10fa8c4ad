"""One gateway for each thing of Azure: what the reconcilers may ask, and nothing more.

Verbs: ``get`` and ``list`` read, ``submit_…`` sends one write and does not await its end, ``check`` looks how far an
operation got. A missing thing is ``Absent``, everything else that goes wrong is raised as one of ``errors``.
"""

from __future__ import annotations

from azdiskbackup.azure.backups import Backups
from azdiskbackup.azure.connection import AzureConnection
from azdiskbackup.azure.graph import Graph
from azdiskbackup.azure.instances import Instances
from azdiskbackup.azure.resources import Resources, RoleAssignments
from azdiskbackup.azure.submission import Operations
from azdiskbackup.azure.vaults import Policies, Vaults


class Azure:
    """All gateways, over one connection."""

    def __init__(self, connection: AzureConnection) -> None:
        self.vaults = Vaults(connection)
        self.policies = Policies(connection)
        self.instances = Instances(connection)
        self.backups = Backups(connection)
        self.roles = RoleAssignments(connection)
        self.resources = Resources(connection)
        self.operations = Operations(connection)
        self.graph = Graph(connection)
