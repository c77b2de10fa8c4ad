"""The quick start, word for word, from the top of a checkout to a protected disk; and the operator in a debugger."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.pages import clean_environment, follow
from harness.processes import Child, wait_for
from harness.stack import ROOT
from integration.test_demo import left_behind

_NOT_OURS = {".git", ".run"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing running in it: this one's files, by links."""
    found = tmp_path / "azdiskbackup"
    found.mkdir()
    for each in ROOT.iterdir():
        if each.name not in _NOT_OURS:
            (found / each.name).symlink_to(each)
    return found


def environment() -> dict[str, str]:
    clean = clean_environment()
    # A make in a make would share its options, and its words.
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHONPATH"):
        clean.pop(name, None)
    return clean | {key: os.environ[key] for key in ("KUBEBUILDER_ASSETS", "KUBERNETES") if key in os.environ}


def make(checkout: Path, target: str) -> str:
    done = subprocess.run(
        ["make", "-s", target], cwd=checkout, env=environment(), capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_quick_start_ends_with_a_protected_disk(checkout: Path) -> None:
    try:
        printed = follow(ROOT / "docs" / "quick-start.md", checkout, environment())
    finally:
        make(checkout, "down")
    everything = "".join(printed.values())
    assert "pdisk/postgres-data condition met" in everything.replace("protecteddisk.azdiskbackup.io", "pdisk")
    assert "Everything is stopped." in everything
    assert not [each for each in left_behind(checkout) if str(checkout / ".run") in each]


def test_an_operator_outside_of_the_cluster_protects_a_disk(checkout: Path, tmp_path: Path) -> None:
    """As in an editor: a process with the settings of `make debug`, and nothing else."""
    assert "No operator runs." in make(checkout, "debug")
    operator = None
    try:
        assert "It is up already." in make(checkout, "debug")
        launched = json.loads((ROOT / ".vscode" / "launch.json").read_text())["configurations"][0]
        lines = Path(launched["envFile"].replace("${workspaceFolder}", str(checkout))).read_text().splitlines()
        settings = dict(line.split("=", 1) for line in lines)
        operator = Child(
            "the operator",
            # Other tests may use the ports at the same time.
            [sys.executable, "-m", launched["module"], *launched["args"], "--probe-port=0", "--metrics-port=0"],
            tmp_path / "operator.log",
            settings,
        )
        kubectl = [
            checkout / ".run" / "bin" / "kubectl",
            "--kubeconfig",
            checkout / ".run/stack/kubernetes/admin.kubeconfig",
        ]
        samples = [f"-f{each}" for each in sorted((ROOT / "deploy" / "samples").glob("*.yaml"))]
        subprocess.run([*kubectl, "apply", *samples], check=True, capture_output=True)

        def ready() -> bool:
            assert operator is not None and operator.running, f"it has ended: {operator and operator.tail()}"
            found = subprocess.check_output([*kubectl, "get", "pdisk", "-n", "shop", "-o", "json"])
            conditions = json.loads(found)["items"][0].get("status", {}).get("conditions", [])
            return ("Ready", "True") in {(each["type"], each["status"]) for each in conditions}

        wait_for(ready, "the disk is protected")
        assert operator.stop() == 0, operator.tail()
    finally:
        if operator is not None and operator.running:
            operator.stop()
        make(checkout, "down")
