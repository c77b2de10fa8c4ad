"""The generated files of the chart, of deploy/ and of docs/, each with what makes it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from azdiskbackup import __version__
from controlplane.tools import tool
from generated import (
    api_page,
    concepts_picture,
    dashboard,
    metrics_page,
    pass_picture,
    permissions_page,
    published,
    reasons_page,
)
from harness import manifests

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "azdiskbackup"
BASE = ROOT / "deploy" / "kustomize" / "base"
NAMESPACE = "azdiskbackup"
# What nobody could take for an id of their own; the overlays replace it.
PLACEHOLDER = "00000000-0000-0000-0000-000000000000"
_HEADER = "# Made from charts/azdiskbackup by `make chart`; do not edit. Overlays set what differs.\n"
_REQUIRED = {"azure.subscriptionID": PLACEHOLDER, "azure.clientID": PLACEHOLDER, "azure.tenantID": PLACEHOLDER}


def wanted() -> Iterator[tuple[Path, str]]:
    """Yield each generated file and what must be in it."""
    yield from _crds()
    yield CHART / "README.md", readme()
    yield from _of_this_version()
    yield ROOT / "deploy" / "requirements.txt", requirements()
    yield ROOT / "docs" / "metrics.md", metrics_page.page()
    yield ROOT / "docs" / "reference" / "reasons.md", reasons_page.page()
    yield ROOT / "docs" / "reference" / "api.md", api_page.page()
    yield ROOT / "docs" / "concepts.svg", concepts_picture.picture()
    yield ROOT / "docs" / "pass.svg", pass_picture.picture()
    yield ROOT / "docs" / "permissions.md", permissions_page.page(list(rendered()))
    yield CHART / "files" / "dashboard.json", dashboard.dashboard()
    yield from kustomize_base()


def _crds() -> Iterator[tuple[Path, str]]:
    for crd in sorted((ROOT / "crds").glob("*.yaml")):
        yield CHART / "files" / "crds" / crd.name, crd.read_text()


# Where else the version stands; each line with it, and nothing else of the file.
_NUMBER = r"\d+\.\d+\.\d+(?:-rc\.\d+)?"
_VERSIONED = {
    "charts/azdiskbackup/Chart.yaml": r"(?m)^((?:version|appVersion): ).*$",
    "deploy/argocd/application.yaml": r"(?m)^(\s*targetRevision: v?).*$",
    "deploy/flux/helmrelease.yaml": r"(?m)^(\s*tag: v?).*$",
    "deploy/kustomize/overlays/workload-identity/kustomization.yaml": r"(?m)^(\s*newTag: ).*$",
} | {
    path: rf"(\bazdiskbackup[:-]|--version |/download/v){_NUMBER}"
    for path in (
        "README.md",
        "docs/install.md",
        "docs/upgrade.md",
        "docs/kubectl-plugin.md",
        "deploy/Dockerfile",
        "deploy/azure/setup.sh",
        "charts/azdiskbackup/README.md.gotmpl",
    )
}


def _of_this_version() -> Iterator[tuple[Path, str]]:
    """Yield the files that say the version, or where an installation comes from."""
    at = published.places(published.address(ROOT))
    for file in dict.fromkeys((*_VERSIONED, *published.files())):
        text = (ROOT / file).read_text()
        if file in _VERSIONED:
            text = re.sub(_VERSIONED[file], rf"\g<1>{__version__}", text)
        yield ROOT / file, published.said(file, text, at, __version__) if file in published.files() else text


def requirements() -> str:
    """Return what the image installs: what uv.lock says, with hashes."""
    return _output(
        Path(sys.prefix) / "bin" / "uv", "export", "--frozen", "--no-dev", "--no-emit-project", "--no-header", "--quiet"
    )


def _output(*command: str | Path) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def readme() -> str:
    """Return the chart's README."""
    options = ("--dry-run", "--log-level=error", "--sort-values-order=file", f"--chart-search-root={CHART}")
    return _output(tool("helm-docs"), *options).strip() + "\n"


def kustomize_base() -> Iterator[tuple[Path, str]]:
    """Yield the files of the kustomize base: what the chart renders with nothing set but what is required."""
    names = []
    for document in rendered():
        metadata = document["metadata"]
        annotations = metadata.get("annotations") or {}
        # Hooks are Helm's; docs/install.md says what to do instead.
        if "helm.sh/hook" in annotations:
            continue
        annotations.pop("helm.sh/resource-policy", None)
        if not annotations:
            metadata.pop("annotations", None)
        for labels in _labels(document):
            for helms in ("helm.sh/chart", "app.kubernetes.io/managed-by"):
                labels.pop(helms, None)
        name = f"{document['kind'].lower()}-{metadata['name']}.yaml"
        names.append(name)
        yield BASE / name, _HEADER + yaml.safe_dump(document, sort_keys=False, width=110, allow_unicode=True)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(names),
    }
    yield BASE / "kustomization.yaml", _HEADER + yaml.safe_dump(kustomization, sort_keys=False)


def _labels(document: Json) -> Iterator[dict[str, str]]:
    """Yield the labels of an object and of the pods that it makes."""
    metadata = document.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("labels"), dict):
        yield metadata["labels"]
    for part in document.values():
        if isinstance(part, dict) and part is not metadata:
            yield from _labels(part)


def rendered() -> Iterator[Json]:
    """Yield what the chart renders with nothing set but what is required."""
    words = [f"--set={name}={value}" for name, value in _REQUIRED.items()]
    text = _output(tool("helm"), "template", "azdiskbackup", CHART, f"--namespace={NAMESPACE}", *words)
    yield from manifests.read_all(text)


def drifted() -> list[str]:
    """Return the paths of files that are not as generated, or that nothing generates."""
    found = dict(wanted())
    there = {path for folder in (BASE, CHART / "files" / "crds") for path in folder.glob("*")}
    wrong = {path for path, text in found.items() if not path.exists() or path.read_text() != text}
    return sorted(str(path.relative_to(ROOT)) for path in wrong | (there - found.keys()))


def write() -> None:
    """Write all of them; first what the chart is rendered with."""
    for path, text in (*_crds(), *_of_this_version()):
        path.write_text(text)
    found = dict(wanted())
    for folder in (BASE, CHART / "files" / "crds"):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*"):
            if path not in found:
                path.unlink()
    for path, text in found.items():
        path.write_text(text)
