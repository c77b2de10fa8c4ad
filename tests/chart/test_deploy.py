"""What stands in deploy/ and .github/: that it is well-formed, and what of it could not be tried here."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa import lua51

from azdiskbackup.api.v1alpha1.kinds import KINDS
from chart.conftest import ROOT, render, run
from controlplane.binaries import program
from controlplane.tools import tool
from generated import files
from harness import argo_cd, manifests

DEPLOY = ROOT / "deploy"


# --- kustomize, Flux, Argo CD -----------------------------------------------------------------------


def test_the_overlay_sets_what_differs_and_nothing_else() -> None:
    kubectl = program("kubectl")
    built = run(kubectl, "kustomize", DEPLOY / "kustomize" / "overlays" / "workload-identity")
    assert built.returncode == 0, built.stderr
    assert files.PLACEHOLDER not in built.stdout, "every id is replaced"
    objects = manifests.read_all(built.stdout)
    deployment = next(each for each in objects if each["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    base = yaml.safe_load((files.BASE / "deployment-azdiskbackup.yaml").read_text())
    (before,) = base["spec"]["template"]["spec"]["containers"]
    assert {each["name"] for each in container["env"]} == {each["name"] for each in before["env"]}
    (namespace,) = (each for each in objects if each["kind"] == "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {each["metadata"].get("namespace", "azdiskbackup") for each in objects} == {"azdiskbackup"}


def _health_tests() -> list[tuple[str, dict[str, Any]]]:
    return [
        (path.parent.name, case)
        for path in sorted((DEPLOY / "argocd").rglob("health_test.yaml"))
        for case in yaml.safe_load(path.read_text())["tests"]
    ]


@pytest.mark.parametrize(("kind", "case"), _health_tests(), ids=lambda value: str(value)[:60])
def test_argo_cd_reads_the_health_of_our_kinds(kind: str, case: dict[str, Any]) -> None:
    folder = DEPLOY / "argocd" / "azdiskbackup.io" / kind
    script = (folder / "health.lua").read_text()
    # Argo CD runs what users give it without Lua's libraries for strings and mathematics.
    assert not re.search(r"\b(string|math|io|debug)\.|:\w+\(", script)
    lua = lua51.LuaRuntime()
    lua.globals().obj = lua.table_from(yaml.safe_load((folder / case["inputPath"]).read_text()), recursive=True)
    found = lua.execute(script)
    assert {"status": found.status, "message": found.message} == case["healthStatus"]


def test_every_kind_has_its_health_check() -> None:
    assert {kind for kind, _ in _health_tests()} == {kind.name for kind in KINDS}
    states = {(kind, case["healthStatus"]["status"]) for kind, case in _health_tests()}
    assert len(states) == len(KINDS) * 3


def test_argo_cd_leaves_nothing_out_of_what_the_chart_renders() -> None:
    assert not argo_cd.applies({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"})
    assert [each["kind"] for each in render() if not argo_cd.applies(each)] == []


def test_the_examples_for_gitops_give_values_that_the_chart_takes() -> None:
    application = yaml.safe_load((DEPLOY / "argocd" / "application.yaml").read_text())
    assert render(application["spec"]["source"]["helm"]["valuesObject"])
    documents = manifests.read_all((DEPLOY / "flux" / "helmrelease.yaml").read_text())
    release = next(each for each in documents if each["kind"] == "HelmRelease")
    assert render(release["spec"]["values"])


# --- dependencies -----------------------------------------------------------------------------------

# What may be part of a program under Apache-2.0, by the names that packages have for it.
_FREE = re.compile(
    r"MIT|BSD|Apache|Python Software Foundation|PSF|ISC|MPL|Mozilla Public License 2\.0|Unlicense|0BSD", re.I
)
_NOT_FREE = re.compile(r"\b(A?GPL|LGPL|GNU|SSPL|BUSL|Commercial|Proprietary)\b", re.I)


def test_every_dependency_has_a_licence_that_we_may_use() -> None:
    wanted = {
        re.sub(r"[-_.]+", "-", name).lower()
        for name in re.findall(r"^([A-Za-z0-9_.-]+)==(?!.*sys_platform == 'win32')", files.requirements(), re.MULTILINE)
    }
    listed = run(Path(sys.prefix) / "bin" / "pip-licenses", "--format=json", "--from=mixed", "--with-system")
    have = {re.sub(r"[-_.]+", "-", each["Name"]).lower(): each["License"] for each in json.loads(listed.stdout)}
    assert wanted - have.keys() == set(), "all of them are installed here"
    bad = {name: have[name] for name in wanted if not _FREE.search(have[name]) or _NOT_FREE.search(have[name])}
    assert bad == {}, bad
    assert len(wanted) > 30


def test_every_sample_says_what_it_is_for() -> None:
    for path in (DEPLOY / "samples").rglob("*.yaml"):
        assert path.read_text().startswith("# "), path.name


def test_no_job_that_is_shown_is_run_again_by_a_restore_of_manifests() -> None:
    pages = [path for folder in (DEPLOY / "samples", ROOT / "docs") for path in folder.rglob("*.*")]
    texts = [path.read_text() for path in pages if path.suffix in (".yaml", ".md")]
    jobs = r"^kind: (?:OnDemandBackup|DiskRestore)\n.*?^spec"
    shown = [part for text in texts for part in re.findall(jobs, text, re.M | re.S)]
    assert len(shown) == 13 and all('velero.io/exclude-from-backup: "true"' in part for part in shown)


# --- GitHub -----------------------------------------------------------------------------------------

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))


def test_workflows_are_well_formed() -> None:
    """Shell scripts in them, too: actionlint asks shellcheck, which is beside this Python."""
    path = f"{Path(sys.prefix) / 'bin'}:/usr/bin:/bin"
    done = run(tool("actionlint"), "-no-color", *WORKFLOWS, env={"PATH": path, "HOME": str(Path.home())})
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_may_do_little_and_run_what_is_pinned(path: Path) -> None:
    text = path.read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}, "what a job may do it says itself"
    for job in workflow["jobs"].values():
        assert job["permissions"] and job["timeout-minutes"]
    pinned = re.findall(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", text, re.M)
    assert len(pinned) == text.count("uses: ") > 0
