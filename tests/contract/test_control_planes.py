"""A control plane serves one test after another, and no test sees anything of the one before."""

from __future__ import annotations

import pytest

from azdiskbackup.kube.watched import OURS
from contract.api_servers import define_kinds
from controlplane import pool
from harness import objects

VIEW = "/apis/rbac.authorization.k8s.io/v1/clusterroles/view"


def test_the_next_one_finds_what_kubernetes_brings_along_and_nothing_else() -> None:
    with pool.lent() as plane:
        first = plane.server
        namespaces = plane.read("/api/v1/namespaces")["items"]
        role = plane.read(VIEW)["rules"]
        define_kinds(plane)
        disk = objects.disk("data", "shop")
        disk["metadata"]["finalizers"] = ["azdiskbackup.io/backup"]
        plane.apply(objects.namespace("shop"), disk)
        # It waits for somebody who never comes.
        plane.delete("/api/v1/namespaces/shop")
        plane.delete(VIEW)
        assert any(entry.resource == "protecteddisks" for entry in plane.audit())
    with pool.lent() as plane:
        assert plane.server == first, "it is the same one"
        assert plane.read("/api/v1/namespaces")["items"] == namespaces
        assert plane.read(VIEW)["rules"] == role
        assert OURS[0].group not in {each["name"] for each in plane.read("/apis")["groups"]}
        assert not any(entry.resource == "protecteddisks" for entry in plane.audit())
        # Definitions of the same names are others.
        define_kinds(plane)
        plane.apply(objects.namespace("shop"))
        assert not plane.kubectl("get", "protecteddisks", "-A", "-o", "name")


def test_one_whose_test_failed_or_that_does_not_become_as_it_was_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(AssertionError, match="the test's own"), pool.lent() as plane:
        failed = plane.server
        raise AssertionError("the test's own")
    monkeypatch.setattr(pool, "_PUT_BACK_SECONDS", 0)
    with pytest.warns(UserWarning, match=r"not used again.*: /registry/namespaces/shop"), pool.lent() as plane:
        assert plane.server != failed
        plane.apply(objects.namespace("shop"))
    assert not pool._idle
