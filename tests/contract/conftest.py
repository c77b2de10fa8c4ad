"""A simulator over TLS, and the real SDKs against it."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import HttpUrl

from azdiskbackup.azure.client.connection import AzureConnection
from azdiskbackup.azure.client.identity import log_in
from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.azure.transport.https_network import HttpsNetwork
from azdiskbackup.azure.transport.network import Network
from azdiskbackup.settings import Settings
from azure_simulator.client import Simulator
from contract.api_servers import api, plane
from harness import openapi
from harness.certificates import Authority
from harness.objects import DISK_GROUP, LOCATION, SNAPSHOT_GROUP, SUBSCRIPTION, VAULT_GROUP
from harness.processes import Child, free_ports
from harness.stack import CLIENT_ID, simulator_command

__all__ = ["api", "plane"]


def _service_account_token() -> str:
    """Return a token with the claims of a service account; the simulator does not check its signature."""
    parts = [{"alg": "RS256"}, {"sub": "system:serviceaccount:azdiskbackup:azdiskbackup"}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "signature"])


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder = tmp_path_factory.mktemp("azure")
    authority = Authority(folder / "pki", "simulator-ca")
    port = free_ports(1)[0]
    found = Simulator(f"https://localhost:{port}", authority.certificate)
    command = simulator_command(port, authority.server("simulator"), 0, datetime(2026, 1, 5, 9, 0, tzinfo=UTC))
    child = Child("the simulator", command, folder / "simulator.log")
    try:
        child.wait_until(found.answers)
        found.seed(
            subscriptions=[SUBSCRIPTION],
            groups=[
                {"subscription": SUBSCRIPTION, "name": name, "location": LOCATION}
                for name in (VAULT_GROUP, SNAPSHOT_GROUP, DISK_GROUP)
            ],
            callers=[{"clientID": CLIENT_ID}, {"clientID": "stranger", "may": "^nothing$"}],
        )
        yield found
        if openapi.available():
            ours = [sent for sent in found.requests() if sent.caller == CLIENT_ID]
            faults = {fault for sent in ours for fault in openapi.faults(sent.method, sent.path, sent.body)}
            assert not faults, "\n".join(sorted(faults))
    finally:
        child.stop()


def settings_for(simulator: Simulator) -> Settings:
    return Settings(
        subscription_id=SUBSCRIPTION,
        resource_manager_endpoint=HttpUrl(simulator.url),
        ca_file=simulator.certificate_authority,
        request_timeout_seconds=5,
    )


def connected(
    settings: Settings, simulator: Simulator, network: Callable[[Settings], Network] = HttpsNetwork
) -> AzureConnection:
    return AzureConnection(settings, lambda: simulator.now, network(settings), log_in)


@pytest.fixture
async def connection(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[AzureConnection]:
    token = tmp_path / "token"
    token.write_text(_service_account_token())
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("AZURE_TENANT_ID", simulator.seed()["tenant"])
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", simulator.url)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(token))
    async with connected(settings_for(simulator), simulator) as found:
        yield found


@pytest.fixture
async def azure(connection: AzureConnection, simulator: Simulator) -> AsyncIterator[Azure]:
    simulator.clear_faults()
    yield Azure(connection)
    simulator.clear_faults()
