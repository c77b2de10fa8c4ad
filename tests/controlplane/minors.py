"""Another minor of Kubernetes than the one in go.mod: a Go module for it, made from Kubernetes' own go.mod."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from controlplane.releases import NotProvidedError

_STAGING = re.compile(r"^\s*(k8s\.io/\S+) => \./staging/\S+$", re.M)


def write_module(folder: Path, version: str, environment: dict[str, str]) -> None:
    """Write a module that builds a release of Kubernetes; its go.sum follows while it is built.

    Args:
        folder: where go.mod is to be.
        version: of Kubernetes, such as ``v1.34.4``.
        environment: of go.

    Raises:
        NotProvidedError: the module proxy does not have that release.
    """
    done = subprocess.run(
        ["go", "mod", "download", "-json", f"k8s.io/kubernetes@{version}"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    told = json.loads(done.stdout or "{}")
    if done.returncode != 0 or "GoMod" not in told:
        raise NotProvidedError(
            f"Go's module proxy has no Kubernetes {version}: {told.get('Error') or done.stderr.strip()}"
        )
    (folder / "go.mod").write_text(module_of(Path(told["GoMod"]).read_text(), version))


def module_of(theirs: str, version: str) -> str:
    """Return our go.mod from Kubernetes' own: it names what it needs, and its staging modules by their folders."""
    staged = f"v0.{version.partition('.')[2]}"
    replaced = _STAGING.sub(rf"\t\1 => \1 {staged}", theirs)
    renamed = re.sub(r"^module k8s\.io/kubernetes$", "module azdiskbackup.io/controlplane", replaced, flags=re.M)
    return f"{renamed}\nrequire k8s.io/kubernetes {version}\n"
