"""A command logs in by the Azure CLI, and asks by threads."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from azdiskbackup.azure.client.azure_cli import UNUSABLE, AzureCli
from azdiskbackup.azure.client.connection import AzureConnection
from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.azure.transport.threaded_network import ThreadedNetwork
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.errors import AccessDenied, OperatorError
from azure_simulator.client import Simulator
from contract.conftest import settings_for
from harness.az import PERSON
from harness.objects import DISK_GROUP, LOCATION, SUBSCRIPTION

TESTS = Path(__file__).resolve().parents[1]
DISK = ArmId(SUBSCRIPTION, DISK_GROUP, "Microsoft.Compute", ("disks", "cli"))
SCOPE = "https://management.azure.com/.default"


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that is the one `az` on the PATH: the stand-in, unless a test writes another one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "az"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(TESTS)!r})\n"
        "from harness.az import main\nsys.exit(main(sys.argv[1:]))\n"
    )
    program.chmod(0o755)
    return program


def says(az: Path, script: str) -> None:
    az.write_text(f"#!/bin/sh\n{script}\n")


async def test_who_is_logged_in_reads_azure(az: Path, simulator: Simulator) -> None:
    simulator.seed(
        callers=[{"clientID": PERSON}],
        disks=[{"subscription": SUBSCRIPTION, "group": DISK_GROUP, "name": "cli", "location": LOCATION}],
    )
    settings = settings_for(simulator)
    now = simulator.now
    connection = AzureConnection(settings, lambda: now, ThreadedNetwork(settings), lambda *_: AzureCli())
    since = len(simulator.requests())
    async with connection as connected:
        found = await Azure(connected).resources.get_disk(DISK)
        assert found is not None and found.location == LOCATION
    (asked,) = simulator.requests(since)
    assert asked.caller == PERSON


async def test_a_token_says_when_it_ends(az: Path) -> None:
    printed = json.dumps({"accessToken": "t", "expires_on": 4102444800, "tokenType": "Bearer"})
    says(az, f"echo '{printed}'")
    found = await AzureCli().get_token_info(SCOPE)
    assert (found.token, found.expires_on, found.token_type) == ("t", 4102444800, "Bearer")


async def test_the_tenant_that_azure_names_is_asked_for(az: Path) -> None:
    printed = json.dumps({"accessToken": "t", "expires_on": 4102444800, "tokenType": "Bearer"})
    says(
        az, f"""[ "$*" = "account get-access-token --output json --scope {SCOPE} --tenant abc" ] && echo '{printed}'"""
    )
    token = await AzureCli().get_token(SCOPE, tenant_id="abc")
    assert (token.token, token.expires_on) == ("t", 4102444800)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'ERROR: Please run az login to setup account.' >&2; exit 1", "NoToken: ERROR: Please run az login"),
        ("exit 1", "NoToken: `az` gave no token"),
        ("echo nonsense", "AzureCliUnusable: .* printed no token"),
        (
            """echo '{"accessToken": "t", "expiresOn": "2026-01-01 10:00:00.000000"}'""",
            "AzureCliUnusable: .* before 2.54",
        ),
        ("echo '[]'", "AzureCliUnusable: .* printed no token"),
        ("exec sleep 60", "AzureCliTimeout: `az` did not answer within 0.2 s"),
    ],
)
async def test_no_token_is_no_login(az: Path, script: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{az.parent}:/usr/bin:/bin")
    says(az, script)
    with pytest.raises(OperatorError) as error:
        await AzureCli(within_seconds=0.2 if "sleep" in script else 30).get_token(SCOPE)
    assert re.match(words, f"{error.value.code}: {error.value.message}")


async def test_without_the_azure_cli_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AccessDenied, match="not installed") as error:
        await AzureCli().get_token(SCOPE)
    assert error.value.code == UNUSABLE
