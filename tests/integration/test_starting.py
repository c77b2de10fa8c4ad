"""What keeps the operator from starting: one sentence, wherever a person looks."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from harness.installation import IMAGE, NAMESPACE, HelmError, Installation
from harness.objects import namespace
from harness.processes import wait_for
from harness.stack import CLIENT_ID, Stack
from harness.tenant import Tenant

Json = dict[str, Any]

# One of each kind: Azure refuses, the pod lacks something, a file is missing. More in tests/contract/test_preflight.py.
WRONG: list[tuple[str, Json, int, str]] = [
    (
        "unknown client",
        {"azure": {"clientID": "99999999-9999-4999-8999-999999999999"}},
        4,
        "AADSTS700016",
    ),
    (
        "no token, since no webhook put it there",
        {"azure": {"tenantID": ""}},
        4,
        "AZURE_FEDERATED_TOKEN_FILE and AZURE_TENANT_ID not set",
    ),
    (
        "a CA file without its key",
        {"extraCA": {"key": "other.pem"}},
        2,
        "there is no file /etc/azdiskbackup/ca/other.pem",
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def broken(stack: Stack) -> Iterator[Installation]:
    """An installation beside the others, in a namespace of its own, that never gets to work."""
    found = stack.installation
    name = "broken"
    stack.plane.apply(namespace(name))
    authority = stack.plane.read(f"/api/v1/namespaces/{NAMESPACE}/configmaps/azure-ca")["data"]
    stack.plane.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "azure-ca", "namespace": name},
            "data": authority,
        }
    )
    values = {**found.values, "fullnameOverride": "broken", "crds": {"enabled": False}, "rbac": {"aggregate": False}}
    values["preflight"] = {"enabled": True}
    yield Installation(found.plane, found.kubelet, values, namespace=name)
    stack.plane.delete(f"/api/v1/namespaces/{name}")


@pytest.mark.parametrize(("what", "values", "code", "says"), WRONG, ids=[each[0] for each in WRONG])
def test_what_keeps_it_from_starting_is_one_sentence_everywhere(
    broken: Installation, what: str, values: Json, code: int, says: str
) -> None:
    _is_told_everywhere(broken, values, code, says)


def _is_told_everywhere(broken: Installation, values: Json, code: int, says: str) -> None:
    # In what Helm prints, from the Job that asks before anything is made:
    with pytest.raises(HelmError) as caught:
        broken.apply(values=values)
    assert says in str(caught.value), str(caught.value)
    broken.uninstall("--no-hooks")
    # And, without that Job, in the log of the operator and in its pod's termination message:
    broken.apply("--no-hooks", values=values, wait=False)
    try:
        wait_for(lambda: any(pod.restarts for pod in broken.pods()), "it ended and was started again")
        (pod,) = broken.pods()
        status = broken.plane.read(pod.path)["status"]["containerStatuses"][0]
        ended = status["lastState"]["terminated"]
        assert ended["exitCode"] == code and says in ended["message"], ended
        assert says in pod.log.read_text() and "Traceback" not in pod.log.read_text()
        assert len(ended["message"].splitlines()) == 1
    finally:
        broken.uninstall("--no-hooks")


@pytest.mark.parametrize("line", ["helm3"])
def test_after_an_installation_that_failed_the_same_command_works(broken: Installation, line: str) -> None:
    broken.line = line
    try:
        with pytest.raises(HelmError, match="AADSTS700016"):
            broken.apply(values={"azure": {"clientID": "99999999-9999-4999-8999-999999999999"}})
        # None runs: a second operator beside that of the other tests would work on their objects.
        broken.apply(values={"replicaCount": 0})
        # Another service account has to be there for the Job, too.
        broken.apply(values={"replicaCount": 0, "serviceAccount": {"name": "renamed"}})
        accounts = broken.plane.read(f"/api/v1/namespaces/{broken.namespace}/serviceaccounts")["items"]
        assert {each["metadata"]["name"] for each in accounts} == {"default", "renamed"}
    finally:
        broken.uninstall("--no-hooks")
        broken.line = "helm"


def test_the_check_waits_for_rights_that_were_just_given(stack: Stack, broken: Installation) -> None:
    stack.azure.deny(CLIENT_ID, ("subscriptions/read", ""))
    try:
        values = {"replicaCount": 0, "preflight": {"waitSeconds": 60}}
        with ThreadPoolExecutor() as threads:
            done = threads.submit(broken.apply, values=values)
            wait_for(lambda: "waiting for role assignments" in stack.kubelet.said("broken-preflight"), "it waits")
            stack.azure.deny(CLIENT_ID)
            done.result(timeout=60)
    finally:
        stack.azure.deny(CLIENT_ID)
        broken.uninstall("--no-hooks")


def _from_the_nodes(stack: Stack) -> Json:
    """The values of an installation that takes its tokens from the metadata service of the nodes, our simulator's."""
    service = {"name": "AZURE_POD_IDENTITY_AUTHORITY_HOST", "value": stack.azure.url}
    return {"azure": {"identity": "ManagedIdentity", "tenantID": ""},
            "extraEnv": [*stack.installation.values["extraEnv"], service]}  # fmt: skip


def test_an_identity_that_the_nodes_do_not_have_is_told(stack: Stack, broken: Installation) -> None:
    _is_told_everywhere(broken, _from_the_nodes(stack), 4, "Identity not found")


def test_an_identity_of_the_nodes_protects_a_disk(stack: Stack, shop: Tenant, gold: str) -> None:
    stack.azure.seed(callers=[{"clientID": CLIENT_ID, "onNode": True}])
    try:
        stack.start_operator(_from_the_nodes(stack))
        shop.make_claim()
        shop.protect()
        shop.until("protecteddisk", "data", "Ready")
    finally:
        stack.azure.seed(callers=[{"clientID": CLIENT_ID, "onNode": False}])
        stack.start_operator()


def test_the_image_is_named_by_digest(stack: Stack) -> None:
    digest = "sha256:" + "0" * 64
    assert stack.kubelet.images.find(f"{IMAGE}:test@{digest}") is not None
    assert stack.kubelet.images.find("elsewhere/azdiskbackup:test") is None


def test_a_right_that_is_missing_on_the_lease_is_told(stack: Stack, broken: Installation) -> None:
    broken.apply("--no-hooks", values={"rbac": {"create": False}}, wait=False)
    try:
        wait_for(lambda: any(pod.restarts for pod in broken.pods()), "it ended and was started again")
        (pod,) = broken.pods()
        ended = broken.plane.read(pod.path)["status"]["containerStatuses"][0]["lastState"]["terminated"]
        assert ended["exitCode"] == 3 and "denies the service account a permission" in ended["message"], ended
    finally:
        broken.uninstall("--no-hooks")
