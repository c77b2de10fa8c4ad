"""The chart on a real API server: how fast, whether every variant is taken, and who may do what afterwards."""

from __future__ import annotations

import json
import re
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from azure_simulator.http.rights import assignment_attributes
from azure_simulator.model.role_condition import Attempt, parse
from chart.conftest import GIVEN, render
from chart.test_rendering import PERMUTATIONS
from controlplane.tools import tool
from harness import azure_rights, objects
from harness.installation import NAMESPACE, ROOT, merged
from harness.processes import wait_for
from harness.stack import CLIENT_ID, Stack
from harness.tenant import Tenant

Json = dict[str, Any]


# --- every variant is taken -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schemas(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The schemas of the API server itself, laid out for kubeconform, strict."""
    folder = tmp_path_factory.mktemp("schemas")
    swagger = stack.plane.read("/openapi/v2")
    definitions = swagger["definitions"]
    for each in definitions.values():
        if each.get("type") == "object" and "properties" in each and "additionalProperties" not in each:
            each["additionalProperties"] = False
    text = json.dumps(definitions).replace("#/definitions/", "definitions.json#/")
    # What may be a number or a text is called a text there.
    text = text.replace('"format": "int-or-string", "type": "string"', '"x": 0')
    (folder / "definitions.json").write_text(text)
    for name, each in definitions.items():
        for kind in each.get("x-kubernetes-group-version-kind", ()):
            group = kind["group"].partition(".")[0]
            suffix = f"-{group}-{kind['version']}" if group else f"-{kind['version']}"
            schema = {"$ref": f"definitions.json#/{name}"}
            (folder / f"{kind['kind'].lower()}{suffix.lower()}.json").write_text(json.dumps(schema))
    return folder


# Of the Prometheus operator; its definitions are not here.
_FOREIGN = {"ServiceMonitor", "PodMonitor"}


@pytest.mark.parametrize("name", PERMUTATIONS)
def test_every_variant_is_well_formed_and_taken_by_the_api_server(stack: Stack, schemas: Path, name: str) -> None:
    values = merged(GIVEN, {"fullnameOverride": "variant", **PERMUTATIONS[name]})
    found = [each for each in render(values) if each["kind"] not in _FOREIGN]
    text = yaml.safe_dump_all(found)
    done = subprocess.run(
        [
            *(tool("kubeconform"), "-strict", "-summary", "-skip=CustomResourceDefinition"),
            f"-schema-location={schemas}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json",
        ],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    stack.plane.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-"), stdin=text
    )
    warnings = [line for line in stack.plane.last_warnings if "Warning" in line]
    assert not warnings


def test_every_sample_is_taken(stack: Stack) -> None:
    stack.plane.kubectl("create", "namespace", "shop")
    samples = sorted((ROOT / "deploy" / "samples").rglob("*.yaml"))
    assert len(samples) > 10
    for sample in samples:
        stack.plane.kubectl("create", "--dry-run=server", "--validate=strict", "-f", str(sample))
    stack.plane.kubectl("delete", "namespace", "shop", "--wait=false")


def test_the_way_to_the_first_disk_can_be_copied(stack: Stack, shop: Tenant) -> None:
    """The objects of docs/install.md, as a shell makes them of what stands there."""
    stack.azure.knobs(role_propagation=0)
    shop.make_claim("data-postgres-0")
    blocks = re.findall(r"```sh\n(.+?)```", (ROOT / "docs" / "install.md").read_text(), re.DOTALL)
    for block in (each for each in blocks if "<<EOF" in each):
        # What waits is for a cluster whose clock is the real one.
        script = re.sub(r"^kubectl (wait|get) .*$", "", block, flags=re.MULTILINE).replace(
            "NAMESPACE=shop", f"NAMESPACE={shop.namespace}"
        )
        variables = {"VAULT_GROUP": objects.VAULT_GROUP, "SNAPSHOT_GROUP": objects.SNAPSHOT_GROUP,
                     "LOCATION": objects.LOCATION, "KUBECONFIG": str(stack.plane.kubeconfig),
                     "PATH": f"{stack.plane.kubectl_path.parent}:/usr/bin:/bin"}  # fmt: skip
        done = subprocess.run(["bash", "-euc", script], env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    shop.until("protecteddisk", "data-postgres-0", "Ready")


def test_the_pods_pass_the_restricted_standard(stack: Stack) -> None:
    stack.plane.apply(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": "restricted", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        }
    )
    stack.plane.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "restricted")
    for each in render():
        if each["kind"] not in ("Deployment", "Job"):
            continue
        template = each["spec"]["template"]
        # The API server judges the pod, not what makes it.
        template["spec"] |= {"serviceAccountName": "default"}
        pod = {"apiVersion": "v1", "kind": "Pod", "spec": template["spec"]}
        pod["metadata"] = {"name": each["metadata"]["name"], "namespace": "restricted"}
        stack.plane.kubectl("create", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(pod))
    stack.plane.kubectl("delete", "namespace", "restricted", "--wait=false")


