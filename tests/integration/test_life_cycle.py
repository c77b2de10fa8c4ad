"""Installed, upgraded, rolled back, removed: by both lines of Helm, with live objects."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import argo_cd, objects, rights
from harness.installation import CHART, NAMESPACE, RELEASE, HelmError, Installation
from harness.processes import PATIENCE_SECONDS, wait_for
from harness.stack import Stack
from harness.tenant import Tenant
from nodeless.pod import Pod

Json = dict[str, Any]


@pytest.fixture
def clean(tmp_path: Path) -> Iterator[Stack]:
    """A stack of the test's own without the operator: nothing of ours is in the cluster."""
    stack = Stack(tmp_path)
    try:
        stack.start_control_plane()
        stack.start_simulator()
        groups = (objects.VAULT_GROUP, objects.SNAPSHOT_GROUP, objects.DISK_GROUP)
        stack.azure.seed(
            subscriptions=[objects.SUBSCRIPTION],
            groups=[
                {"subscription": objects.SUBSCRIPTION, "name": each, "location": objects.LOCATION} for each in groups
            ],
        )
        yield stack
        rights.USAGE.note(stack)
    finally:
        stack.stop()


def protected(stack: Stack, namespace: str = "shop", **spec: Any) -> Tenant:
    """Return a team with a protected disk."""
    shop = Tenant(stack, namespace)
    shop.create()
    vault = objects.vault(access={"deletionNamespaces": {}, "namespaces": {}})
    shop.apply(vault, objects.policy())
    shop.make_claim()
    shop.protect(**spec)
    shop.until("protecteddisk", "data", "Ready")
    return shop


_GUID = "11111111-1111-4111-8111-111111111111"
_GIVEN = [f"--set=azure.{name}={_GUID}" for name in ("subscriptionID", "clientID", "tenantID")]


def kinds(stack: Stack) -> list[str]:
    found = stack.plane.read("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]
    return [each["metadata"]["name"] for each in found if each["spec"]["group"] == "azdiskbackup.io"]


@pytest.mark.parametrize(("line", "keep"), [("helm", True), ("helm3", False)], ids=["CRDs stay", "CRDs go"])
def test_uninstalled_with_objects_left(clean: Stack, line: str, keep: bool) -> None:
    clean.line = line
    clean.start_operator({"crds": {"keep": keep}})
    # Who deletes the definitions deletes no backup either, whatever the objects say.
    shop = protected(clean, deletionPolicy="Delete")
    instance = shop.instance()
    since = clean.azure.request_count()
    told = clean.installation.uninstall()
    assert not clean.writes(since), "Azure is left as it is"
    assert shop.portal("GET", instance)["properties"]["currentProtectionState"] == "ProtectionConfigured"
    assert ("were kept due to the resource policy" in told) == keep == bool(kinds(clean))
    left = clean.plane.kubectl("get", "all,sa,roles,rolebindings,leases,networkpolicies,pdb", "-n", NAMESPACE,
                               "-o", "name").split()  # fmt: skip
    assert [each for each in left if "default" not in each and "leases" not in each] == []
    # The operator made it, so Helm knows nothing of it; it goes with the service account.
    wait_for(lambda: not clean.plane.kubectl("get", "leases", "-n", NAMESPACE, "-o", "name"), "the Lease is gone")
    assert RELEASE not in clean.plane.kubectl("get", "clusterroles,clusterrolebindings", "-o", "name")
    # Nothing hangs.
    clean.plane.kubectl("delete", "namespace", "shop", NAMESPACE, f"--timeout={PATIENCE_SECONDS}s")
    if keep:
        clean.plane.kubectl("delete", "crd", *kinds(clean), f"--timeout={PATIENCE_SECONDS}s")


def test_uninstalled_and_installed_again_goes_on(clean: Stack) -> None:
    clean.start_operator()
    shop = protected(clean)
    before = shop.instance()
    clean.installation.uninstall()
    since = clean.azure.request_count()
    clean.installation.apply()
    clean.works()
    shop.passes(lambda: shop.get("protecteddisk", "data")["metadata"].get("finalizers"), "the finalizer is back")
    assert shop.instance() == before and not clean.writes(since)
    assert shop.condition("protecteddisk", "data", "Ready")["status"] == "True"


def test_a_lease_that_was_deleted_is_made_anew_also_by_who_uninstalls(clean: Stack) -> None:
    clean.start_operator()
    shop = protected(clean)
    path = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{RELEASE}"
    before = clean.plane.read(path)["metadata"]["uid"]
    clean.plane.delete(path)
    wait_for(lambda: clean.installation.leader(), "somebody leads again")
    assert clean.plane.read(path)["metadata"]["uid"] != before
    clean.works()
    clean.stop_operator()
    clean.plane.delete(path)
    clean.installation.uninstall()
    assert "finalizers" not in shop.get("protecteddisk", "data")["metadata"]


def test_what_argo_cd_applies_is_all_that_it_takes_to_lead(clean: Stack, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(clean.installation.values))
    text = clean.installation.helm("template", RELEASE, str(CHART), "-n", NAMESPACE, "-f", str(values), "--no-hooks")
    applied = [each for each in yaml.safe_load_all(text) if each and argo_cd.applies(each)]
    clean.plane.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(applied))
    assert clean.installation.leading()
    clean.works()
    protected(clean)
    # Nobody can have led before where nothing of ours was: Azure is written to at once.
    assert "LeaderHandover" not in clean.operator_said()


