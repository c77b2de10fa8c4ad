"""What answers of Azure mean where two of its services answer in different ways."""

from __future__ import annotations

import pytest

from azdiskbackup.azure.gateways import decode

_GROUP = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/g/providers"


@pytest.mark.parametrize("name", ["westeurope", "West Europe", "west europe", "WestEurope"])
def test_a_region_is_the_same_however_it_is_spelled(name: str) -> None:
    disk = decode.disk({"id": f"{_GROUP}/Microsoft.Compute/disks/d", "location": name})
    vault = decode.vault(
        {"id": f"{_GROUP}/Microsoft.DataProtection/backupVaults/v", "location": name, "properties": {}}
    )
    assert disk.location == vault.location == "westeurope"