# --- how fast ---------------------------------------------------------------------------------------


def test_installing_takes_seconds_and_so_does_the_first_look(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    stack.installation.uninstall("--no-hooks")
    wait_for(lambda: not stack.installation.pods(), "it is gone")
    stack.plane.apply(objects.disk("early", shop.namespace))
    begun = time.monotonic()
    stack.installation.apply()
    assert time.monotonic() - begun < 15
    stack.works()
    pod = stack.installation.leading()
    stack.kubelet.kill(pod)
    begun = time.monotonic()
    stack.plane.apply(objects.disk("second", shop.namespace, "data-0"))
    seconds = wait_for(lambda: shop.get("protecteddisk", "second").get("status"), "it is looked at")
    assert seconds < 5, "from the start of the process, its restart included"
    stack.works()
    stack.start_operator()


# --- who may do what --------------------------------------------------------------------------------


def may(stack: Stack, role: str, verb: str, resource: str) -> bool:
    """Return whether somebody with a role of the cluster in a namespace may do something there."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"{role}-user",
            "resourceAttributes": {
                "namespace": "team",
                "verb": verb,
                "group": "azdiskbackup.io",
                "resource": resource.partition("/")[0],
                "subresource": resource.partition("/")[2],
            },
        },
    }
    _, answer = stack.plane.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


@pytest.fixture(scope="module")
def people(stack: Stack) -> Iterator[None]:
    """Somebody with view, somebody with edit and somebody with admin in a namespace."""
    stack.plane.kubectl("create", "namespace", "team")
    for role in ("view", "edit", "admin"):
        stack.plane.kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}-user", "-n", "team")
    wait_for(lambda: may(stack, "admin", "create", "protecteddisks"), "the roles are aggregated")
    yield
    stack.plane.kubectl("delete", "namespace", "team", "--wait=false")


_READ, _WRITE = ("get", "list", "watch"), ("create", "update", "patch", "delete", "deletecollection")


@pytest.mark.parametrize("role", ["view", "edit", "admin"])
def test_people_of_a_namespace_get_their_two_kinds(stack: Stack, people: None, role: str) -> None:
    for resource in ("protecteddisks", "ondemandbackups"):
        assert all(may(stack, role, verb, resource) for verb in _READ)
        assert all(may(stack, role, verb, resource) == (role != "view") for verb in _WRITE)
        assert not any(may(stack, role, verb, f"{resource}/status") for verb in (*_READ, *_WRITE))
    for resource in ("backupvaults", "diskbackuppolicies"):
        assert not any(may(stack, role, verb, resource) for verb in (*_READ, *_WRITE))


def test_the_operators_token_reads_no_secret_and_makes_no_pod(stack: Stack) -> None:
    user = f"--as=system:serviceaccount:{NAMESPACE}:azdiskbackup"
    for verb, resource in (("get", "secrets"), ("list", "secrets"), ("create", "pods"), ("get", "configmaps"),
                           ("impersonate", "users"), ("create", "clusterroles.rbac.authorization.k8s.io"),
                           ("create", "tokenreviews.authentication.k8s.io"), ("update", "leases.coordination.k8s.io"),
                           ("create", "serviceaccounts/token")):  # fmt: skip
        done = subprocess.run(
            [stack.plane.kubectl_path, f"--kubeconfig={stack.plane.kubeconfig}", "auth", "can-i", verb, resource, user,
             "-n", "kube-system"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stdout.strip() == "no", f"{verb} {resource}"


# --- the modes, each with no more than its roles ----------------------------------------------------


def test_others_assign_and_the_operator_needs_no_right_to(stack: Stack, shop: Tenant) -> None:
    """``roleAssignments: Preassigned``, without the role that may assign."""
    with_only(stack, "granter", "snapshot-group-creator")
    try:
        shop.apply(objects.vault("pre", roleAssignments="Preassigned"), objects.policy("pre-policy", "pre"))
        shop.until("backupvault", "pre", "IdentityReady")
        principal = shop.get("backupvault", "pre")["status"]["principalID"]
        handle = shop.make_claim()
        for scope, role in ((snapshots(), _CONTRIBUTOR), (handle, _READER)):
            assign(shop, scope, role, principal)
        shop.protect(policy="pre-policy")
        shop.until("protecteddisk", "data", "Ready")
        assert not stack.azure.lacking(CLIENT_ID)
    finally:
        everything(stack)


def test_a_vault_that_is_run_elsewhere_needs_no_right_to_write_it(stack: Stack, shop: Tenant) -> None:
    """``managementPolicy: Observe``, without the role that may write vaults."""
    shop.apply(objects.vault("theirs"))
    shop.until("backupvault", "theirs", "Ready")
    with_only(stack, "vault-manager", "snapshot-group-creator")
    try:
        shop.kubectl("patch", "backupvault", "theirs", "--type=merge", "-p", '{"spec":{"managementPolicy":"Observe"}}')
        shop.apply(objects.policy("over-theirs", "theirs"))
        shop.make_claim()
        shop.protect(policy="over-theirs")
        shop.until("protecteddisk", "data", "Ready")
        assert not stack.azure.lacking(CLIENT_ID)
    finally:
        everything(stack)
        shop.kubectl("patch", "backupvault", "theirs", "--type=merge", "-p", '{"spec":{"managementPolicy":"Manage"}}')


def test_the_condition_lets_it_grant_nothing_else(stack: Stack) -> None:
    """Who steals the operator's token can give no other role, and nobody but a service principal one of these."""
    owner = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
    granter = [
        each for each in azure_rights.assigned([objects.SUBSCRIPTION]) if "Granter" in str(each) or each["condition"]
    ]
    (condition,) = {each["condition"] for each in granter}

    allows = parse(condition)
    write, delete = (f"Microsoft.Authorization/roleAssignments/{verb}" for verb in ("write", "delete"))
    for role, type_, fine in (
        (_READER, "ServicePrincipal", True),
        (_READER, "User", False),
        (owner, "ServicePrincipal", False),
    ):
        attributes = assignment_attributes(role, "p", type_)
        assert allows(Attempt(write, attributes, {})) == fine
        assert allows(Attempt(delete, {}, attributes)) == fine
    assert allows(Attempt("Microsoft.Compute/disks/read", {}, {}))


_READER = "3e5e47e6-65f7-47ef-90b5-e5dd4d455f24"
_CONTRIBUTOR = "7efff54f-a5b4-42b5-a1c5-5411624893ce"


def snapshots() -> str:
    return f"/subscriptions/{objects.SUBSCRIPTION}/resourceGroups/{objects.SNAPSHOT_GROUP}"


def assign(shop: Tenant, scope: str, role: str, principal: str) -> None:
    """Assign a role as somebody who may."""
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}{role}{principal}by others")
    definition = f"/subscriptions/{objects.SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    properties = {"roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal"}
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
    shop.portal("PUT", path, {"properties": properties}, "2022-04-01")