@pytest.mark.parametrize(("line", "by_hand"), [("helm", False), ("helm3", True)], ids=["kept", "applied by hand"])
def test_definitions_of_somebody_else_are_taken_over(clean: Stack, line: str, by_hand: bool) -> None:
    """As docs/install.md says: kept by another release, or applied without Helm."""
    clean.line = line
    if by_hand:
        clean.plane.kubectl("apply", "--server-side", "-f", str(CHART / "files" / "crds"))
    else:
        clean.installation.helm("install", "earlier", str(CHART), "-n", "default", *_GIVEN, "--no-hooks")
        clean.installation.helm("uninstall", "earlier", "-n", "default", "--no-hooks")
    assert len(kinds(clean)) == 4
    with pytest.raises(HelmError, match="invalid ownership metadata"):
        clean.installation.apply()
    clean.installation.apply("--take-ownership")
    clean.works()
    protected(clean)


def test_a_namespace_that_ends_with_the_operator_in_it_is_let_go(clean: Stack) -> None:
    """Without Helm: what docs/install.md says for that case."""
    clean.start_operator({"uninstall": {"releaseObjects": False}})
    shop = protected(clean)
    clean.installation.uninstall()
    clean.plane.kubectl("delete", "namespace", "shop", "--wait=false")
    assert shop.get("protecteddisk", "data")["metadata"]["finalizers"], "it hangs, as the notes said"
    patch = '{"metadata":{"finalizers":null}}'
    clean.plane.kubectl("patch", "protecteddisk", "data", "-n", "shop", "--type=merge", "-p", patch)
    clean.plane.kubectl("wait", "--for=delete", "namespace/shop", f"--timeout={PATIENCE_SECONDS}s")


# --- versions ---------------------------------------------------------------------------------------


def older(folder: Path, change: Callable[[Json], None]) -> Path:
    """Return the chart as an earlier version would be: its version, and its definitions without something."""
    chart = folder / "older"
    shutil.copytree(CHART, chart)
    meta = yaml.safe_load((chart / "Chart.yaml").read_text())
    (chart / "Chart.yaml").write_text(yaml.safe_dump(meta | {"version": "0.0.9", "appVersion": "0.0.9"}))
    for path in (chart / "files" / "crds").glob("*.yaml"):
        crd = yaml.safe_load(path.read_text())
        change(crd)
        path.write_text(yaml.safe_dump(crd))
    return chart


def without_active_since(crd: Json) -> None:
    status = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    status.pop("activeSince", None)


def with_chart(stack: Stack, chart: Path) -> Installation:
    """Return an installation of another version of the chart, with the operator of this one."""
    found = stack.installation
    return Installation(found.plane, found.kubelet, found.values, chart=chart)


def ended(stack: Stack, pod: Pod) -> str:
    """Return with what message the container of a pod ended last, empty while it did not."""
    (status,) = stack.plane.read(pod.path)["status"].get("containerStatuses") or [{}]
    states = (status.get("lastState", {}), status.get("state", {}))
    return next((state["terminated"].get("message", "") for state in states if "terminated" in state), "")


