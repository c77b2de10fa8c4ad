"""What matters in the objects that the chart renders: security contexts, identities, permissions, names."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from azdiskbackup.core.identity.naming import restored_disk_name, restored_volume_name
from azdiskbackup.core.objects.markers import MADE_BY
from azdiskbackup.core.objects.pvc import DRIVER
from chart.conftest import CHART, GIVEN, GUID, IMAGE, LINES, of_kind, render, run_helm
from chart.test_rendering import PERMUTATIONS
from controlplane.tools import tool
from harness import manifests
from harness.installation import merged


def _pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in objects:
        if each["kind"] in ("Deployment", "Job"):
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


def test_every_pod_is_held_to_the_restricted_standard() -> None:
    pods = list(_pods(render()))
    assert {name for name, _ in pods} == {"azdiskbackup", "azdiskbackup-release", "azdiskbackup-preflight"}
    for name, pod in pods:
        context, (container,) = pod["securityContext"], pod["containers"]
        own = container["securityContext"]
        assert context["runAsNonRoot"] and context["runAsUser"] == 65532, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert own["readOnlyRootFilesystem"] and not own["allowPrivilegeEscalation"] and not own["privileged"]
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert {"projected", "emptyDir", "configMap", "secret", "name"} >= {
            key for volume in pod["volumes"] for key in volume
        }


_TERMS = ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")


def _terms(pod: dict[str, Any]) -> list[dict[str, Any]]:
    found: Any = pod
    for key in _TERMS:
        found = found.get(key, {})
    return found or []


def test_every_pod_runs_only_where_the_image_runs() -> None:
    """Node pools with ARM processors have no taint in AKS: nothing else keeps an image for others away from them."""

    def fits(*architectures: str) -> dict[str, Any]:
        return {"key": "kubernetes.io/arch", "operator": "In", "values": list(architectures)}

    for name, pod in _pods(render()):
        assert _terms(pod) == [{"matchExpressions": [fits("amd64")]}], name
    for name, pod in _pods(render(merged(GIVEN, PERMUTATIONS["both architectures"]))):
        assert _terms(pod) == [{"matchExpressions": [fits("amd64", "arm64")]}], name
    for given in ({"image": {"architectures": []}}, {"nodeSelector": {"kubernetes.io/arch": "arm64"}}):
        assert not any("affinity" in pod for _, pod in _pods(render(merged(GIVEN, given))))
    # One term that fits is enough for a node, so each has to say it; what else there is stays.
    pool, zone = ({"key": each, "operator": "Exists"} for each in ("pool", "zone"))
    required = {"nodeSelectorTerms": [{"matchExpressions": [pool]}, {"matchFields": [zone]}]}
    own = {"nodeAffinity": {_TERMS[2]: required}, "podAntiAffinity": {}}
    for name, pod in _pods(render(merged(GIVEN, {"affinity": own}))):
        both = [
            {"matchExpressions": [pool, fits("amd64")]},
            {"matchFields": [zone], "matchExpressions": [fits("amd64")]},
        ]
        assert _terms(pod) == both, name
        assert pod["affinity"]["podAntiAffinity"] == {}


def test_a_failed_upgrade_keeps_what_runs() -> None:
    spec = of_kind(render(), "Deployment")["spec"]
    assert spec["replicas"] == 2 and spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    keys = [each["topologyKey"] for each in spec["template"]["spec"]["topologySpreadConstraints"]]
    assert keys == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    budget = of_kind(render(), "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1 and budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert not [each for each in render(merged(GIVEN, {"replicaCount": 1})) if each["kind"] == "PodDisruptionBudget"]


def _env(objects: list[dict[str, Any]]) -> dict[str, Any]:
    (container,) = of_kind(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    names = [each["name"] for each in container["env"]]
    assert len(names) == len(set(names)), "server-side apply takes no name twice"
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def test_with_a_tenant_no_webhook_is_needed_and_without_one_it_is_left_to_it() -> None:
    for tenant in (GUID, ""):
        objects = render(merged(GIVEN, {"azure": {"tenantID": tenant}}))
        pod = of_kind(objects, "Deployment")["spec"]["template"]
        assert pod["metadata"]["labels"]["azure.workload.identity/use"] == "true"
        accounts = [each["metadata"] for each in objects if each["kind"] == "ServiceAccount"]
        ours = [each["annotations"] for each in accounts if each["name"] == "azdiskbackup"]
        # That of the check before the installation is the same, for the same federated credential.
        assert [each.get("azure.workload.identity/tenant-id") for each in ours] == [tenant or None] * 2
        projected = {each["name"] for each in pod["spec"]["volumes"]} & {"azure-identity-token"}
        assert bool(projected) == bool(tenant) == ("AZURE_FEDERATED_TOKEN_FILE" in _env(objects))


def test_a_managed_identity_needs_no_token_of_the_service_account() -> None:
    objects = render(merged(GIVEN, PERMUTATIONS["managed identity"]))
    pod = of_kind(objects, "Deployment")["spec"]["template"]
    assert "azure.workload.identity/use" not in pod["metadata"]["labels"]
    assert _env(objects)["AZDISKBACKUP_IDENTITY"] == "ManagedIdentity"
    egress = of_kind(objects, "NetworkPolicy")["spec"]["egress"]
    assert {"to": [{"ipBlock": {"cidr": "169.254.169.254/32"}}], "ports": [{"protocol": "TCP", "port": 80}]} in egress


def test_a_digest_decides_and_a_proxy_never_stands_before_the_api_server() -> None:
    (container,) = of_kind(render(merged(GIVEN, PERMUTATIONS["digest"])), "Deployment")["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["image"] == f"{IMAGE}:0.1.0@sha256:{'a' * 64}"
    env = _env(render(merged(GIVEN, PERMUTATIONS["proxy"])))
    assert env["HTTPS_PROXY"] == "http://proxy:3128"
    assert env["NO_PROXY"].startswith("$(KUBERNETES_SERVICE_HOST),") and env["NO_PROXY"].endswith(",10.0.0.0/8")


@pytest.mark.parametrize(
    ("values", "ports"),
    [
        ({}, [443]),
        ({"networkPolicy": {"apiServerPort": 6443}}, [443, 6443]),
        ({"proxy": {"httpsProxy": "http://proxy:3128", "httpProxy": "http://proxy"}}, [443, 80, 3128]),
        ({"azure": {"resourceManagerEndpoint": "https://x:30024", "authorityHost": "https://[fd00::1]:8443/adfs"}},
         [443, 30024, 8443]),
    ],
)  # fmt: skip
def test_the_policy_lets_through_what_the_values_name(values: dict[str, Any], ports: list[int]) -> None:
    policy = of_kind(render(merged(GIVEN, values)), "NetworkPolicy")["spec"]
    assert [each["port"] for each in policy["egress"][1]["ports"]] == ports
    assert policy["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "operator"


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("name", PERMUTATIONS)
def test_no_key_is_there_twice(line: str, name: str) -> None:
    done = run_helm(line, "template", "1234", str(CHART), values=merged(GIVEN, PERMUTATIONS[name]))
    assert done.returncode == 0, done.stderr
    for each in yaml.load_all(done.stdout, _Strict):
        labels = (each or {"metadata": {}})["metadata"].get("labels", {})
        assert all(isinstance(value, str) for value in labels.values()), each["metadata"]


@pytest.mark.parametrize("line", LINES)
def test_names_that_look_like_numbers_stay_names(line: str) -> None:
    values = merged(GIVEN, {"fullnameOverride": "1234", "serviceAccount": {"name": "0x12"}})
    values = merged(values, {"metrics": {"podMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}})
    done = run_helm(line, "template", "1e3", str(CHART), "--namespace=123", values=values)
    assert done.returncode == 0, done.stderr
    for each in manifests.read_all(done.stdout):
        for key, value in _scalars(each):
            if key in ("name", "namespace", "serviceAccountName", "policyName", "image", "resourceNames") or "/" in key:
                assert isinstance(value, str), f"{key}: {value}"


def _scalars(part: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        for name, value in part.items():
            yield from _scalars(value, name)
    elif isinstance(part, list):
        for value in part:
            yield from _scalars(value, key)
    else:
        yield key, part


class _Strict(manifests.LOADER):
    """A mapping with the same key twice is a mistake, as it is for whoever reads YAML strictly."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]  # type: ignore[no-untyped-call]
        assert len(keys) == len(set(keys)), sorted(keys)
        return super().construct_mapping(node, deep)


