"""The check before the start: what it says, and how soon, of an authority and an Azure that are not well."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

import pytest
from pydantic import HttpUrl

from azdiskbackup.azure.client import preflight
from azdiskbackup.azure.client.connection import AzureConnection
from azdiskbackup.errors import CannotStart, Exit
from azdiskbackup.settings import Settings
from azure_simulator.client import Simulator
from contract.conftest import settings_for


@pytest.fixture
def settings(simulator: Simulator, connection: AzureConnection) -> Settings:
    """Those of a pod; the environment is that of the connection."""
    simulator.clear_faults()
    return settings_for(simulator)


@contextlib.asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """Serve a port that takes connections and says nothing."""

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_it_says_what_it_sees(settings: Settings) -> None:
    assert (
        await preflight.check(settings) == f"Subscription Simulated 11111111 ({settings.subscription_id}) is readable."
    )


async def test_an_authority_that_says_nothing_is_told_in_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "_TOKEN_WITHIN_SECONDS", 0.5)
    async with silent() as port:
        elsewhere = settings.model_copy(update={"authority_host": HttpUrl(f"https://127.0.0.1:{port}")})
        with pytest.raises(CannotStart, match="no response within") as caught:
            await preflight.check(elsewhere)
    assert caught.value.code == Exit.AZURE


async def test_an_azure_that_says_nothing_is_no_reason_to_end(settings: Settings) -> None:
    async with silent() as port:
        elsewhere = settings.model_copy(
            update={"resource_manager_endpoint": HttpUrl(f"https://127.0.0.1:{port}"), "request_timeout_seconds": 1}
        )
        assert "the operator retries" in await preflight.check(elsewhere)


@pytest.mark.parametrize("status", [408, 429, 503])
async def test_an_authority_that_is_busy_is_no_reason_to_end(
    settings: Settings, simulator: Simulator, status: int
) -> None:
    simulator.plant("tokens.post", status=status, times=9)
    try:
        assert "the operator retries" in await preflight.check(settings)
    finally:
        simulator.clear_faults()


async def test_rights_that_are_on_their_way_are_waited_for_and_others_are_not(
    settings: Settings, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "_LOOK_EVERY_SECONDS", 0.01)
    # Each time that it asks what time it is, a second has passed.
    seconds = itertools.count()
    simulator.plant("subscriptions.get", status=403, code="AuthorizationFailed", message="Not yet.", times=2)
    assert "is readable" in await preflight.check(settings, wait_seconds=30, monotonic=lambda: next(seconds))
    simulator.plant("subscriptions.get", status=403, code="AuthorizationFailed", message="Not you.", times=99)
    since = simulator.request_count()
    with pytest.raises(CannotStart, match=r"cannot read the subscription .*Not you"):
        await preflight.check(settings, wait_seconds=5, monotonic=lambda: next(seconds))
    assert simulator.counts(since)["subscriptions.get"] == 5, "looked at again for as long as it was told to"
    simulator.clear_faults()
    started = next(seconds)
    monkeypatch.setenv("AZURE_CLIENT_ID", "99999999-9999-4999-8999-999999999999")
    with pytest.raises(CannotStart, match="AADSTS700016"):
        await preflight.check(settings, wait_seconds=30, monotonic=lambda: next(seconds))
    # It looked at the time when it began and after its first try. A wrong client id gets no righter.
    assert next(seconds) == started + 3


async def test_a_federated_credential_that_is_new_is_waited_for(
    settings: Settings, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "_LOOK_EVERY_SECONDS", 0.2)
    text = "AADSTS700213: No matching federated identity record found for presented assertion subject."
    simulator.plant("tokens.post", status=401, code="invalid_client", message=text, times=1)
    with pytest.raises(CannotStart, match="AADSTS700213"):
        await preflight.check(settings)
    simulator.plant("tokens.post", status=401, code="invalid_client", message=text, times=2)
    assert "is readable" in await preflight.check(settings, wait_seconds=30)


async def test_a_federated_credential_in_another_letter_case_is_not_waited_for(
    settings: Settings, simulator: Simulator
) -> None:
    text = "AADSTS7002138: No matching federated identity record found. The match is case-sensitive."
    simulator.plant("tokens.post", status=401, code="invalid_client", message=text, times=1)
    with pytest.raises(CannotStart, match="AADSTS7002138"):
        await preflight.check(settings, wait_seconds=30)
