"""The whole model in one object."""

from __future__ import annotations

from datetime import datetime

from azure_simulator.model.backups import Backups
from azure_simulator.model.cloud import Cloud
from azure_simulator.model.instances import Instances
from azure_simulator.model.restores import Restores
from azure_simulator.model.vaults import Vaults


class Azure:
    """Everything that exists, at one virtual time."""

    def __init__(self, start: datetime) -> None:
        self.cloud = Cloud(start)
        self.vaults = Vaults(self.cloud)
        self.instances = Instances(self.cloud, self.vaults)
        self.backups = Backups(self.cloud, self.instances)
        self.restores = Restores(self.cloud)
