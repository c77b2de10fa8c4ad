"""Helm without a cluster, and copies of what a release is made of."""

from __future__ import annotations

import functools
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from controlplane.tools import tool
from harness import manifests

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "azdiskbackup"
# The image that the chart names, without its tag.
IMAGE = "{registry}/{repository}".format_map(yaml.safe_load((CHART / "values.yaml").read_text())["image"])
GUID = "11111111-1111-4111-8111-111111111111"
GIVEN: dict[str, Any] = {"azure": {"subscriptionID": GUID, "clientID": GUID, "tenantID": GUID}}
LINES = ("helm", "helm3")


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program, and return what it printed, however it ended."""
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def run_helm(line: str, *words: str, values: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    """Run Helm with some values."""
    # What `go install` builds of Helm 3 believes in a very old Kubernetes.
    version = ["--kube-version=1.36.0"] if words[0] in ("template", "lint") else []
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(GIVEN if values is None else values, file)
        file.flush()
        return subprocess.run(
            [tool(line), *words, *version, f"--values={file.name}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


def render(values: dict[str, Any] | None = None, line: str = "helm", *words: str) -> list[dict[str, Any]]:
    """Return what the chart renders."""
    return render_of(CHART, GIVEN if values is None else values, line, *words)


def render_of(chart: Path, values: dict[str, Any], line: str = "helm", *words: str) -> list[dict[str, Any]]:
    """Return what a chart renders."""
    return manifests.read_all(_rendered(chart, line, json.dumps(values), *words))


@functools.cache
def _rendered(chart: Path, line: str, values: str, *words: str) -> str:
    # The same values are rendered for many tests.
    named = ("template", "azdiskbackup", str(chart), "--namespace=azdiskbackup")
    done = run_helm(line, *named, *words, values=json.loads(values))
    assert done.returncode == 0, done.stderr
    return done.stdout


def of_kind(objects: list[dict[str, Any]], kind: str, name: str | None = None) -> dict[str, Any]:
    """Return the one object of a kind."""
    found = [each for each in objects if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    assert len(found) == 1, [each["metadata"]["name"] for each in found]
    return found[0]


def tree(folder: Path) -> Path:
    """Return a copy of what a release is made of."""
    folder.mkdir()
    packed = subprocess.run(
        ["tar", "--create", "--exclude=__pycache__", "operator", "crds", "charts", "deploy", "docs", "tests/generated",
         "tests/harness", "tests/controlplane", "tests/azure_simulator", "tests/nodeless", "tests/release",
         "pyproject.toml", "uv.lock", "LICENSE", "README.md", "CHANGELOG.md"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout  # fmt: skip
    subprocess.run(["tar", "--extract"], cwd=folder, input=packed, check=True)
    return folder
