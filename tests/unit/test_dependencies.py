"""What is imported directly is declared, in the group that installs it where it is imported."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = {path.name for path in (ROOT / "tests").iterdir()} | {"azdiskbackup"}
# Namespaces that several distributions share: by the package below them.
SHARED = {"azure"}


def _imports(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (each.name for each in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield node.module


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


_INSTALLED = packages_distributions()


@cache
def _folders(name: str) -> frozenset[str]:
    return frozenset(str(file.parent) for file in distribution(name).files or ())


def _distributions(module: str) -> set[str]:
    top = module.split(".")[0]
    found = {_normal(each) for each in _INSTALLED.get(top, [])}
    if top not in SHARED:
        return found
    folder = module.replace(".", "/")
    return {each for each in found if _folders(each) & {folder, folder.rpartition("/")[0]}}


def _declared(*groups: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lists = {
        "run": project["project"]["dependencies"],
        **project["project"]["optional-dependencies"],
        **project["dependency-groups"],
    }
    named = [line for group in groups for line in lists[group] if isinstance(line, str)]
    return {_normal(re.split(r"[\[<>=~! ;]", line)[0]) for line in named}


@pytest.mark.parametrize(
    ("folder", "groups"),
    [("operator", ("run", "cli")), ("tests", ("run", "cli", "demo", "dev", "bench"))],
)
def test_every_direct_import_is_declared(folder: str, groups: tuple[str, ...]) -> None:
    declared = _declared(*groups)
    missing = {
        module
        for module in set(_imports(ROOT / folder))
        if module.split(".")[0] not in sys.stdlib_module_names | OURS
        # One that is not installed belongs to a group that only some targets install.
        and (found := _distributions(module))
        and not found & declared
    }
    assert not missing


def test_helm_waits_for_nothing_that_only_the_operator_needs() -> None:
    """Each installation waits for `check`, and each uninstallation for `release`."""
    modules = "azdiskbackup.cli, azdiskbackup.azure.client.preflight, azdiskbackup.app.uninstall"
    program = f"import sys, {modules}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "azdiskbackup.cli" in loaded
    assert not {"kopf", "azdiskbackup.engine", "azdiskbackup.reconcilers"} & set(loaded)
