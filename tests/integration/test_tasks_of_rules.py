"""The pages of docs/tasks that are about DiskProtectionRules, word for word."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.world import NAMESPACE
from harness.processes import wait_for
from harness.task_pages import World, started


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from started(tmp_path_factory.mktemp("rules"), "here")


@pytest.fixture
def world(whole: World) -> Iterator[World]:
    """A cluster with a policy, and nothing that is protected; neither rule nor label stays."""
    whole.has_a_policy()
    whole.kubectl("delete", "pdisk", "--all", "-n", NAMESPACE)
    yield whole
    whole.kubectl("delete", "azdiskrule", "--all")
    whole.kubectl("label", "namespace", NAMESPACE, "azdiskbackup.io/protect-")
    whole.kubectl("label", "pvc", "--all", "-n", NAMESPACE, "azdiskbackup.io/protect-")


def test_protect_a_namespace(world: World) -> None:
    world.follows("protect-a-namespace")
    assert world.state_in_azure("pvc-postgres-0") == "ProtectionConfigured"


def test_prove_it_to_an_auditor(world: World) -> None:
    world.has_a_disk()
    world.follows("prove-it-to-an-auditor")
    page = (world.folder / "prove-it-to-an-auditor" / "report.html").read_text()
    assert "shop/data-postgres-0" in page and "events/data-kafka-0" in page


def test_opt_out(world: World) -> None:
    # A rule that is enforced at once may be faster than whoever types the label.
    world.types(
        "kubectl create -f - <<'EOF'\n"
        "{apiVersion: azdiskbackup.io/v1alpha1, kind: DiskProtectionRule, metadata: {name: all}, "
        "spec: {policyRef: {name: gold}, namespaceSelector: {}, minAgeMinutes: 0, mode: DryRun}}\n"
        "EOF\n"
        f"kubectl label pvc data-postgres-1 -n {NAMESPACE} azdiskbackup.io/protect=false"
    )
    wait_for(lambda: "OptedOut" in world.kubectl("get", "azdiskrule", "all", "-o", "yaml"), "the label is seen")
    world.kubectl("patch", "azdiskrule", "all", "--type=merge", "--patch", '{"spec": {"mode": "Enforce"}}')
    world.follows("opt-out")
    found = world.kubectl("get", "pdisk", "-n", NAMESPACE, "-o", "name")
    assert found.split() == ["protecteddisk.azdiskbackup.io/data-postgres-0"]


def test_protect_by_class(world: World) -> None:
    world.follows("protect-by-class")
    assert world.state_in_azure("pvc-postgres-1") == "ProtectionConfigured"
