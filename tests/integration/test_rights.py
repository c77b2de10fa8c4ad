"""Who may do what: people of a namespace, the operator in Kubernetes, the operator in Azure in each of its modes."""

from __future__ import annotations

import re
import subprocess
import uuid
from collections.abc import Iterator

import pytest

from azure_simulator.http.rights import assignment_attributes
from azure_simulator.model.role_condition import Attempt, parse
from harness import azure_rights, objects
from harness.impersonation import as_the_operator
from harness.installation import NAMESPACE
from harness.processes import wait_for
from harness.stack import CLIENT_ID, Stack
from harness.tenant import Tenant


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
    stack.plane.apply(objects.namespace("team"))
    for role in ("view", "edit", "admin"):
        stack.plane.kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}-user", "-n", "team")
    wait_for(lambda: may(stack, "admin", "create", "protecteddisks"), "the roles are aggregated")
    yield
    stack.plane.delete("/api/v1/namespaces/team")


_READ, _WRITE = ("get", "list", "watch"), ("create", "update", "patch", "delete", "deletecollection")


@pytest.mark.parametrize("role", ["view", "edit", "admin"])
def test_people_of_a_namespace_get_their_kinds(stack: Stack, people: None, role: str) -> None:
    for resource in ("protecteddisks", "ondemandbackups", "diskrestores"):
        assert all(may(stack, role, verb, resource) for verb in _READ)
        assert all(may(stack, role, verb, resource) == (role != "view") for verb in _WRITE)
        assert not any(may(stack, role, verb, f"{resource}/status") for verb in (*_READ, *_WRITE))
    for resource in ("backupvaults", "diskbackuppolicies", "diskprotectionrules"):
        assert not any(may(stack, role, verb, resource) for verb in (*_READ, *_WRITE))


