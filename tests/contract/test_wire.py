"""What can go wrong between the operator and Azure: the gateways turn it into an error that says what helps."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from azdiskbackup.azure.client.connection import AzureConnection
from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.azure.transport.https_network import HttpsNetwork
from azdiskbackup.azure.transport.network import Network
from azdiskbackup.azure.transport.threaded_network import ThreadedNetwork
from azdiskbackup.azure.transport.throttle_gate import key_of
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureDisk
from azdiskbackup.errors import AccessDenied, InvalidRequest, OperatorError, Throttled, Unavailable
from azdiskbackup.settings import Settings
from azure_simulator.client import Simulator
from contract.azure_world import made_vault, protected, request_for
from contract.conftest import connected, settings_for
from harness.certificates import Authority
from harness.objects import DISK_GROUP, LOCATION, SECOND_SUBSCRIPTION, SUBSCRIPTION

DISK = ArmId(SUBSCRIPTION, DISK_GROUP, "Microsoft.Compute", ("disks", "wire"))


@pytest.fixture(autouse=True)
def _a_disk(simulator: Simulator) -> None:
    simulator.seed(disks=[{"subscription": SUBSCRIPTION, "group": DISK_GROUP, "name": "wire", "location": LOCATION}])


# --- throttling -----------------------------------------------------------------------------------


async def test_nobody_asks_before_the_time_that_azure_named(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    vault = ArmId(request.id.subscription, request.id.group, request.id.provider, request.id.path[:2])
    simulator.plant("backupJobs.list", status=429, headers={"Retry-After": "90"})
    since = len(simulator.requests())
    for _ in range(5):
        with pytest.raises(Throttled) as error:
            await azure.backups.list_few_jobs(vault, 9)
        assert error.value.retry_after is not None and error.value.retry_after <= timedelta(seconds=90)
    assert simulator.counts(since) == {"backupJobs.list": 1}, "one asked, all learnt"
    await azure.instances.get(request.id)
    await azure.resources.get_disk(request.disk.id)
    assert simulator.counts(since)["backupInstances.get"] == 1, "another class goes on"
    simulator.advance(seconds=90)
    await azure.backups.list_few_jobs(vault, 9)
    assert simulator.counts(since)["backupJobs.list"] == 2


async def test_a_throttled_subscription_holds_up_no_other(azure: Azure, simulator: Simulator) -> None:
    simulator.seed(subscriptions=[SECOND_SUBSCRIPTION])
    simulator.plant(
        "disks.get", status=429, code="SubscriptionRequestsThrottled", message="Slow.", headers={"Retry-After": "60"}
    )
    elsewhere = ArmId(SECOND_SUBSCRIPTION, DISK_GROUP, "Microsoft.Compute", ("disks", "wire"))
    with pytest.raises(Throttled, match="Slow"):
        await azure.resources.get_disk(DISK)
    with pytest.raises(Throttled, match="throttling read requests"):
        await azure.resources.get_group(DISK.resource_group)
    await azure.resources.get_disk(elsewhere)
    simulator.advance(seconds=60)
    assert isinstance(await azure.resources.get_disk(DISK), AzureDisk)


def test_what_requests_are_counted_as() -> None:
    vault = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.DataProtection/backupVaults/v"
    points = f"{vault}/backupInstances/i/recoveryPoints"
    kind = "microsoft.dataprotection/backupvaults/backupinstances"
    assert key_of("GET", points) == (SUBSCRIPTION, f"{kind}/recoverypoints", "read")
    assert key_of("POST", f"{vault}/backupInstances/i/backup") == (SUBSCRIPTION, f"{kind}/backup", "write")
    assert key_of("DELETE", f"{vault}/backupInstances/i") == (SUBSCRIPTION, kind, "delete")
    assert key_of("GET", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g") == (SUBSCRIPTION, "resourcegroups", "read")
    assert key_of("POST", "/providers/Microsoft.ResourceGraph/resources")[0] == ""


# --- answers that do not come, or come torn --------------------------------------------------------


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 500}, {"status": 0}, {"status": -1, "after": True}])
async def test_a_broken_answer_is_no_answer(azure: Azure, simulator: Simulator, fault: dict[str, object]) -> None:
    simulator.plant("disks.get", **fault)
    with pytest.raises(Unavailable):
        await azure.resources.get_disk(DISK)
    assert isinstance(await azure.resources.get_disk(DISK), AzureDisk)


@pytest.mark.parametrize("network", [HttpsNetwork, ThreadedNetwork])
async def test_an_answer_that_never_comes_is_given_up(
    connection: AzureConnection, simulator: Simulator, network: Callable[[Settings], Network]
) -> None:
    impatient = settings_for(simulator).model_copy(update={"request_timeout_seconds": 1})
    async with connected(impatient, simulator, network) as hurried:
        azure = Azure(hurried)
        await azure.resources.get_disk(DISK)
        simulator.plant("disks.get", status=-2)
        with pytest.raises(Unavailable):
            await azure.resources.get_disk(DISK)
        assert isinstance(await azure.resources.get_disk(DISK), AzureDisk)


@pytest.mark.parametrize("network", [HttpsNetwork, ThreadedNetwork])
async def test_a_certificate_of_another_authority_is_not_trusted(
    connection: AzureConnection, simulator: Simulator, tmp_path: Path, network: Callable[[Settings], Network]
) -> None:
    stranger = Authority(tmp_path, "somebody-else")
    trusting = settings_for(simulator).model_copy(update={"ca_file": stranger.certificate})
    since = len(simulator.requests())
    async with connected(trusting, simulator, network) as misled:
        with pytest.raises(OperatorError, match="CERTIFICATE_VERIFY_FAILED"):
            await Azure(misled).resources.get_disk(DISK)
    assert not simulator.requests(since)


# --- tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 0, "times": 9}, Unavailable),
        ({"status": 503, "times": 9}, Unavailable),
        ({"status": 401, "code": "invalid_client", "message": "AADSTS700024: expired."}, AccessDenied),
    ],
)
async def test_no_token_is_told_and_heals(
    azure: Azure, simulator: Simulator, fault: dict[str, object], kind: type[OperatorError]
) -> None:
    simulator.plant("tokens.post", **fault)
    with pytest.raises(kind) as error:
        await azure.resources.get_disk(DISK)
    assert error.value.is_transient and "Cannot get a token" in error.value.user_message
    simulator.clear_faults()
    assert isinstance(await azure.resources.get_disk(DISK), AzureDisk)


async def test_a_federated_token_that_is_none_is_refused(azure: Azure, simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("no.such.token")
    with pytest.raises(AccessDenied, match="AADSTS50027"):
        await azure.resources.get_disk(DISK)
    (tmp_path / "token").unlink()
    with pytest.raises(AccessDenied, match="Cannot get a token"):
        await azure.resources.get_disk(DISK)


# --- faults -------------------------------------------------------------------------------------


async def test_a_write_is_never_sent_twice_by_the_sdk(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    for fault in ({"status": 503}, {"status": 500}, {"status": 0}, {"status": 429, "headers": {"Retry-After": "7"}}):
        simulator.plant("backupInstances.backup", **fault)
        since = len(simulator.requests())
        with pytest.raises((Unavailable, Throttled)) as error:
            await azure.backups.submit(request.id, "BackupHourly", "Default", str(uuid.uuid4()))
        assert simulator.counts(since)["backupInstances.backup"] == 1
        if isinstance(error.value, Throttled):
            assert error.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("after", [False, True])
async def test_a_connection_that_breaks_repeats_no_write(azure: Azure, simulator: Simulator, after: bool) -> None:
    request = await request_for(azure, simulator, await made_vault(azure, simulator))
    for route, write in (
        ("backupInstances.put", azure.instances.submit_create_or_update(request)),
        ("backupInstances.delete", azure.instances.submit_delete(request.id)),
        ("resourceGroups.put", azure.resources.create_group(DISK.resource_group, LOCATION, {"env": "prod"})),
    ):
        simulator.plant(route, status=0, after=after)
        since = len(simulator.requests())
        with pytest.raises(Unavailable):
            await write
        assert simulator.counts(since)[route] == 1
        simulator.advance(seconds=70)


async def test_a_missing_right_is_told_apart(azure: Azure, simulator: Simulator) -> None:
    simulator.plant("disks.get", status=403, code="AuthorizationFailed", message="The client may not.")
    with pytest.raises(AccessDenied, match="The client may not"):
        await azure.resources.get_disk(ArmId(SUBSCRIPTION, DISK_GROUP, "Microsoft.Compute", ("disks", "d")))


async def test_an_operation_on_another_host_is_not_followed(azure: Azure) -> None:
    with pytest.raises(InvalidRequest, match="ForeignOperation"):
        await azure.operations.check("https://evil.example/steal-the-token")


async def test_an_unsigned_operation_is_refused(azure: Azure, simulator: Simulator) -> None:
    request = await request_for(azure, simulator, await made_vault(azure, simulator))
    operation = await azure.instances.submit_validation(request)
    assert len(operation) > 3000
    with pytest.raises(AccessDenied):
        await azure.operations.check(operation.split("&t=")[0])


def test_nobody_gets_in_without_a_token(simulator: Simulator) -> None:
    context = ssl.create_default_context(cafile=str(simulator.certificate_authority))
    url = f"{simulator.url}/subscriptions/{SUBSCRIPTION}/resourceGroups/{DISK_GROUP}?api-version=2021-04-01"
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(url, context=context)  # noqa: S310 - our own URL
    with error.value:
        assert error.value.code == 401 and "authorization_uri" in error.value.headers["WWW-Authenticate"]


async def test_an_unknown_api_version_is_refused(connection: AzureConnection) -> None:
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{DISK_GROUP}"
    with pytest.raises(InvalidRequest, match="NoRegisteredProviderFound"):
        await connection.send("GET", group, "1999-01-01")