def test_a_definition_that_changed_comes_with_the_upgrade(clean: Stack, tmp_path: Path) -> None:
    clean.start_operator()
    shop = protected(clean)
    previous = with_chart(clean, older(tmp_path, without_active_since))
    pods = {pod.name for pod in clean.installation.pods()}
    # The operator of this version refuses to work on what it cannot write down; the old one goes on.
    previous.apply(values={"podAnnotations": {"is": "older"}}, wait=False)
    wait_for(lambda: len(clean.installation.pods()) > len(pods), "a new pod is there")
    (new,) = (pod for pod in clean.installation.pods() if pod.name not in pods)
    wait_for(lambda: ended(clean, new), "it has ended")
    assert {pod.name for pod in clean.installation.pods()} > pods
    said = ended(clean, new)
    assert "is older than this operator: it has no status.activeSince" in said and "kubectl apply" in said
    assert clean.installation.leading().name in pods
    clean.installation.apply()
    wait_for(lambda: len(clean.installation.pods()) == 1, "the upgrade is through")
    clean.works()
    shop.until("protecteddisk", "data", "Ready")


def test_an_operator_works_with_definitions_that_are_newer(clean: Stack, tmp_path: Path) -> None:
    def newer(crd: Json) -> None:
        schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
        schema["status"]["properties"]["fromTheFuture"] = {"type": "string"}

    future = older(tmp_path, newer)
    installation = with_chart(clean, future)
    installation.apply()
    clean.works()
    protected(clean)


def test_rolled_back_with_live_objects(clean: Stack) -> None:
    clean.start_operator()
    shop = protected(clean)
    shop.after_the_next_backup()
    since = clean.azure.request_count()
    clean.installation.apply(values={"operator": {"workers": 4}})
    clean.installation.helm("rollback", RELEASE, "1", "-n", NAMESPACE, "--wait", f"--timeout={PATIENCE_SECONDS}s")
    wait_for(lambda: len(clean.installation.pods()) == 1, "one replica is left")
    clean.works()
    clean.azure.advance(minutes=30)
    assert not clean.writes(since)
    assert shop.condition("protecteddisk", "data", "Ready")["status"] == "True"


_LEASE = """
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata:
  name: {{ include "azdiskbackup.fullname" . }}
  namespace: {{ .Release.Namespace }}
"""


def test_a_lease_that_an_older_chart_owned_goes_with_the_upgrade(clean: Stack, tmp_path: Path) -> None:
    chart = older(tmp_path, lambda crd: None)
    (chart / "templates" / "lease.yaml").write_text(_LEASE)
    clean.installation.values["replicaCount"] = 2
    with_chart(clean, chart).apply()
    clean.works()
    shop = protected(clean)
    shop.after_the_next_backup()
    path = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{RELEASE}"
    before = clean.plane.read(path)["metadata"]
    assert "ownerReferences" not in before
    since = clean.azure.request_count()
    clean.installation.apply()
    wait_for(lambda: clean.installation.leader(), "somebody leads again")
    after = clean.plane.read(path)["metadata"]
    assert after["uid"] != before["uid"] and after["ownerReferences"][0]["name"] == RELEASE
    clean.works()
    clean.azure.advance(minutes=30)
    assert not clean.writes(since)
    assert shop.condition("protecteddisk", "data", "Ready")["status"] == "True"


def test_without_definitions_nothing_is_installed(clean: Stack) -> None:
    with pytest.raises(HelmError, match="does not know the kind BackupVault: apply crds/ first"):
        clean.installation.apply(values={"crds": {"enabled": False}})
    assert not clean.installation.pods()


def test_definitions_that_are_deleted_under_a_running_operator_delete_no_backup(clean: Stack) -> None:
    clean.start_operator()
    shop = protected(clean, deletionPolicy="Delete")
    instance = shop.instance()
    since = clean.azure.request_count()
    clean.plane.kubectl("delete", "crd", *kinds(clean), "--wait=false")
    wait_for(lambda: not kinds(clean), "they are gone, and all objects with them")
    assert not clean.writes(since)
    assert shop.portal("GET", instance)["properties"]["currentProtectionState"] == "ProtectionConfigured"
