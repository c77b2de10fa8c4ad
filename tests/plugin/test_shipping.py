"""What `make plugin` makes, for people who have neither this checkout nor its environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from plugin import world
from release import single_file

ROOT = Path(__file__).resolve().parents[2]
# Of a Python that has none of our packages.
PATH = f"{Path(sys.base_prefix) / 'bin'}:/usr/bin:/bin"


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
    clean = {"PATH": PATH, "HOME": str(dist), "XDG_CACHE_HOME": str(dist / "unpacked")}
    return subprocess.run([program, *words], env=clean | more, capture_output=True, text=True, timeout=60)


def test_the_single_file_needs_nothing_but_python(dist: Path, big_cluster: str) -> None:
    assert called(dist, "version").stdout == f"{version('azdiskbackup')}\n"
    done = called(dist, "status", KUBECONFIG=big_cluster, AZDISKBACKUP_NOW=world.NOW.isoformat())
    assert done.returncode == 0, done.stderr
    assert "2000/2000 healthy" in done.stdout


def test_it_asks_azure_by_the_azure_cli(dist: Path, big_cluster: str, tmp_path: Path) -> None:
    """What it leaves out is not missed: neither without a login, nor by what asks."""
    at = {"KUBECONFIG": big_cluster, "AZDISKBACKUP_NOW": world.NOW.isoformat()}
    done = called(dist, "orphans", "-A", **at)
    assert done.returncode == 1 and "The Azure CLI (`az`) is not installed" in done.stderr, done.stderr
    token = json.dumps({"accessToken": "t", "expires_on": 4102444800, "tokenType": "Bearer"})
    (tmp_path / "az").write_text(f"#!/bin/sh\necho '{token}'\n")
    (tmp_path / "az").chmod(0o755)
    nowhere = {"AZDISKBACKUP_RESOURCE_MANAGER_ENDPOINT": "https://127.0.0.1:1", "PATH": f"{tmp_path}:{PATH}"}
    done = called(dist, "orphans", "-A", **at, **nowhere)
    assert done.returncode == 1 and "Azure does not respond" in done.stderr, done.stderr


def test_it_reads_a_kubeconfig_that_names_a_plugin(dist: Path, big_cluster: str, tmp_path: Path) -> None:
    """As that of AKS does."""
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "secret"},
    }  # fmt: skip
    config = yaml.safe_load(Path(big_cluster).read_text())
    words = {"apiVersion": credential["apiVersion"], "command": "echo", "args": [json.dumps(credential)]}
    config["users"][0]["user"] = {"exec": {**words, "interactiveMode": "Never"}}
    (tmp_path / "exec").write_text(yaml.safe_dump(config))
    done = called(dist, "disks", "-n", "shop-0", KUBECONFIG=str(tmp_path / "exec"))
    assert done.returncode == 0 and "data-0" in done.stdout, done.stderr


def test_it_unpacks_itself_once_whoever_else_does(dist: Path, tmp_path: Path) -> None:
    program, words = dist / "kubectl-azdiskbackup", {"PATH": PATH, "XDG_CACHE_HOME": str(tmp_path)}
    both = [subprocess.Popen([program, "version"], env=words, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [each.wait(60) for each in both] == [0, 0]
    (kept,) = (tmp_path / "azdiskbackup" / "kubectl-plugin").iterdir()
    before = kept.stat().st_mtime_ns
    subprocess.run([program, "version"], env=words, check=True, stdout=subprocess.DEVNULL)
    assert list(kept.parent.iterdir()) == [kept] and kept.stat().st_mtime_ns == before
    versions = {found["version"] for path in kept.rglob("*.so") if (found := single_file._COMPILED.search(path.name))}
    assert versions == {"{}{}".format(*sys.version_info[:2])}, "of other Pythons nothing is needed"


def test_where_nothing_can_be_kept_it_works_all_the_same(dist: Path, tmp_path: Path) -> None:
    done = called(dist, "version", XDG_CACHE_HOME="/dev/null", TMPDIR=str(tmp_path))
    assert done.stdout == f"{version('azdiskbackup')}\n", done.stderr
    assert not list(tmp_path.iterdir())


def test_another_python_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    with pytest.raises(SystemExit, match=r"runs on Python 3\.11 to 3\.14, and python3 here is 3\.10\."):
        single_file.main()


def test_it_completes_under_the_name_that_kubectl_looks_for(dist: Path) -> None:
    done = called(dist, "explain", "WaitingForP", name="kubectl_complete-azdiskbackup")
    assert done.stdout.splitlines()[-1] == ":4" and "WaitingForPermissions" in done.stdout, done.stderr


def test_its_help_names_the_commands(dist: Path) -> None:
    assert "restore-points" in called(dist, "--help").stdout


def test_a_wheel_is_there(dist: Path) -> None:
    assert [each.name for each in dist.glob("*.whl")] == [f"azdiskbackup-{version('azdiskbackup')}-py3-none-any.whl"]
