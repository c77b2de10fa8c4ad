"""The manifest by which `kubectl krew` installs the command."""

from __future__ import annotations

import hashlib
from pathlib import Path

import yaml

from release import plugin


def manifest(out: Path, number: str, repository: str) -> str:
    """Return the manifest.

    Args:
        out: the folder with the archives of the command.
        number: the version.
        repository: the address of the repository that has the release.
    """
    platforms = []
    for path in sorted(out.glob("kubectl-azdiskbackup-*.tar.gz")):
        system, _, machine = path.name.removeprefix("kubectl-azdiskbackup-").removesuffix(".tar.gz").partition("-")
        platforms.append(
            {
                "selector": {"matchLabels": {"os": system, "arch": machine}},
                "uri": f"{repository}/releases/download/v{number}/{path.name}",
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "bin": "kubectl-azdiskbackup",
                "files": [{"from": each, "to": "."} for each in ("kubectl-azdiskbackup", "LICENSE")],
            }
        )
    manifest = {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "azdiskbackup"},
        "spec": {
            "version": f"v{number}",
            "homepage": repository,
            "shortDescription": "Shows and restores the backups of persistent volumes",
            "description": (
                "Shows which PVCs Azure Backup protects, what failed and why, and restores them.\n"
                "Needs the operator azdiskbackup in the cluster, and Python "
                f"{plugin.PYTHONS[0]} to {plugin.PYTHONS[-1]} on this machine.\n"
            ),
            "platforms": platforms,
        },
    }
    return yaml.safe_dump(manifest, sort_keys=False)
