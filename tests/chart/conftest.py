"""Helm without a cluster."""

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

CHART = Path(__file__).resolve().parents[2] / "charts" / "azdiskbackup"
GUID = "11111111-1111-4111-8111-111111111111"
GIVEN: dict[str, Any] = {"azure": {"subscriptionID": GUID, "clientID": GUID, "tenantID": GUID}}
LINES = ("helm", "helm3")


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
    return manifests.read_all(_rendered(line, json.dumps(GIVEN if values is None else values), *words))


@functools.cache
def _rendered(line: str, values: str, *words: str) -> str:
    # The same values are rendered for many tests.
    named = ("template", "azdiskbackup", str(CHART), "--namespace=azdiskbackup")
    done = run_helm(line, *named, *words, values=json.loads(values))
    assert done.returncode == 0, done.stderr
    return done.stdout


def of_kind(objects: list[dict[str, Any]], kind: str, name: str | None = None) -> dict[str, Any]:
    """Return the one object of a kind."""
    found = [each for each in objects if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    assert len(found) == 1, [each["metadata"]["name"] for each in found]
    return found[0]
