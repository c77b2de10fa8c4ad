"""The chart on a real API server: how fast, whether every variant is taken, and what it says in its log."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chart.conftest import GIVEN, render
from chart.test_rendering import PERMUTATIONS
from controlplane.tools import tool
from harness import manifests, objects
from harness.installation import ROOT, merged
from harness.processes import wait_for
from harness.stack import Stack
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
        if each.get("format") == "int-or-string":
            # What may be a number or a text is called a text there.
            del each["type"], each["format"]
    text = json.dumps(definitions).replace("#/definitions/", "definitions.json#/")
    (folder / "definitions.json").write_text(text)
    for name, each in definitions.items():
        for kind in each.get("x-kubernetes-group-version-kind", ()):
            group = kind["group"].partition(".")[0]
            suffix = f"-{group}-{kind['version']}" if group else f"-{kind['version']}"
            schema = {"$ref": f"definitions.json#/{name}"}
            (folder / f"{kind['kind'].lower()}{suffix.lower()}.json").write_text(json.dumps(schema))
    return folder


# Of the Prometheus operator; its definitions are not here.
_FOREIGN = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}


@pytest.fixture(scope="module")
def faults(schemas: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What kubeconform finds wrong, by the name of the variant: all in one run, which reads the schemas once."""
    folder = tmp_path_factory.mktemp("variants")
    for name in PERMUTATIONS:
        (folder / f"{name}.yaml").write_text(manifests.written(_variant(name)))
    done = subprocess.run(
        [
            *(tool("kubeconform"), "-strict", "-output=json", "-skip=CustomResourceDefinition", "-verbose"),
            f"-schema-location={schemas}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json",
            str(folder),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    judged = json.loads(done.stdout)["resources"]
    assert {Path(each["filename"]).stem for each in judged} == PERMUTATIONS.keys()
    bad = [each for each in judged if each["status"] not in ("statusValid", "statusSkipped")]
    assert bool(bad) == bool(done.returncode), done.stderr
    return {Path(each["filename"]).stem: f"{each['kind']} {each['name']}: {each['msg']}" for each in bad}


def _variant(name: str) -> list[Json]:
    values = merged(GIVEN, {"fullnameOverride": "variant", **PERMUTATIONS[name]})
    return [each for each in render(values) if each["kind"] not in _FOREIGN]


@pytest.mark.parametrize("name", PERMUTATIONS)
def test_every_variant_is_well_formed_and_taken_by_the_api_server(
    stack: Stack, faults: dict[str, str], name: str
) -> None:
    assert name not in faults, faults[name]
    stack.plane.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-"),
        stdin=manifests.written(_variant(name)),
    )
    warnings = [line for line in stack.plane.last_warnings if "Warning" in line]
    assert not warnings


def test_every_sample_is_taken(stack: Stack) -> None:
    stack.plane.apply(objects.namespace("shop"))
    samples = sorted((ROOT / "deploy" / "samples").rglob("*.yaml"))
    assert len(samples) > 10
    for sample in samples:
        found = manifests.read_all(sample.read_text())
        for each in found:
            # Some tests have objects of these names.
            if "name" in each["metadata"]:
                each["metadata"]["name"] += "-sample"
        text = manifests.written(found)
        stack.plane.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)
    stack.plane.delete("/api/v1/namespaces/shop")


def test_the_way_to_the_first_disk_can_be_copied(stack: Stack, shop: Tenant, tmp_path: Path) -> None:
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
                     "HOME": str(tmp_path), "PATH": f"{stack.plane.kubectl_path.parent}:/usr/bin:/bin"}  # fmt: skip
        done = subprocess.run(["bash", "-euc", script], env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    shop.until("protecteddisk", "postgres-data", "Ready")


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
        stack.plane.kubectl("create", "--dry-run=server", "-f", "-", stdin=manifests.written([pod]))
    stack.plane.delete("/api/v1/namespaces/restricted")


# --- what is there already ---------------------------------------------------------------------------


def test_what_was_there_before_is_looked_at(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    stack.installation.uninstall("--no-hooks")
    wait_for(lambda: not stack.installation.pods(), "it is gone")
    stack.plane.apply(objects.disk("early", shop.namespace))
    stack.installation.apply()
    wait_for(lambda: shop.get("protecteddisk", "early").get("status"), "it is looked at")
    stack.works()
    stack.kubelet.kill(stack.installation.leading())
    stack.plane.apply(objects.disk("second", shop.namespace, "data-0"))
    wait_for(lambda: shop.get("protecteddisk", "second").get("status"), "it is looked at")
    stack.works()


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
