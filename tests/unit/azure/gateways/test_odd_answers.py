"""Answers that Azure should not give: no JSON is an error that heals, a row that lacks its name is left out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from azdiskbackup.azure.client.connection import AzureConnection
from azdiskbackup.azure.gateways.instances import Instances
from azdiskbackup.azure.gateways.resources import Resources
from azdiskbackup.core.identity.arm_ids import ArmId, ResourceGroupId, vault_id
from azdiskbackup.errors import Unavailable

VAULT = vault_id("s", "g", "v")
DISK = ArmId.parse("/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d")


class NoJson:
    """An answer of a proxy."""

    def __init__(self, body: object = None) -> None:
        self.body = body

    def json(self) -> object:
        if self.body is None:
            raise ValueError("Expecting value")
        return self.body


class Connection:
    """Answers everything with the same."""

    def __init__(self, answer: NoJson | None = None, rows: tuple[dict[str, Any], ...] = ()) -> None:
        self._answer = answer
        self._rows = rows
        self.deleted_backup_instances = self

    async def send(self, *request: object) -> NoJson | None:
        return self._answer

    def data_protection(self, subscription: str) -> Connection:
        return self

    async def list(self, *place: str) -> AsyncIterator[Any]:
        for row in self._rows:
            yield type("Model", (), {"as_dict": lambda self, row=row: row})()


@pytest.mark.parametrize("body", [None, [], "no", 7])
async def test_an_answer_that_is_no_object_heals(body: object) -> None:
    resources = Resources(cast(AzureConnection, Connection(NoJson(body))))
    with pytest.raises(Unavailable, match="NotUnderstood"):
        await resources.get_disk(DISK)
    with pytest.raises(Unavailable, match="NotUnderstood"):
        await resources.get_group(ResourceGroupId("s", "g"))


async def test_a_deleted_instance_without_a_name_hides_no_other() -> None:
    properties = {
        "dataSourceInfo": {"resourceID": str(DISK)},
        "policyInfo": {"policyId": str(VAULT.child("backupPolicies", "p"))},
        "currentProtectionState": "SoftDeleted",
    }
    rows = ({"properties": properties}, *({"name": name, "properties": properties} for name in (None, "i")))
    found = await Instances(cast(AzureConnection, Connection(rows=rows))).list_deleted(VAULT)
    assert [each.id.name for each in found] == ["i"]
