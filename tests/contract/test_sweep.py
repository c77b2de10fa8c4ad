"""The sweep against the simulator: what it costs, and whom it believes when Resource Graph is wrong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from azdiskbackup.azure.gateways import resource_graph as graph
from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.azure.inventory.sweep import InventorySnapshot, Sweep
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.identity.naming import instance_name
from azdiskbackup.core.objects.azure import AzureInstance, AzureVault, InstanceRequest
from azdiskbackup.errors import AccessDenied, OperatorError, Throttled
from azure_simulator.client import Simulator
from contract.azure_world import CONTENT, SNAPSHOTS, grants, made_vault, protected
from harness.objects import DISK_GROUP, LOCATION, SUBSCRIPTION
from harness.stack import CLIENT_ID

ONCE = {"resourceGraph.query": 1}


@pytest.fixture(autouse=True)
def an_index_as_it_should_be(simulator: Simulator) -> Iterator[None]:
    # The quota of earlier tests is over by then.
    simulator.advance(seconds=6)
    yield
    simulator.clear_faults()
    simulator.lose_rows()
    simulator.knobs(graph_lag=0, graph_overlap=0)
    simulator.deny(CLIENT_ID)


async def test_one_query_tells_of_all_disks_to_all_readers(azure: Azure, simulator: Simulator) -> None:
    one, other = await protected(azure, simulator), await protected(azure, simulator)
    assert one.id.parent != other.id.parent
    sweep = Sweep(azure, lambda: simulator.now)
    now, since = simulator.now, len(simulator.requests())
    pictures = await asyncio.gather(*(sweep.read(each.id.parent, now) for each in (one, other) for _ in range(20)))
    assert all(picture.of(one.id).instance and picture.of(other.id).instance for picture in pictures)
    assert simulator.counts(since) == ONCE
    simulator.advance(hours=5)
    picture = await sweep.read(one.id.parent, simulator.now)
    assert sweep.degraded_reason(one.id.parent) is None
    seen = picture.of(one.id)
    listed, _ = await azure.backups.jobs_page(one.id.parent)
    listed.sort(key=lambda job: job.start, reverse=True)
    assert [(job.id, job.status, job.start) for job in seen.jobs.recent] == [
        (job.id, job.status, job.start) for job in listed
    ]
    assert seen.jobs.completed == len(listed) > 0
    points = await azure.backups.list_restore_points(one.id)
    assert seen.newest_point is not None
    assert abs(seen.newest_point - max(point.time for point in points)) < timedelta(seconds=1)


async def test_only_who_looks_otherwise_is_told(azure: Azure, simulator: Simulator) -> None:
    on_new_subscription: list[str] = []
    mine, other = await protected(azure, simulator), await protected(azure, simulator)
    ours = {str(mine.id).lower(), str(mine.disk.id).lower()}
    sweep = Sweep(azure, lambda: simulator.now, ours=ours.__contains__, on_new_subscription=on_new_subscription.append)
    for each in (mine, other):
        await sweep.read(each.id.parent, simulator.now)
    assert on_new_subscription == [SUBSCRIPTION] and (await sweep.disk(mine.disk.id)) == mine.disk
    assert not (await sweep.refresh(SUBSCRIPTION)).ids
    await azure.instances.submit_suspend(mine.id)
    await azure.instances.submit_suspend(other.id)
    simulator.advance(seconds=30)
    since = len(simulator.requests())
    assert (await sweep.refresh(SUBSCRIPTION)).ids == {str(mine.id).lower()}
    assert simulator.counts(since) == ONCE, "the same for both vaults"
    simulator.arm("PATCH", f"{mine.disk.id}?api-version=2023-10-02", {"properties": {"diskSizeGB": 64}})
    simulator.advance(hours=1, minutes=1)
    assert (await sweep.refresh(SUBSCRIPTION)).ids == {str(mine.disk.id).lower()}


async def test_a_disk_that_changed_is_told_also_if_somebody_read_the_list_meanwhile(
    azure: Azure, simulator: Simulator
) -> None:
    mine, other = await protected(azure, simulator), await protected(azure, simulator)
    sweep = Sweep(azure, lambda: simulator.now)
    await sweep.disk(mine.disk.id)
    assert not (await sweep.refresh(SUBSCRIPTION)).ids
    simulator.arm("PATCH", f"{mine.disk.id}?api-version=2023-10-02", {"properties": {"diskSizeGB": 64}})
    simulator.advance(minutes=20)
    await sweep.disk(other.disk.id, simulator.now)
    assert (await sweep.refresh(SUBSCRIPTION)).ids == {str(mine.disk.id).lower()}
    assert not (await sweep.refresh(SUBSCRIPTION)).ids, "once"


async def test_what_was_refused_is_not_asked_again_by_everybody(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    sweep = Sweep(azure, lambda: simulator.now)
    simulator.plant("resourceGraph", status=429, headers={"Retry-After": "90"})
    simulator.plant("backupInstances.list", status=429, headers={"Retry-After": "90"})
    since = len(simulator.requests())
    for _ in range(5):
        with pytest.raises(Throttled):
            await sweep.read(request.id.parent, simulator.now)
    assert simulator.counts(since) == {"resourceGraph.query": 1, "backupInstances.list": 1}
    simulator.advance(seconds=91)
    await sweep.read(request.id.parent, simulator.now)


async def test_a_vault_is_listed_while_resource_graph_is_refused(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    vault = request.id.parent
    sweep = Sweep(azure, lambda: simulator.now)
    await sweep.read(vault, simulator.now)
    simulator.deny(CLIENT_ID, ("Microsoft.ResourceGraph/.*", ".*"))
    simulator.advance(minutes=10)
    changes = await sweep.refresh(SUBSCRIPTION)
    assert changes.vaults == [vault] and "Resource Graph" in (sweep.degraded_reason(vault) or "")
    picture = await sweep.read(vault, simulator.now)
    assert picture.listed and picture.of(request.id).instance is not None
    # Read all the same: nobody is to be woken.
    assert [when for _, when, _ in sweep.last_read()] == [changes.started]
    simulator.deny(CLIENT_ID)
    simulator.advance(minutes=10)
    assert (await sweep.refresh(SUBSCRIPTION)).vaults == [vault] and sweep.degraded_reason(vault) is None
    assert (await sweep.refresh(SUBSCRIPTION)).vaults == []


async def test_nothing_to_be_read_is_an_error_and_heals(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    vault = request.id.parent
    sweep = Sweep(azure, lambda: simulator.now)
    simulator.deny(CLIENT_ID, (".*", ".*"))
    tried = simulator.now
    with pytest.raises(AccessDenied):
        await sweep.read(vault, simulator.now)
    simulator.advance(minutes=2)
    for _ in range(2):
        assert (await sweep.refresh(SUBSCRIPTION)).vaults == [vault], "as long as nothing can be read"
        assert list(sweep.last_read()) == [(SUBSCRIPTION, tried, 0)], "it is told since when, though it was never read"
        simulator.advance(minutes=2)
    simulator.deny(CLIENT_ID)
    assert (await sweep.refresh(SUBSCRIPTION)).vaults == [vault]
    assert (await sweep.refresh(SUBSCRIPTION)).vaults == []


async def four(azure: Azure, simulator: Simulator) -> list[InstanceRequest]:
    """Return what protects four disks of one vault."""
    vault = await made_vault(azure, simulator)
    names = [f"{vault.id.name}-{number}" for number in range(4)]
    simulator.seed(
        disks=[{"subscription": SUBSCRIPTION, "group": DISK_GROUP, "name": n, "location": LOCATION} for n in names]
    )
    policy = vault.id.child("backupPolicies", CONTENT.name("gold"))
    await azure.policies.create(policy, CONTENT)
    found = [await _request(azure, vault, policy, name) for name in names]
    for request in found:
        for grant in grants(vault, request.disk.id):
            await azure.roles.create(grant)
    simulator.advance(minutes=11)
    for request in found:
        await azure.instances.submit_create_or_update(request)
    simulator.advance(minutes=2)
    return found


async def _request(azure: Azure, vault: AzureVault, policy: ArmId, name: str) -> InstanceRequest:
    disk = await azure.resources.get_disk(ArmId(SUBSCRIPTION, DISK_GROUP, "Microsoft.Compute", ("disks", name)))
    instance = vault.id.child("backupInstances", instance_name(disk.id))  # type: ignore[union-attr]
    return InstanceRequest(instance, disk, str(policy), str(SNAPSHOTS), {})  # type: ignore[arg-type]


async def test_rows_that_are_missing_make_the_vault_be_listed(azure: Azure, simulator: Simulator) -> None:
    requests = await four(azure, simulator)
    vault, keys = requests[0].id.parent, [str(each.id).lower() for each in requests]
    sweep = Sweep(azure, lambda: simulator.now, expected=lambda vault: keys)
    assert not (await sweep.read(vault, simulator.now)).listed
    simulator.lose_rows(re.escape(str(requests[0].id)))
    assert not (await sweep.read(vault, simulator.now)).listed, "one row may be gone for good"
    simulator.lose_rows(f"{vault}/backupInstances/.*")
    simulator.advance(minutes=10)
    since = len(simulator.requests())
    picture = await sweep.read(vault, simulator.now)
    assert picture.listed and all(picture.of(key).instance for key in keys) and sweep.degraded_reason(vault)
    assert simulator.counts(since) == {**ONCE, "backupInstances.list": 1, "backupJobs.list": 1}
    simulator.lose_rows()
    simulator.advance(minutes=10)
    assert not (await sweep.read(vault, simulator.now)).listed and sweep.degraded_reason(vault) is None


async def test_an_index_that_is_behind_is_found_out(azure: Azure, simulator: Simulator) -> None:
    requests = await four(azure, simulator)
    vault = requests[0].id.parent
    sweep = Sweep(azure, lambda: simulator.now)
    simulator.knobs(graph_lag=1200)
    simulator.advance(minutes=1)
    await azure.instances.get(requests[0].id)
    for each in requests:
        await azure.instances.submit_suspend(each.id)
    simulator.advance(minutes=2)

    async def state(picture: InventorySnapshot) -> set[str]:
        shown = [picture.of(each.id).instance for each in requests]
        return {each.state for each in shown if isinstance(each, AzureInstance)}

    assert await state(await sweep.read(vault, simulator.now)) == {"ProtectionConfigured"}
    for _ in range(3):
        # Three disks looked at themselves, and saw something else.
        sweep.report_mismatch(vault)
    assert await state(await sweep.read(vault, simulator.now)) == {"BackupsSuspended"}
    assert "lags" in (sweep.degraded_reason(vault) or "")
    simulator.advance(minutes=30)
    picture = await sweep.read(vault, simulator.now)
    assert await state(picture) == {"BackupsSuspended"} and not picture.listed and sweep.degraded_reason(vault) is None


async def test_pages_that_repeat_rows(azure: Azure, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    await four(azure, simulator)
    # Pages of one row would repeat it for ever.
    await four(azure, simulator)
    whole = [row async for row in azure.graph.backups(SUBSCRIPTION, bool, {}, {})]
    monkeypatch.setattr(graph, "PAGE", len(whole) // 4)
    simulator.knobs(graph_overlap=1)
    since = len(simulator.requests())
    paged = [row async for row in azure.graph.backups(SUBSCRIPTION, bool, {}, {})]
    assert len(paged) > len(whole) and _read(paged) == _read(whole)
    assert simulator.counts(since)["resourceGraph.query"] > 4


def _read(rows: list[graph.ShownBackups]) -> dict[str, tuple[object, object]]:
    """Return what rows tell, by their keys; how they are kept depends on those before them."""
    return {each.key: (each.row and each.row.read(), each.jobs and each.jobs.read()) for each in rows}


async def test_a_token_that_ends_in_the_middle_of_a_chain_of_pages(
    azure: Azure, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = await four(azure, simulator)
    whole = [row async for row in azure.graph.backups(SUBSCRIPTION, bool, {}, {})]
    monkeypatch.setattr(graph, "PAGE", len(whole) // 4)
    simulator.plant("resourceGraph", status=401, code="ExpiredAuthenticationToken", skip=1)
    sweep = Sweep(azure, lambda: simulator.now)
    try:
        picture = await sweep.read(requests[0].id.parent, simulator.now)
    except OperatorError:
        pytest.fail("the vault's own list stands in")
    assert all(picture.of(each.id).instance for each in requests)
    simulator.advance(minutes=2)
    picture = await sweep.read(requests[0].id.parent, simulator.now)
    assert not picture.listed and all(picture.of(each.id).instance for each in requests)


async def test_a_vault_full_of_what_is_not_ours_costs_pages_and_no_memory(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    simulator.seed(clones=[{"of": str(request.id), "count": 5000}])
    mine = {str(request.id).lower(), str(request.disk.id).lower()}
    sweep = Sweep(azure, lambda: simulator.now, ours=mine.__contains__)
    since = len(simulator.requests())
    picture = await sweep.read(request.id.parent, simulator.now)
    assert simulator.counts(since) == {"resourceGraph.query": 6}, "pages of a thousand"
    assert list(picture.instances) == [str(request.id).lower()] and len(picture.others) >= 5000
    assert picture.of(request.id).instance is not None
    foreign = request.id.parent.child("backupInstances", f"{request.id.name[:100]}-7")
    assert not picture.is_absent(foreign) and picture.is_absent(request.id.parent.child("backupInstances", "nobody"))
    # One sweep goes beyond our share of the quota, and never beyond Azure's.
    assert all(each.status == 200 for each in simulator.requests(since))


async def test_a_vault_that_is_gone_makes_no_sweep_late(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    sweep = Sweep(azure, lambda: simulator.now)
    gone = ArmId.parse(f"{request.id.parent}-gone")
    simulator.deny(CLIENT_ID, ("Microsoft.ResourceGraph/.*", ".*"))
    await sweep.read(request.id.parent, simulator.now)
    with pytest.raises(OperatorError, match="gone"):
        await sweep.read(gone, simulator.now)
    simulator.advance(minutes=10)
    changes = await sweep.refresh(SUBSCRIPTION)
    assert [when for _, when, _ in sweep.last_read()] == [changes.started], "that there is none was read as well"


async def test_what_nobody_is_about_any_more_is_forgotten(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    used, begun = {request.id.parent}, list[str]()
    sweep = Sweep(
        azure,
        lambda: simulator.now,
        ours=lambda key: bool(used),
        is_used=used.__contains__,
        on_new_subscription=begun.append,
    )
    await sweep.read(request.id.parent, simulator.now)
    await sweep.disk(request.disk.id)
    simulator.deny(CLIENT_ID, (".*", ".*"))
    simulator.advance(minutes=10)
    assert (await sweep.refresh(SUBSCRIPTION)).vaults and sweep.is_swept(SUBSCRIPTION)
    used.clear()
    simulator.advance(minutes=10)
    since = len(simulator.requests())
    changes = await sweep.refresh(SUBSCRIPTION)
    assert not changes.vaults and not list(sweep.last_read()) and not sweep.is_swept(SUBSCRIPTION)
    assert "backupInstances.list" not in simulator.counts(since)
    simulator.deny(CLIENT_ID)
    used.add(request.id.parent)
    simulator.advance(minutes=10)
    await sweep.read(request.id.parent, simulator.now)
    assert begun == [SUBSCRIPTION, SUBSCRIPTION], "somebody came back"


async def test_disks_that_cannot_be_read_are_asked_for_with_growing_pauses(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    sweep = Sweep(azure, lambda: simulator.now)
    simulator.plant("resourceGraph", times=100, status=503)

    async def ask(times: int) -> int:
        since = len(simulator.requests())
        for _ in range(times):
            with pytest.raises(OperatorError):
                await sweep.disk(request.disk.id)
            await sweep.refresh(SUBSCRIPTION)
        return sum(route.startswith("resourceGraph") for route in simulator.counts(since).elements())

    each = await ask(1)
    assert await ask(20) == 0, "not at once, whoever asks"
    asked = 0
    for _ in range(60):
        simulator.advance(seconds=10)
        asked += await ask(3)
    assert 0 < asked <= 12 * each, "ever less often"
    simulator.clear_faults()
    simulator.advance(minutes=10)
    assert await sweep.disk(request.disk.id) == request.disk
