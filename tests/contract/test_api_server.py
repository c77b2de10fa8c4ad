"""The API server in memory answers as the real one does: one suite asks both."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azdiskbackup.core.objects.markers import FINALIZER
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.errors import Conflict, InvalidRequest
from azdiskbackup.kube.client import NotFoundError
from azdiskbackup.kube.watched import CLAIM
from contract.api_servers import DISKS, GROUP, Api
from harness import objects

Json = dict[str, Any]


async def test_a_watch_tells_each_change_once_and_in_order(api: Api) -> None:
    async with api.watch(api.namespace) as heard:
        made = await api.make()
        held = await api.kube.add_finalizer(made)
        told = await api.kube.patch_status(Resource(held), {"policy": "gold"})
        # Nothing that is written is nothing that is told.
        again = await api.kube.patch_status(Resource(told), {"policy": "gold"})
        assert again["metadata"]["resourceVersion"] == told["metadata"]["resourceVersion"]
        await api.kube.merge(f"{api.disks}/data", {"spec": {"protection": "Stopped"}})
        await api.kube.delete(await api.get())
        await api.kube.remove_finalizer(await api.get())
    assert heard == [
        ("ADDED", "data", 1, False),
        ("MODIFIED", "data", 1, False),
        ("MODIFIED", "data", 1, False),
        ("MODIFIED", "data", 2, False),
        ("MODIFIED", "data", 3, True),
        ("DELETED", "data", 3, True),
    ]


# --- making, reading ----------------------------------------------------------------------------------


async def test_what_is_made_has_defaults_and_no_status(api: Api) -> None:
    wanted = objects.disk("data", api.namespace) | {"status": {"policy": "forged"}}
    wanted["spec"]["unknown"] = wanted["metadata"]["generation"] = 7
    made = Resource(await api.kube.create(api.disks, wanted))
    assert (made.generation, made.namespace, made.status) == (1, api.namespace, {})
    assert made.spec["protection"] == "Active" and made.spec["deletionPolicy"] == "Retain"
    assert "unknown" not in made.spec and made.uid and made.meta["resourceVersion"]
    assert made.created.tzinfo is not None
    assert (await api.get()).raw == made.raw


async def test_a_name_is_given_where_only_its_beginning_is_wanted(api: Api) -> None:
    wanted = objects.backup("x", api.namespace)
    wanted["metadata"] = {"generateName": "before-", "namespace": api.namespace}
    path = f"{GROUP}/namespaces/{api.namespace}/ondemandbackups"
    names = {(await api.kube.create(path, wanted))["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3 and all(name.startswith("before-") for name in names)


async def test_what_cannot_be_made(api: Api) -> None:
    await api.make()
    assert await api.refusal(api.make()) == (Conflict, "AlreadyExists")
    elsewhere = f"{GROUP}/namespaces/nowhere/protecteddisks"
    assert await api.refusal(api.kube.create(elsewhere, objects.disk("data", "nowhere"))) == (NotFoundError, "NotFound")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"policyRef": {}}, "name"),
        ({"protection": "Sometimes"}, "protection"),
        ({"source": {}}, "must have exactly one of"),
        ({"source": {"persistentVolumeClaim": {"name": "UPPER"}}}, "persistentVolumeClaim"),
        ({"policyRef": {"name": 7}}, "policyRef"),
    ],
)
async def test_what_the_schema_refuses(api: Api, spec: Json, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as caught:
        await api.make(**spec)
    assert caught.value.code == "Invalid"


async def test_what_must_not_change(api: Api) -> None:
    await api.make()
    change = {"spec": {"source": {"persistentVolumeClaim": {"name": "another"}}}}
    with pytest.raises(InvalidRequest, match="may not be changed after creation"):
        await api.kube.merge(f"{api.disks}/data", change)
    await api.kube.merge(f"{api.disks}/data", {"spec": {"policyRef": {"name": "silver"}}})
    assert (await api.get()).spec["policyRef"] == {"name": "silver"}


async def test_lists_select_and_come_in_pages(api: Api) -> None:
    for number in range(5):
        wanted = objects.disk(f"d-{number}", api.namespace)
        wanted["metadata"]["labels"] = {"odd": str(number % 2)}
        await api.kube.create(api.disks, wanted)
    chosen = [each["metadata"]["name"] async for each in api.kube.list_all(DISKS, api.namespace, labelSelector="odd=1")]
    assert chosen == ["d-1", "d-3"]
    one = [each async for each in api.kube.list_all(DISKS, api.namespace, fieldSelector="metadata.name=d-4")]
    assert [each["metadata"]["name"] for each in one] == ["d-4"]
    assert [each async for each in api.kube.list_all(CLAIM, api.namespace)] == []
    seen, token = [], ""
    while True:
        answer = await api.exchange.send("GET", f"{api.disks}?limit=2&continue={token}", None, "application/json", 30)
        page = json.loads(answer.content)
        seen += [each["metadata"]["name"] for each in page["items"]]
        token = page["metadata"].get("continue", "")
        if not token:
            break
    assert seen == [f"d-{number}" for number in range(5)]


# --- versions -----------------------------------------------------------------------------------------


async def test_an_older_version_is_not_written(api: Api) -> None:
    made = await api.make()
    held = Resource(await api.kube.add_finalizer(made))
    assert held.has_finalizer and held.meta["resourceVersion"] != made.meta["resourceVersion"]
    assert await api.refusal(api.kube.patch_status(made, {"policy": "gold"})) == (Conflict, "Conflict")
    assert await api.refusal(api.kube.add_finalizer(made)) == (Conflict, "Conflict")
    stale = {**made.raw, "spec": {**made.spec, "protection": "Stopped"}}
    assert await api.refusal(api.kube.replace(f"{api.disks}/data", stale)) == (Conflict, "Conflict")


async def test_another_object_of_the_same_name_is_not_written(api: Api) -> None:
    first = await api.make()
    await api.kube.delete(first)
    second = await api.make()
    assert second.uid != first.uid
    assert await api.refusal(api.kube.patch_status(first, {"policy": "gold"})) == (Conflict, "Conflict")
    assert await api.refusal(api.kube.delete(first)) == (Conflict, "Conflict")
    assert (await api.get()).uid == second.uid


async def test_the_generation_counts_changes_of_the_spec_alone(api: Api) -> None:
    made = await api.make()
    await api.kube.merge(f"{api.disks}/data", {"metadata": {"labels": {"a": "b"}}})
    told = Resource(await api.kube.patch_status(await api.get(), {"policy": "gold"}))
    assert told.generation == made.generation and told.labels == {"a": "b"}
    await api.kube.merge(f"{api.disks}/data", {"spec": {"protection": "Active"}})
    assert (await api.get()).generation == made.generation, "as it was by default"
    await api.kube.merge(f"{api.disks}/data", {"spec": {"protection": "Stopped"}})
    assert (await api.get()).generation == made.generation + 1


async def test_status_and_everything_else_are_written_apart(api: Api) -> None:
    made = await api.make()
    await api.kube.merge(f"{api.disks}/data", {"status": {"policy": "forged"}, "metadata": {"labels": {"a": "b"}}})
    assert (await api.get()).status == {} and (await api.get()).labels == {"a": "b"}
    body = {"status": {"policy": "gold"}, "spec": {"protection": "Stopped"}}
    await api.kube.merge(f"{api.disks}/data/status", body)
    found = await api.get()
    assert found.status == {"policy": "gold", "conditions": []} and found.spec["protection"] == "Active"
    assert found.generation == made.generation
    await api.kube.merge(f"{api.disks}/data/status", {"status": {"policy": None}})
    assert (await api.get()).status == {"conditions": []}


async def test_a_status_that_the_schema_refuses(api: Api) -> None:
    made = await api.make()
    assert await api.refusal(api.kube.patch_status(made, {"policy": 7})) == (InvalidRequest, "Invalid")


# --- the end ------------------------------------------------------------------------------------------


async def test_finalizers_keep_what_is_deleted(api: Api) -> None:
    made = Resource(await api.kube.add_finalizer(await api.make()))
    await api.kube.delete(made)
    going = await api.get()
    assert going.deleting and going.generation == made.generation + 1
    await api.kube.delete(going)
    assert (await api.get()).generation == going.generation, "asked for once more, nothing changes"
    told = Resource(await api.kube.patch_status(going, {"policy": "gold"}))
    more = {"metadata": {"finalizers": [FINALIZER, "example.com/late"]}}
    assert await api.refusal(api.kube.merge(f"{api.disks}/data", more)) == (InvalidRequest, "Invalid")
    last = await api.kube.remove_finalizer(told)
    assert "finalizers" not in last["metadata"]
    assert await api.refusal(api.get()) == (NotFoundError, "NotFound")
    assert await api.refusal(api.kube.delete(told)) == (NotFoundError, "NotFound")


async def test_a_null_is_a_member_that_is_not_there(api: Api) -> None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{api.namespace}/leases"
    spec = {"holderIdentity": None, "leaseDurationSeconds": 15}
    made = await api.kube.create(path, {"metadata": {"name": "it", "labels": None}, "spec": spec})
    assert made["spec"] == {"leaseDurationSeconds": 15} and "labels" not in made["metadata"]


async def test_a_lease_is_replaced_by_who_saw_the_newest(api: Api) -> None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{api.namespace}/leases"
    made = await api.kube.create(path, {"metadata": {"name": "it"}, "spec": {"holderIdentity": "a"}})
    taken = {**made, "spec": {"holderIdentity": "b"}}
    await api.kube.replace(f"{path}/it", taken)
    assert await api.refusal(api.kube.replace(f"{path}/it", taken)) == (Conflict, "Conflict")
    found = await api.kube.get(f"{path}/it")
    assert found["spec"]["holderIdentity"] == "b"


# --- server-side apply --------------------------------------------------------------------------------

MANAGER = "azdiskbackup-rule"


def applied(api: Api, policy: str = "gold", labels: Json | None = None, **spec: Any) -> Json:
    wanted = objects.disk("data", api.namespace, policy=policy, **spec)
    wanted["metadata"]["labels"] = labels or {"rule": "r"}
    return wanted


async def apply(api: Api, wanted: Json, manager: str = MANAGER) -> tuple[Resource, bool]:
    found, was_made = await api.kube.apply(f"{api.disks}/data", wanted, manager)
    return Resource(found), was_made


async def test_what_is_applied_is_made_once(api: Api) -> None:
    made, was_made = await apply(api, applied(api))
    assert was_made and made.generation == 1 and made.spec["deletionPolicy"] == "Retain"
    again, was_made = await apply(api, applied(api))
    assert not was_made and again.meta["resourceVersion"] == made.meta["resourceVersion"]
    assert {each["manager"] for each in again.meta["managedFields"]} == {MANAGER}


async def test_what_is_not_applied_any_more_goes_or_gets_its_default(api: Api) -> None:
    await apply(api, applied(api, labels={"rule": "r", "stopped": "true"}, protection="Stopped"))
    assert (await api.get()).spec["protection"] == "Stopped"
    found, _ = await apply(api, applied(api))
    assert found.spec["protection"] == "Active" and found.labels == {"rule": "r"}


async def test_a_default_is_nobodys(api: Api) -> None:
    await apply(api, applied(api))
    found, _ = await apply(api, applied(api, protection="Stopped"))
    assert found.spec["protection"] == "Stopped"


async def test_what_somebody_else_set_is_a_conflict(api: Api) -> None:
    await apply(api, applied(api))
    await api.kube.merge(f"{api.disks}/data?fieldManager=person", {"spec": {"policyRef": {"name": "silver"}}})
    with pytest.raises(
        Conflict, match=r"Apply failed with 1 conflict: conflict with \"person\".*\.spec\.policyRef\.name"
    ):
        await apply(api, applied(api))
    assert (await api.get()).spec["policyRef"] == {"name": "silver"}
    # To say the same is no conflict.
    found, was_made = await apply(api, applied(api, policy="silver"))
    assert not was_made and found.spec["policyRef"] == {"name": "silver"}


async def test_what_was_made_otherwise_has_other_managers(api: Api) -> None:
    await api.kube.create(f"{api.disks}?fieldManager=person", objects.disk("data", api.namespace))
    found, was_made = await apply(api, applied(api))
    assert not was_made and found.labels == {"rule": "r"}
    of_spec = [each for each in found.meta["managedFields"] if "f:spec" in each["fieldsV1"]]
    assert {each["manager"] for each in of_spec} == {MANAGER, "person"}
    nothing = {key: applied(api)[key] for key in ("apiVersion", "kind")}
    nothing["metadata"] = {"name": "data", "namespace": api.namespace}
    let_go, _ = await apply(api, nothing)
    assert let_go.labels == {} and let_go.spec["policyRef"] == {"name": "gold"}


async def test_only_the_version_that_was_read_is_deleted(api: Api) -> None:
    made = await api.make()
    await api.kube.merge(f"{api.disks}/data", {"metadata": {"labels": {"a": "b"}}})
    assert await api.refusal(api.kube.delete_unchanged(made)) == (Conflict, "Conflict")
    held = Resource(await api.kube.add_finalizer(await api.get()))
    last = Resource(await api.kube.delete_unchanged(held))
    assert last.deleting and last.has_finalizer
