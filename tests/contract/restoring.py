"""A portal in which a disk has a restore point, and restores of it."""

from __future__ import annotations

from typing import Any

from azure_simulator.http.messages import Response
from azure_simulator.model.roles import DISK_RESTORE_OPERATOR
from contract.portal import DISKS, INSTANCE, VAULT, Json, Portal
from harness.objects import LOCATION

TARGET = f"{DISKS}/providers/Microsoft.Compute/disks/data-again"


def request_body(point: str, target: str = TARGET, location: str = LOCATION, **more: Any) -> Json:
    """Return what restores a point into a disk."""
    source = {
        "objectType": "Datasource",
        "datasourceType": "Microsoft.Compute/disks",
        "resourceType": "Microsoft.Compute/disks",
        "resourceID": target,
        "resourceUri": target,
        "resourceName": target.rsplit("/", 1)[-1],
        "resourceLocation": location,
    }
    return {
        "objectType": "AzureBackupRecoveryPointBasedRestoreRequest",
        "recoveryPointId": point,
        "sourceDataStoreType": "OperationalStore",
        "restoreTargetInfo": {
            "objectType": "RestoreTargetInfo",
            "recoveryOption": "FailIfExists",
            "restoreLocation": location,
            "datasourceInfo": source,
        },
        **more,
    }


class RestorePortal(Portal):
    """A portal whose vault may restore into the group of the disks; ``point`` is what can be restored."""

    def __init__(self) -> None:
        super().__init__()
        self.point = ""

    def back_up(self, **properties: Any) -> None:
        """Protect a disk, let the vault restore, and wait for the first restore point."""
        self.protect(**properties)
        self.assign(DISK_RESTORE_OPERATOR, DISKS, self.body(VAULT)["identity"]["principalId"], 50)
        self.take_point()

    def take_point(self) -> None:
        """Wait for the next scheduled backup."""
        self.passes(hours=4)
        self.point = self.body(f"{INSTANCE}/recoveryPoints")["value"][0]["name"]

    def follow(self, response: Response, name: str = "Azure-AsyncOperation") -> Json:
        """Return what an operation says by now."""
        assert response.status == 202, response.body
        return self.ask("GET", response.headers[name].removeprefix(self.url)).body or {}

    def validated(self, target: str = TARGET, **more: Any) -> tuple[str, str]:
        """Return status and code at the end of a validation."""
        body = {"restoreRequestObject": request_body(self.point, target, **more)}
        begun = self.ask("POST", f"{INSTANCE}/validateRestore", body)
        self.passes(seconds=42)
        return _end(self.follow(begun))

    def restore(self, target: str = TARGET, **more: Any) -> str:
        """Start a restore; return the ARM id of its job."""
        begun = self.ask("POST", f"{INSTANCE}/restore", request_body(self.point, target, **more))
        self.passes(seconds=2)
        told = self.follow(begun)
        assert told["status"] == "Succeeded", told
        return str(told["properties"]["jobId"])

    def restored(self, target: str = TARGET, **more: Any) -> Json:
        """Return the properties of the job of a restore, minutes later."""
        job = self.restore(target, **more)
        self.passes(minutes=4)
        found: Json = self.body(job)["properties"]
        return found


def _end(told: Json) -> tuple[str, str]:
    return told["status"], str((told.get("error") or {}).get("code", ""))
