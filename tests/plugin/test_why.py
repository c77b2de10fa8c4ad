"""`why`: rule by rule, why a PVC is protected or not; and the reasons of `unprotected`."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest

from azdiskbackup.core.objects.markers import PROTECT, RULE
from azdiskbackup.kube.client import KubeClient
from azdiskbackup.kube.exchange import Answer
from harness import objects
from plugin.conftest import Golden, Run
from plugin.world import NOW, Api
from world.api_server import ApiServer, InMemoryExchange

Json = dict[str, Any]
_OURS = "/apis/azdiskbackup.io/v1alpha1"
_PATHS = {
    "Namespace": "/api/v1/namespaces",
    "PersistentVolume": "/api/v1/persistentvolumes",
    "PersistentVolumeClaim": "/api/v1/namespaces/shop/persistentvolumeclaims",
    "BackupVault": f"{_OURS}/backupvaults",
    "DiskBackupPolicy": f"{_OURS}/diskbackuppolicies",
    "DiskProtectionRule": f"{_OURS}/diskprotectionrules",
    "ProtectedDisk": f"{_OURS}/namespaces/shop/protecteddisks",
}


class Cluster(InMemoryExchange):
    """An API server in memory; ``hidden`` are resources that the caller may not read."""

    def __init__(self) -> None:
        uids = count(1)
        self.server = ApiServer(lambda: NOW, lambda: f"uid-{next(uids)}")
        super().__init__(self.server)
        self.hidden: tuple[str, ...] = ()
        self.put(objects.namespace(team="shop"), objects.vault(), objects.policy(), objects.policy("silver"))

    def put(self, *wanted: Json) -> None:
        for each in wanted:
            answer = self.server.answer("POST", _PATHS[each["kind"]], each, "application/json")
            assert answer.status == 201, answer.content
            self.server.settle()

    def claim(self, name: str, **labels: str) -> None:
        self.put(objects.volume(f"pv-{name}", objects.disk_id(name), name))
        made = objects.claim(name, f"pv-{name}")
        made["metadata"]["labels"] = labels
        self.put(made)

    def protected(self, name: str, rule: str | None = None) -> None:
        made = objects.disk(name, claim=name)
        made["metadata"]["labels"] = {RULE: rule} if rule else {}
        self.put(made)
        conditions = [
            {
                "type": type_,
                "status": "True",
                "reason": "Protected",
                "message": "",
                "lastTransitionTime": "2026-11-22T09:00:00Z",
            }
            for type_ in ("Ready", "Protected")
        ]
        path = f"{_PATHS['ProtectedDisk']}/{name}/status"
        self.server.answer("PATCH", path, {"status": {"conditions": conditions}}, "application/merge-patch+json")

    async def send(self, method: str, path: str, body: Any, content_type: str, seconds: float) -> Answer:
        for each in self.hidden:
            if f"/{each}" in path.partition("?")[0]:
                message = f'{each} is forbidden: User "ann" cannot list resource "{each}"'
                return Answer(403, json.dumps({"reason": "Forbidden", "message": message}).encode(), {})
        return await super().send(method, path, body, content_type, seconds)


@pytest.fixture
def cluster() -> Cluster:
    found = Cluster()
    found.put(
        objects.rule("databases", policy="silver", priority=10, claimSelector={"matchLabels": {"tier": "db"}}),
        objects.rule("all", storageClassNames=["managed-csi"]),
        objects.rule("large", minSizeGiB=1000, storageClassNames=["other"]),
        objects.rule("tried", mode="DryRun", priority=-5),
    )
    return found


@pytest.fixture
def api(cluster: Cluster) -> Api:
    """What ``run`` asks: this cluster."""
    return KubeClient(cluster)  # type: ignore[return-value] # it is what a command asks


def test_what_each_rule_says(run: Run, cluster: Cluster, golden: Golden) -> None:
    cluster.claim("data-0", tier="db")
    cluster.claim("cache-0", **{PROTECT: "false"})
    cluster.claim("logs-0")
    cluster.protected("data-0", "databases")
    cluster.protected("logs-0")
    for name in ("data-0", "shop/cache-0", "pvc/logs-0"):
        code, out, err = run("why", name, columns=100)
        golden(f"why {name}", f"$ why {name} → {code}\n{out}--- stderr\n{err}")


def test_for_a_program(run: Run, cluster: Cluster) -> None:
    cluster.claim("data-0", tier="db")
    found = json.loads(run("why", "data-0", "-o", "json")[1])
    assert (found["state"], found["reason"], found["protectedDisk"]) == ("pending", "ProtectingClaims", None)
    said = {each["name"]: each for each in found["rules"]}
    assert [each["decides"] for each in said.values()] == [True, False, False, False]
    assert said["large"]["unmet"] == ["storageClassNames", "minSizeGiB"]
    assert said["all"]["says"] == "selects it, and databases decides"
    assert said["tried"]["says"] == "would leave it to another rule"


def test_what_a_dry_run_would_do(run: Run, cluster: Cluster) -> None:
    cluster.claim("data-0")
    cluster.claim("cache-0", **{PROTECT: "false"})
    cluster.put(objects.rule("first", mode="DryRun", priority=99))
    says = {}
    for name in ("data-0", "cache-0"):
        found = json.loads(run("why", name, "-o", "json")[1])
        says[name] = next(each["says"] for each in found["rules"] if each["name"] == "first")
    assert says == {"data-0": "would protect it", "cache-0": "would skip it (OptedOut)"}


def test_without_the_right_to_read_rules(run: Run, cluster: Cluster) -> None:
    """A developer is told what the object says, and that more could be known."""
    cluster.claim("data-0", tier="db")
    cluster.claim("logs-0")
    cluster.protected("data-0", "databases")
    cluster.hidden = ("diskprotectionrules",)
    code, out, err = run("why", "data-0")
    assert code == 0 and "protected (Protected)" in out and "made by the rule databases" in out
    assert "diskprotectionrules" in err
    assert "not protected." in run("why", "logs-0")[1]
    assert [each["reason"] for each in json.loads(run("unprotected", "-o", "json")[1])["items"]] == [None]


def test_a_volume_that_may_not_be_read(run: Run, cluster: Cluster) -> None:
    cluster.claim("data-0", tier="db")
    path = f"{_PATHS['PersistentVolumeClaim']}/data-0"
    annotations = {"volume.kubernetes.io/storage-provisioner": "disk.csi.azure.com"}
    patch = {"metadata": {"annotations": annotations}}
    cluster.server.answer("PATCH", path, patch, "application/merge-patch+json")
    cluster.hidden = ("persistentvolumes",)
    assert json.loads(run("why", "data-0", "-o", "json")[1])["reason"] == "ProtectingClaims"


def test_a_pvc_that_does_not_exist(run: Run, cluster: Cluster) -> None:
    cluster.claim("data-0")
    code, _, err = run("why", "data-1")
    assert code == 1 and "PVC 'data-1' does not exist" in err and "data-0" in err


def test_unprotected_has_the_reason(run: Run, cluster: Cluster) -> None:
    cluster.claim("data-0", tier="db")
    cluster.claim("cache-0", **{PROTECT: "false"})
    found = json.loads(run("unprotected", "-o", "json")[1])["items"]
    assert {each["name"]: each["reason"] for each in found} == {"cache-0": "OptedOut", "data-0": "ProtectingClaims"}
    assert "OptedOut" in run("unprotected", columns=160)[1]
