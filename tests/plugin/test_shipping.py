"""What `make plugin` makes, for people who have neither this checkout nor its environment."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from plugin import world

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "-s", "plugin", f"DIST={folder}"], cwd=ROOT, env=clean, capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def called(
    dist: Path, *words: str, name: str = "kubectl-azdiskbackup", **more: str
) -> subprocess.CompletedProcess[str]:
    """Call the single file with a Python that has none of our packages."""
    program = dist / name
    if not program.exists():
        program.symlink_to(dist / "kubectl-azdiskbackup")
    python = str(Path(sys.base_prefix) / "bin")
    clean = {"PATH": f"{python}:/usr/bin:/bin", "HOME": str(dist), "SHIV_ROOT": str(dist / "unpacked")}
    return subprocess.run([program, *words], env=clean | more, capture_output=True, text=True, timeout=60)


def test_the_single_file_needs_nothing_but_python(dist: Path, big_cluster: str) -> None:
    assert called(dist, "version").stdout == f"{version('azdiskbackup')}\n"
    done = called(dist, "status", KUBECONFIG=big_cluster, AZDISKBACKUP_NOW=world.NOW.isoformat())
    assert done.returncode == 0, done.stderr
    assert "2000/2000 healthy" in done.stdout


def test_it_completes_under_the_name_that_kubectl_looks_for(dist: Path) -> None:
    done = called(dist, "explain", "WaitingForP", name="kubectl_complete-azdiskbackup")
    assert done.stdout.splitlines()[-1] == ":4" and "WaitingForPermissions" in done.stdout, done.stderr


def test_its_help_names_the_commands(dist: Path) -> None:
    assert "restore-points" in called(dist, "--help").stdout


def test_a_wheel_is_there(dist: Path) -> None:
    assert [each.name for each in dist.glob("*.whl")] == [f"azdiskbackup-{version('azdiskbackup')}-py3-none-any.whl"]
