"""Upgraded and rolled back with live objects: other definitions, another Lease, another chart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.installation import NAMESPACE, RELEASE
from harness.life_cycle import older, protected, with_chart
from harness.processes import PATIENCE_SECONDS, wait_for
from harness.stack import Stack
from nodeless.pod import Pod

Json = dict[str, Any]


def without_active_since(crd: Json) -> None:
    status = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    status.pop("activeSince", None)


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
