"""The simulator answers each recorded disk request as the service did: status, headers, members, nulls, errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from contract.recordings.replay import (
    GROUP,
    HOST,
    NOT_COMPARED,
    RECORDED_SUBSCRIPTION,
    RECORDINGS,
    ZERO,
    Replay,
    compare_query,
    everything,
    queries,
    recorded,
    shape,
)

pytestmark = pytest.mark.skipif(
    not RECORDINGS.exists(), reason=f"no recorded traffic at {RECORDINGS}: name its folder's parent with AZURE_API_DATA"
)
Told = Callable[[str, object], None]

DISK = "clitest-disk-persistent-bi-donotdelete"
VAULT = "clitest-bkp-vault-persistent-bi-donotdelete"
INSTANCE = f"{DISK}-{DISK}-e33c80ba-0bf8-11ee-aaa6-002b670b472e"


SOFT_DELETED = "clitest-disk-sd-donotdelete-clitest-disk-sd-donotdelete-b7e6f082-b310-11eb-8f55-9cfce85d4fa1"


def long_protected(at: datetime) -> Replay:
    replay = Replay(at - timedelta(days=3))
    replay.protected_world(VAULT, DISK, INSTANCE)
    replay.azure.cloud.timeline.advance(at)
    return replay


def before(name: str) -> datetime:
    return next(everything(name)).when - timedelta(minutes=1)


def test_protect_back_up_and_delete_a_disk(record_property: Told) -> None:
    name = "backup_instance_create_backup_delete_disk"
    replay = Replay(before(name))
    replay.protected_world("clitest-bkp-vault-donotdelete", "clitest-disk-donotdelete")
    record_property("told", replay.run(name))


def test_restore_a_disk(record_property: Told) -> None:
    name = "backup_instance_restore_disk"
    replay = long_protected(before(name))
    replay.azure.cloud.knobs.set({"restore": 214.6})
    record_property("told", replay.run(name))


def test_delete_softly_and_undelete(record_property: Told) -> None:
    name = "backup_instance_softdelete"
    replay = Replay(before(name) - timedelta(days=1))
    disk = "clitest-disk-sd-donotdelete"
    replay.protected_world(VAULT, disk, soft_delete="Off")
    replay.protected_world("clitest-bkp-vault-sd1-donotdelete", disk, SOFT_DELETED, policy="diskpol")
    record_property("told", replay.run(name))


def test_stop_suspend_and_resume(record_property: Told) -> None:
    name = "backup_instance_update_protection"
    record_property("told", long_protected(before(name)).run(name))


def test_create_and_delete_a_policy(record_property: Told) -> None:
    name = "backup_policy_create_and_delete"
    replay = Replay(before(name))
    replay.azure.cloud.put_group(ZERO, "clitest-dpp-backuppolicy-000001", "centraluseuap")
    record_property("told", replay.run(name))


@pytest.mark.parametrize("name", ["backup_vault_create_and_delete", "backup_vault_update"])
def test_vaults(name: str, record_property: Told) -> None:
    replay = Replay(before(name))
    replay.azure.cloud.put_group(ZERO, "clitest-dpp-backupvault-000001", "centraluseuap")
    record_property("told", replay.run(name))


def test_list_and_show_jobs() -> None:
    listing, single = recorded("job_list_and_show")
    replay = long_protected(listing.when)
    response = replay.ask("GET", listing.uri.removeprefix(HOST))
    disks = [each for each in listing.answer["value"] if each["properties"]["dataSourceType"].endswith("disks")]
    assert response.status == 200 and response.body is not None
    assert shape(response.body["value"][-1]) == shape(disks[0])
    job = response.body["value"][-1]["name"]
    shown = replay.ask("GET", single.uri.removeprefix(HOST).replace(single.answer["name"], job))
    assert shown.status == single.status and shape(shown.body) == shape(single.answer)
    assert response.body["value"][-1]["properties"]["duration"].count(":") == 2, "a list writes 00:03:36"
    assert shown.body is not None and shown.body["properties"]["duration"].startswith("PT3M")


def test_list_restore_points() -> None:
    calls = list(recorded("recovery_point_list"))
    replay = long_protected(calls[0].when)
    for call in calls:
        response = replay.ask(call.method, call.uri.removeprefix(HOST))
        assert response.status == call.status and shape(response.body) == shape(call.answer)
    assert calls[-1].answer == {"value": []}, "a reversed window is empty, not wrong"


def test_show_a_restore_point() -> None:
    listing, single = recorded("recovery_point_show")
    replay = long_protected(listing.when)
    points = replay.ask("GET", listing.uri.removeprefix(HOST))
    assert points.body is not None
    path = urlsplit(single.uri).path.rsplit("/", 1)[0]
    response = replay.ask("GET", f"{path}/{points.body['value'][0]['name']}")
    assert response.status == 200 and shape(response.body) == shape(single.answer)

    def metadata(body: Any) -> Any:
        return json.loads(body["properties"]["recoveryPointDataStoresDetails"][0]["metaData"])

    assert metadata(response.body)[0].keys() == metadata(single.answer)[0].keys()


@pytest.mark.parametrize(
    ("recording", "number", "rows"),
    [
        ("backup_instance_list_from_resource_graph", 0, 1),
        ("job_list_and_show", 0, 18),
        ("job_list_and_show", 1, 1),
        # An instance of PostgreSQL, which is not simulated: no row.
        ("recovery_point_list", 0, 0),
    ],
)
def test_queries_to_resource_graph(recording: str, number: int, rows: int) -> None:
    call = list(queries(recording))[number]
    replay = long_protected(call.when)
    crr = f"/subscriptions/{ZERO}/resourceGroups/{GROUP}/providers/Microsoft.DataProtection/backupVaults/"
    other = json.loads(json.dumps(next(recorded("backup_vault_create_and_delete")).body))
    assert replay.ask("PUT", f"{crr}clitest-bkp-vault-crr-donotdelete", other).status in (200, 201)
    replay.azure.cloud.timeline.advance(call.when + timedelta(seconds=5))
    response = replay.ask("POST", call.uri.removeprefix(HOST), call.body.replace(RECORDED_SUBSCRIPTION, ZERO))
    compare_query(call, response)
    assert response.body is not None
    assert response.body["count"] == response.body["totalRecords"] == len(response.body["data"]) == rows


def test_every_recording_is_compared(record_property: Told) -> None:
    counts = [sum(1 for _ in everything(path.stem)) for path in RECORDINGS.glob("*.yaml")]
    record_property("told", f"In all {sum(counts)} recorded requests are compared, in {len(counts)} recordings.")
    for mark, why in NOT_COMPARED.items():
        record_property("told", f"NOT compared with recorded traffic: {mark}: {why}")
    names = {path.stem.removeprefix("test_dataprotection_") for path in Path(RECORDINGS).glob("*.yaml")}
    text = Path(__file__).read_text()
    assert not [name for name in names if f'"{name}"' not in text]
    assert len(names) == 11


def test_replies_are_at_the_recorded_time() -> None:
    first = next(recorded("backup_vault_create_and_delete"))
    assert first.when.tzinfo is not None and first.when.astimezone(UTC).year == 2025
