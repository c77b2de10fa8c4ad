"""Removed with live objects: by both lines of Helm, without Helm, and what is left then."""

from __future__ import annotations

from typing import Any

import pytest

from harness.installation import NAMESPACE, RELEASE
from harness.life_cycle import kinds, protected
from harness.processes import PATIENCE_SECONDS, wait_for
from harness.stack import Stack

Json = dict[str, Any]


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
    if keep:
        # `kubectl get` does not go on saying that backups succeed.
        health = shop.condition("protecteddisk", "data", "BackupHealthy")
        assert (health["status"], health["reason"]) == ("False", "OperatorUninstalled")
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
    shop.passes(
        lambda: shop.condition("protecteddisk", "data", "BackupHealthy")["reason"] != "OperatorUninstalled",
        "backups are looked after again",
    )
    assert shop.instance() == before and not clean.writes(since)
    assert shop.condition("protecteddisk", "data", "Ready")["status"] == "True"


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


def test_definitions_that_are_deleted_under_a_running_operator_delete_no_backup(clean: Stack) -> None:
    clean.start_operator()
    shop = protected(clean, deletionPolicy="Delete")
    instance = shop.instance()
    since = clean.azure.request_count()
    clean.plane.kubectl("delete", "crd", *kinds(clean), "--wait=false")
    wait_for(lambda: not kinds(clean), "they are gone, and all objects with them")
    assert not clean.writes(since)
    assert shop.portal("GET", instance)["properties"]["currentProtectionState"] == "ProtectionConfigured"


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