def with_only(stack: Stack, *without: str) -> None:
    """Take roles from the operator's identity."""
    roles = azure_rights.assigned(stack.subscriptions, without)
    stack.azure.seed(callers=[{"clientID": CLIENT_ID, "roles": roles}])


def everything(stack: Stack) -> None:
    stack.azure.seed(callers=[{"clientID": CLIENT_ID, "roles": azure_rights.assigned(stack.subscriptions)}])


# --- what the log says ------------------------------------------------------------------------------


def test_no_secret_and_no_body_of_azure_is_logged(stack: Stack, shop: Tenant, gold: str) -> None:
    """What Azure's answers hold besides their error never reaches the log, whatever the log says of the error."""
    planted = "sig=PLANTED-SECRET-VALUE"
    shop.make_claim()
    stack.azure.plant(".*", status=400, code="BadRequest", message="no", times=3, headers={"x-ms-secret": planted})
    shop.protect()
    stack.azure.advance(minutes=20)
    stack.azure.clear_faults()
    shop.until("protecteddisk", "data", "Ready")
    said = stack.operator_said()
    tokens = [each.read_text().strip() for each in (stack.folder / "pods").glob("*/volumes/*/*token")]
    assert tokens and planted not in said and "Bearer" not in said and "client_assertion" not in said
    assert not any(token in said or token.rpartition(".")[2] in said for token in tokens)
    for line in said.splitlines():
        entry = json.loads(line)
        assert {"event", "level", "timestamp"} <= entry.keys(), "one JSON object a line"
        assert not {"body", "headers", "request", "response", "authorization"} & {key.lower() for key in entry}
