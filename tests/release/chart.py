"""The chart as it is published: packaged by Helm, with what Artifact Hub shows of it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from controlplane.tools import tool
from release import archive, version

Json = dict[str, Any]
# Headings of the changelog to the kinds of Artifact Hub.
_KINDS = {name: name.lower() for name in ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")}


def package(source: Path, number: str, repository: str, target: Path) -> None:
    """Package the chart of a tree.

    Args:
        source: the tree.
        number: its version.
        repository: the address of the repository, empty if it has none.
        target: the archive.
    """
    with tempfile.TemporaryDirectory() as place:
        chart = Path(place) / "azdiskbackup"
        shutil.copytree(source / "charts" / "azdiskbackup", chart)
        about: Json = yaml.safe_load((chart / "Chart.yaml").read_text())
        about |= {"home": repository, "sources": [repository]} if repository else {}
        about["annotations"] |= {name: _yaml(value) for name, value in _annotations(source, number, repository)}
        (chart / "Chart.yaml").write_text(_yaml(about))
        subprocess.run(
            [tool("helm"), "package", chart, f"--destination={place}"], check=True, capture_output=True, text=True
        )
        archive.again(Path(place) / f"azdiskbackup-{number}.tgz", target, version.epoch(source, number))


def _annotations(source: Path, number: str, repository: str) -> Iterator[tuple[str, object]]:
    values: Json = yaml.safe_load((source / "charts" / "azdiskbackup" / "values.yaml").read_text())
    image = values["image"]
    reference = f"{image['registry']}/{image['repository']}:{number}"
    yield "artifacthub.io/images", [{"name": "azdiskbackup", "image": reference}]
    yield "artifacthub.io/prerelease", "true" if "-" in number else "false"
    yield (
        "artifacthub.io/changes",
        [{"kind": _KINDS.get(kind, "changed"), "description": text} for kind, text in version.changes(source, number)],
    )
    yield "artifacthub.io/crds", [_described(yaml.safe_load(path.read_text())) for path in _crds(source)]
    samples = sorted((source / "deploy" / "samples").glob("*.yaml"))
    yield "artifacthub.io/crdsExamples", [each for path in samples for each in yaml.safe_load_all(path.read_text())]
    if repository:
        yield "artifacthub.io/links", [{"name": "support", "url": f"{repository}/issues"}]


def _crds(source: Path) -> list[Path]:
    return sorted((source / "crds").glob("*.yaml"))


def _described(crd: Json) -> Json:
    served = crd["spec"]["versions"][0]
    return {
        "kind": crd["spec"]["names"]["kind"],
        "version": served["name"],
        "name": crd["metadata"]["name"],
        "displayName": crd["spec"]["names"]["kind"],
        "description": served["schema"]["openAPIV3Schema"]["description"],
    }


def _yaml(value: object) -> str:
    return value if isinstance(value, str) else yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)