def test_where_others_make_the_roles_the_uninstallation_makes_none() -> None:
    objects = render(merged(GIVEN, {"rbac": {"create": False, "aggregate": False}}))
    assert not [each for each in objects if each["apiVersion"].startswith("rbac.")]
    pod = of_kind(objects, "Job", "azdiskbackup-release")["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "azdiskbackup"


def test_namespace_users_get_their_kinds_and_no_status() -> None:
    objects = render()
    for suffix, aggregated in (("view", True), ("edit", True), ("platform", False)):
        role = of_kind(objects, "ClusterRole", f"azdiskbackup-{suffix}")
        labels = role["metadata"]["labels"]
        assert ("rbac.authorization.k8s.io/aggregate-to-admin" in labels) == aggregated
        named = {each for rule in role["rules"] for each in rule["resources"]}
        teams = {"protecteddisks", "ondemandbackups", "diskrestores"}
        assert named == (teams if aggregated else {"backupvaults", "diskbackuppolicies", "diskprotectionrules"})


def _core_rights(objects: list[dict[str, Any]]) -> set[tuple[str, str]]:
    role = of_kind(objects, "ClusterRole", "azdiskbackup")
    rules = [rule for rule in role["rules"] if rule["apiGroups"] == [""] and "resourceNames" not in rule]
    return {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}


def _policies(objects: list[dict[str, Any]]) -> set[str]:
    """Return the names of the admission policies, each of which is bound."""
    named = {each["metadata"]["name"] for each in objects if each["kind"] == "ValidatingAdmissionPolicy"}
    bindings = [each["spec"] for each in objects if each["kind"] == "ValidatingAdmissionPolicyBinding"]
    assert {each["policyName"] for each in bindings} == named
    assert all(each["validationActions"] == ["Deny"] for each in bindings)
    return named


def test_the_right_to_create_volumes_comes_with_restores_and_never_without_its_policies() -> None:
    restored = {"azdiskbackup-restored-volumes", "azdiskbackup-restored-claims"}
    watched = {
        (resource, verb)
        for resource in ("namespaces", "persistentvolumes", "persistentvolumeclaims")
        for verb in ("list", "watch")
    }
    claims = {("persistentvolumeclaims", verb) for verb in ("get", "create")}
    volumes = {("persistentvolumes", verb) for verb in ("get", "create", "patch")}
    for policy in (True, False):
        values = merged(GIVEN, {"admissionPolicy": {"enabled": policy}})
        objects = render(values)
        assert _core_rights(objects) == watched | claims | volumes
        assert _policies(objects) == restored | ({"azdiskbackup"} if policy else set())
        assert _env(objects)["AZDISKBACKUP_RESTORE_ENABLED"] == "true"
        without = render(merged(values, {"restore": {"enabled": False}}))
        assert _core_rights(without) == watched
        assert _policies(without) == ({"azdiskbackup"} if policy else set())
        assert _env(without)["AZDISKBACKUP_RESTORE_ENABLED"] == "false"


def test_the_policies_name_what_the_operator_writes() -> None:
    """Label and names are constants of the operator; written here by hand, they could drift from them."""
    uid = "0a1b2c3d-0000-4000-8000-000000000001"
    prefix = restored_volume_name(uid).removesuffix(uid)
    for name in ("restored-volumes", "restored-claims"):
        text = json.dumps(of_kind(render(), "ValidatingAdmissionPolicy", f"azdiskbackup-{name}"))
        assert f"[?'{MADE_BY}']" in text and f"== '{prefix}' + variables.maker" in text
    volumes = json.dumps(of_kind(render(), "ValidatingAdmissionPolicy", "azdiskbackup-restored-volumes"))
    start = restored_disk_name("data", uid).partition("data")[0]
    assert f"/disks/{start}[^/]+$" in volumes and DRIVER in volumes


def test_crds_are_those_of_the_repository_and_stay() -> None:
    def crds(**values: Any) -> list[dict[str, Any]]:
        return [each for each in render(merged(GIVEN, {"crds": values})) if each["kind"] == "CustomResourceDefinition"]

    ours = {each.name: manifests.read(each.read_text())["spec"] for each in (CHART.parents[1] / "crds").glob("*.yaml")}
    assert [each["spec"] for each in crds()] == [ours[name] for name in sorted(ours)]
    assert all(each["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"} for each in crds())
    assert all("annotations" not in each["metadata"] for each in crds(keep=False))
    assert crds(enabled=False) == []


# What kube-score asks for and we do not do, each with its reason.
_NOT_DONE = {
    "container-image-pull-policy": "the image has a version or a digest, which never changes",
    "deployment-has-host-podantiaffinity": "topology spread constraints do it",
}
# The Jobs are under no policy: at an upgrade they would be held to the one of before.
_JOBS_WITHOUT_POLICY = re.compile(r"\[CRITICAL\] backup-(preflight|release)/.*does not have a matching NetworkPolicy")


def test_kube_score_finds_nothing_that_has_no_reason() -> None:
    text = yaml.safe_dump_all(render(merged(GIVEN, PERMUTATIONS["names"])))
    done = subprocess.run(
        [
            *(tool("kube-score"), "score", "-", "--output-format=ci", "--ignore-container-cpu-limit"),
            *(f"--ignore-test={name}" for name in _NOT_DONE),
        ],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    wrong = [line for line in done.stdout.splitlines() if not line.startswith(("[OK]", "[SKIPPED]"))]
    assert [line for line in wrong if not _JOBS_WITHOUT_POLICY.match(line)] == []


def test_what_there_is_to_know_afterwards_fits_the_values() -> None:
    def notes(values: dict[str, Any]) -> str:
        done = run_helm("helm", "install", "x", str(CHART), "--dry-run=client", values=merged(GIVEN, values))
        assert done.returncode == 0, done.stderr
        return done.stdout.partition("NOTES:")[2]

    assert "No backup is deleted" in notes({}) and "finalizers are removed" in notes({})
    assert "their deletion blocks" in notes({"uninstall": {"releaseObjects": False}})
    assert "crds.keep is false" in notes({"crds": {"keep": False}})
    assert "With one replica" in notes({"replicaCount": 1})
    assert "restoreResourceGroups" in notes({})
    assert "refuses every DiskRestore" in notes({"restore": {"enabled": False}})


def test_the_values_on_the_page_about_monitoring_are_taken() -> None:
    page = (CHART.parents[1] / "docs" / "monitoring.md").read_text()
    stack, managed = (yaml.safe_load(each) for each in re.findall(r"```yaml\n(.+?)```", page, re.DOTALL))
    objects = render(merged(GIVEN, stack))
    for kind in ("ServiceMonitor", "PrometheusRule"):
        assert of_kind(objects, kind)["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert len(of_kind(objects, "NetworkPolicy")["spec"]["ingress"]) >= 1
    (monitor,) = (each for each in render(merged(GIVEN, managed)) if each["kind"] == "PodMonitor")
    pod = of_kind(render(), "Deployment")["spec"]["template"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    ports = {each["name"] for container in pod["spec"]["containers"] for each in container["ports"]}
    assert {each["port"] for each in monitor["spec"]["podMetricsEndpoints"]} <= ports
    alerts = (CHART / "files" / "alerts.yaml").read_text()
    assert f"{alerts.count('alert:')} alerts" in page
