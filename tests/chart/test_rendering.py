"""What the chart takes as values, what it refuses, and that its documents say the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from chart.conftest import CHART, GIVEN, GUID, LINES, render, run_helm
from harness.installation import merged

# Every switch of the chart, each way.
PERMUTATIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "one replica": {"replicaCount": 1},
    "webhook": {"azure": {"tenantID": ""}},
    "managed identity": {"azure": {"identity": "ManagedIdentity", "tenantID": ""}},
    "china": {"azure": {"cloud": "AzureChinaCloud"}},
    "own endpoints": {
        "azure": {
            "resourceManagerEndpoint": "https://management.local.azurestack.external",
            "resourceManagerAudience": "https://management.azurestack.onmicrosoft.com/1",
            "authorityHost": "https://login.local.azurestack.external",
        }
    },
    "digest": {"image": {"digest": "sha256:" + "a" * 64}},
    "proxy": {"proxy": {"httpsProxy": "http://proxy:3128", "noProxy": "10.0.0.0/8"}},
    "extra CA": {"extraCA": {"secretName": "corporate-ca"}},
    "extra CA map": {"extraCA": {"configMapName": "corporate-ca", "key": "bundle.pem"}},
    "no CRDs": {"crds": {"enabled": False}},
    "CRDs that go": {"crds": {"keep": False}},
    "no admission policy": {"admissionPolicy": {"enabled": False}},
    "no restores": {"restore": {"enabled": False}},
    "both architectures": {"image": {"architectures": ["amd64", "arm64"]}},
    "own service account": {"serviceAccount": {"create": False, "name": "mine"}},
    "no roles": {"rbac": {"create": False}},
    "no aggregation": {"rbac": {"aggregate": False}},
    "no hooks": {"preflight": {"enabled": False}, "uninstall": {"releaseObjects": False}},
    "no network policy": {"networkPolicy": {"enabled": False}},
    "other network": {
        "networkPolicy": {
            "apiServerPort": 6443,
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
            "extraEgress": [{"ports": [{"port": 3128, "protocol": "TCP"}]}],
        }
    },
    "service monitor": {"metrics": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}}},
    "subchart": {"enabled": True, "global": {"anything": 1}},
    "no registry": {"image": {"registry": ""}},
    "none runs": {"replicaCount": 0},
    "budget in percent": {"podDisruptionBudget": {"maxUnavailable": "50%"}},
    "names like numbers": {"extraCA": {"configMapName": "1234"}, "priorityClassName": "true"},
    "nearer labels": {
        "commonLabels": {"team": "platform"},
        "podLabels": {"team": "storage"},
        "podAnnotations": {"kubectl.kubernetes.io/default-container": "operator"},
        "serviceAccount": {"annotations": {"azure.workload.identity/client-id": GUID, "note": "ours"}},
        "metrics": {"serviceMonitor": {"enabled": True, "labels": {"team": "monitoring"}, "interval": "1m30s"}},
    },
    "pod monitor": {"metrics": {"podMonitor": {"enabled": True}, "service": {"enabled": False}}},
    "alerts": {"metrics": {"prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}}}},
    "dashboard": {"metrics": {"grafanaDashboard": {"enabled": True, "annotations": {"grafana_folder": "backup"}}}},
    "names": {"fullnameOverride": "backup", "commonLabels": {"team": "platform"}},
    "everything of pods": {
        "imagePullSecrets": [{"name": "registry"}],
        "priorityClassName": "system-cluster-critical",
        "tolerations": [{"key": "system", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "podAnnotations": {"a": "b"},
        "podLabels": {"c": "d"},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
        ],
        "extraEnv": [{"name": "AZDISKBACKUP_LOG_LEVEL_", "value": "x"}],
        "extraVolumes": [{"name": "more", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
    },
    "extra objects": {
        "extraObjects": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-more"}, "data": {}},
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-text'}\n",
        ]
    },
}


@pytest.mark.parametrize("line", LINES)
def test_helm_finds_nothing_to_complain_of(line: str) -> None:
    done = run_helm(line, "lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", PERMUTATIONS)
def test_both_lines_of_helm_render_the_same(name: str) -> None:
    values = merged(GIVEN, PERMUTATIONS[name])
    objects = render(values)
    assert objects == render(values, "helm3")
    for each in objects:
        meta = each["metadata"]
        if each["kind"] == "ConfigMap":
            continue
        assert meta["labels"]["app.kubernetes.io/instance"] == "azdiskbackup", meta["name"]
        for label in values.get("commonLabels", {}):
            assert label in meta["labels"]


CONTRADICTIONS = [
    ({"azure": {"subscriptionID": ""}}, "azure.subscriptionID is missing"),
    ({"azure": {"clientID": ""}}, "azure.clientID is missing"),
    ({"azure": {"identity": "ManagedIdentity"}}, "only a federated token needs a tenant"),
    ({"azure": {"resourceManagerAudience": "https://x"}}, "without azure.resourceManagerEndpoint"),
    ({"serviceAccount": {"create": False}}, "name the service account to use"),
    (
        {"metrics": {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}},
        "everything would be scraped twice",
    ),
    (
        {"metrics": {"serviceMonitor": {"enabled": True}, "service": {"enabled": False}}},
        "needs metrics.service.enabled",
    ),
    ({"extraCA": {"configMapName": "a", "secretName": "b"}}, "choose one"),
    ({"metrics": {"port": 8080}}, "two servers cannot share a port"),
    ({"podDisruptionBudget": {"maxUnavailable": 2}}, "it would keep no replica"),
    ({"commonLabels": {"app.kubernetes.io/name": "x"}}, "commonLabels has app.kubernetes.io/name"),
    ({"podLabels": {"app.kubernetes.io/component": "x"}}, "podLabels has app.kubernetes.io/component"),
    (
        {"serviceAccount": {"annotations": {"azure.workload.identity/client-id": "x"}}},
        "with another value than azure.clientID",
    ),
    ({"operator": {"restorePointLimit": 450, "snapshotLimit": 200}}, "more snapshots than Azure keeps"),
]
WRONG_FORMS = [
    ({"azure": {"cloud": "AzureGermanCloud"}}, "cloud"),
    ({"azure": {"subscriptionID": "mine"}}, "subscriptionID"),
    ({"azure": {"subscribtionID": GUID}}, "subscribtionID"),
    ({"replicas": 2}, "replicas"),
    ({"replicaCount": 9}, "replicaCount"),
    ({"operator": None}, "operator"),
    ({"fullnameOverride": "Backup_X"}, "fullnameOverride"),
    ({"nameOverride": "My App"}, "nameOverride"),
    ({"podDisruptionBudget": {"maxUnavailable": "all"}}, "maxUnavailable"),
    ({"proxy": {"httpsProxy": "proxy:3128"}}, "httpsProxy"),
    ({"image": {"digest": "sha256:abc"}}, "digest"),
    ({"image": {"repository": "x\n          args: [release]"}}, "repository"),
    ({"image": {"registry": "x\n          args: [release]"}}, "registry"),
    ({"image": {"architectures": ["x86"]}}, "architectures"),
    ({"commonLabels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}}, "commonLabels"),
    ({"operator": {"logLevel": "loud"}}, "logLevel"),
    ({"azure": {"authorityHost": "http://login"}}, "authorityHost"),
    ({"azure": {"tokenExpirationSeconds": 600}}, "tokenExpirationSeconds"),
]


@pytest.mark.parametrize(("values", "says"), CONTRADICTIONS, ids=[says for _, says in CONTRADICTIONS])
@pytest.mark.parametrize("line", LINES)
def test_values_that_contradict_each_other_get_a_sentence(line: str, values: dict[str, Any], says: str) -> None:
    done = run_helm(line, "template", "x", str(CHART), values=merged(GIVEN, values))
    assert done.returncode != 0 and says in done.stderr, done.stderr
    assert sum(1 for each in done.stderr.splitlines() if each.startswith("  ")) == 1, "one sentence, the one mistake"


@pytest.mark.parametrize(("values", "names"), WRONG_FORMS, ids=[str(values) for values, _ in WRONG_FORMS])
def test_values_of_a_wrong_form_are_named(values: dict[str, Any], names: str) -> None:
    done = run_helm("helm", "template", "x", str(CHART), values=merged(GIVEN, values))
    assert done.returncode != 0 and names in done.stderr, done.stderr


def test_all_mistakes_are_told_at_once() -> None:
    done = run_helm("helm", "template", "x", str(CHART), values={})
    assert "azure.subscriptionID is missing" in done.stderr and "azure.clientID is missing" in done.stderr


def _keys(values: Any, path: str = "") -> Iterator[str]:
    for key, value in values.items():
        here = f"{path}.{key}".lstrip(".")
        yield here
        if isinstance(value, dict):
            yield from _keys(value, here)


def _schema_keys(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in schema.get("properties", {}).items():
        here = f"{path}.{key}".lstrip(".")
        yield here
        yield from _schema_keys(value, here)


def test_values_schema_and_comments_are_about_the_same() -> None:
    text = (CHART / "values.yaml").read_text()
    values = yaml.safe_load(text)
    schema = json.loads((CHART / "values.schema.json").read_text())
    described = set(_schema_keys(schema)) - {"global"}
    assert described <= set(_keys(values))
    # What the schema leaves open belongs to Kubernetes.
    inner = {each for each in _keys(values) if each.rpartition(".")[0] in described | {""}}
    assert inner - described == {
        each for each in inner if any(each.startswith(f"{free}.") for free in _left_open(schema))
    }
    leaves = [each for each in described if not any(other.startswith(f"{each}.") for other in described)]
    for leaf in leaves:
        key = leaf.rpartition(".")[2]
        assert re.search(rf"# -- [^\n]+\n(\s*#[^\n]*\n)*\s*{re.escape(key)}:", text), f"{leaf} has no comment"


def _left_open(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in schema.get("properties", {}).items():
        here = f"{path}.{key}".lstrip(".")
        if value.get("type") == "object" and "properties" not in value:
            yield here
        yield from _left_open(value, here)