def test_the_operators_token_reads_no_secret_and_makes_no_pod(stack: Stack) -> None:
    user = f"--as=system:serviceaccount:{NAMESPACE}:azdiskbackup"
    for verb, resource in (("get", "secrets"), ("list", "secrets"), ("create", "pods"), ("get", "configmaps"),
                           ("impersonate", "users"), ("create", "clusterroles.rbac.authorization.k8s.io"),
                           ("create", "tokenreviews.authentication.k8s.io"), ("update", "leases.coordination.k8s.io"),
                           ("create", "leases.coordination.k8s.io"),
                           ("delete", "persistentvolumes"), ("delete", "persistentvolumeclaims"),
                           ("patch", "persistentvolumeclaims"), ("update", "persistentvolumes"),
                           ("create", "serviceaccounts/token")):  # fmt: skip
        done = subprocess.run(
            [stack.plane.kubectl_path, f"--kubeconfig={stack.plane.kubeconfig}", "auth", "can-i", verb, resource, user,
             "-n", "kube-system"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stdout.strip() == "no", f"{verb} {resource}"


_OURS = "/apis/azdiskbackup.io/v1alpha1"


def test_who_steals_the_operators_token_changes_no_spec(stack: Stack, shop: Tenant, gold: str) -> None:
    """The right to patch finalizers is the right to patch all of an object, for RBAC."""
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    shop.back_up("kept")
    disk = f"/namespaces/{shop.namespace}/protecteddisks/data"
    for path, patch in (
        (disk, {"spec": {"protection": "Suspended"}}),
        (disk, {"metadata": {"finalizers": ["azdiskbackup.io/finalizer", "example.com/other"]}}),
        (disk, {"metadata": {"labels": {"team": "other"}}}),
        (disk, {"metadata": {"annotations": {"a": "b"}}}),
        ("/backupvaults/demo", {"spec": {"access": {"deletionNamespaces": {}}}}),
        (f"/diskbackuppolicies/{gold}", {"spec": {"retention": {"default": {"days": 1}}}}),
    ):
        status, told = as_the_operator(stack, "PATCH", _OURS + path, patch)
        assert status == 403 and re.search("service account may (change no|not change)", told), told
    shop.restore("kept")
    for kept in ("ondemandbackups/kept", "diskrestores/kept"):
        status, told = as_the_operator(stack, "DELETE", f"{_OURS}/namespaces/{shop.namespace}/{kept}")
        assert status == 403 and "may delete no OnDemandBackup and no DiskRestore without" in told, told
    # People are not kept from anything by it.
    shop.kubectl("label", "protecteddisk", "data", "team=other")


def test_who_steals_the_operators_token_reaches_disks_of_rules_alone(stack: Stack, shop: Tenant, gold: str) -> None:
    """What rules make it may make, and nothing else; what they may change, and no other field of it."""
    shop.make_claim()
    mine, theirs = (objects.disk(name, shop.namespace, policy=gold) for name in ("mine", "theirs"))
    path = f"{_OURS}/namespaces/{shop.namespace}/protecteddisks"
    status, told = as_the_operator(stack, "POST", path, mine)
    assert status == 403 and "may create ProtectedDisks of DiskProtectionRules only" in told, told
    theirs["metadata"]["labels"] = {"azdiskbackup.io/rule": "r"}
    theirs["spec"]["deletionPolicy"] = "Delete"
    assert as_the_operator(stack, "POST", path, theirs)[0] == 403
    theirs["spec"]["deletionPolicy"] = "Retain"
    assert as_the_operator(stack, "POST", path, theirs)[0] == 201
    shop.apply(mine)
    status, told = as_the_operator(stack, "DELETE", f"{path}/mine")
    assert status == 403 and "may delete ProtectedDisks of DiskProtectionRules only" in told, told
    for name, patch, expected in (
        ("mine", {"metadata": {"labels": {"azdiskbackup.io/rule": "r"}}}, 403),
        ("theirs", {"metadata": {"labels": {"team": "other"}}}, 403),
        ("theirs", {"metadata": {"annotations": {"azdiskbackup.io/abandon-in-azure": "x"}}}, 403),
        ("theirs", {"spec": {"deletionPolicy": "Delete"}}, 403),
        ("theirs", {"spec": {"protection": "Stopped"}}, 200),
        ("theirs", {"metadata": {"labels": {"azdiskbackup.io/stopped-by-rule": "true"}}}, 200),
        ("theirs", {"metadata": {"annotations": {"azdiskbackup.io/follow-pvc": "x"}}}, 200),
    ):
        status, told = as_the_operator(stack, "PATCH", f"{path}/{name}", patch)
        assert status == expected, (patch, told)
    assert as_the_operator(stack, "DELETE", f"{path}/theirs")[0] == 200


# --- the modes, each with no more than its roles ----------------------------------------------------


def test_others_assign_and_the_operator_needs_no_right_to(stack: Stack, shop: Tenant, gold: str) -> None:
    """``roleAssignments: Preassigned``, without the role that may assign."""
    with_only(stack, "disk-granter", "snapshot-granter", "snapshot-group-creator")
    try:
        shop.apply(
            objects.vault("pre-rights", roleAssignments="Preassigned"), objects.policy("pre-policy", "pre-rights")
        )
        shop.until("backupvault", "pre-rights", "IdentityReady")
        principal = shop.get("backupvault", "pre-rights")["status"]["principalID"]
        handle = shop.make_claim()
        for scope, role in ((snapshots(), _CONTRIBUTOR), (handle, _READER)):
            assign(shop, scope, role, principal)
        shop.protect(policy="pre-policy")
        shop.until("protecteddisk", "data", "Ready")
        assert not stack.azure.lacking(CLIENT_ID)
    finally:
        everything(stack)


def test_a_vault_that_is_run_elsewhere_needs_no_right_to_write_it(stack: Stack, shop: Tenant, gold: str) -> None:
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


def test_an_identity_of_a_vault_needs_the_leave_to_use_it(stack: Stack, shop: Tenant, gold: str) -> None:
    name = "not-ours-to-use"
    stack.azure.seed(identities=[{"subscription": objects.SUBSCRIPTION, "group": objects.VAULT_GROUP, "name": name}])
    identity = (
        f"/subscriptions/{objects.SUBSCRIPTION}/resourceGroups/{objects.VAULT_GROUP}"
        f"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
    )
    stack.azure.deny(CLIENT_ID, ("userAssignedIdentities/assign", ""))
    shop.apply(objects.vault("acts", identity={"type": "UserAssigned", "userAssignedIdentityID": identity}))
    says = shop.until("backupvault", "acts", "Ready", "False", "AccessDenied")["message"]
    assert "userAssignedIdentities/assign/action" in says and identity in says
    stack.azure.deny(CLIENT_ID)
    shop.until("backupvault", "acts", "Ready")


def test_the_conditions_let_it_grant_nothing_else() -> None:
    """Who steals the operator's token gives these roles alone, each in its place, and to other service principals."""
    owner = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
    write, delete = (f"Microsoft.Authorization/roleAssignments/{verb}" for verb in ("write", "delete"))
    for name, its, others in (
        ("disk-granter", _READER, _CONTRIBUTOR),
        ("snapshot-granter", _CONTRIBUTOR, _READER),
        ("restore-granter", _RESTORER, _CONTRIBUTOR),
    ):
        allows = parse(azure_rights.condition(name, CLIENT_ID) or "")
        for role, principal, type_, fine in (
            (its, "p", "ServicePrincipal", True),
            (its, "p", "User", False),
            (others, "p", "ServicePrincipal", False),
            (owner, "p", "ServicePrincipal", False),
            # Not itself, or the thief could read and delete what the vaults may.
            (its, CLIENT_ID, "ServicePrincipal", False),
        ):
            attributes = assignment_attributes(role, principal, type_)
            assert allows(Attempt(write, attributes, {})) == fine
            assert allows(Attempt(delete, {}, attributes)) == (fine or principal == CLIENT_ID)
        assert allows(Attempt("Microsoft.Compute/disks/read", {}, {}))


_READER = "3e5e47e6-65f7-47ef-90b5-e5dd4d455f24"
_CONTRIBUTOR = "7efff54f-a5b4-42b5-a1c5-5411624893ce"
_RESTORER = "b50d9833-a0cb-478e-945f-707fcc997c13"


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
    roles = azure_rights.assigned(stack.subscriptions, CLIENT_ID, without)
    stack.azure.seed(callers=[{"clientID": CLIENT_ID, "roles": roles}])


def everything(stack: Stack) -> None:
    stack.azure.seed(callers=[{"clientID": CLIENT_ID, "roles": azure_rights.assigned(stack.subscriptions, CLIENT_ID)}])
