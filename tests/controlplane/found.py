"""Programs that are on this machine already: in the folder that KUBEBUILDER_ASSETS names, and on the PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from controlplane.releases import PROGRAMS, NotProvidedError, Program, Release, chosen, minor

_VERSION = re.compile(r"\bv?(\d+\.\d+\.\d+)")
_ANSWERS_WITHIN_SECONDS = 5


def in_assets() -> tuple[Release, dict[str, Path]]:
    """Return which versions are asked for, and the programs of the folder in KUBEBUILDER_ASSETS; none without it.

    Its kube-apiserver says which Kubernetes is meant. What the folder does not have comes from elsewhere: the usual
    one, of envtest, has neither controllers nor Helm.

    Raises:
        NotProvidedError: the folder is not what it should be.
    """
    given = os.environ.get("KUBEBUILDER_ASSETS")
    if not given:
        return chosen(), {}
    folder = Path(given)
    found = {name: folder / name for name in PROGRAMS if (folder / name).is_file()}
    if "kube-apiserver" not in found:
        raise NotProvidedError(
            f"KUBEBUILDER_ASSETS={given} has no kube-apiserver: name a folder as `setup-envtest use -p path` "
            "prints it, or unset it."
        )
    version = version_of(PROGRAMS["kube-apiserver"], found["kube-apiserver"])
    if version is None:
        raise NotProvidedError(
            f"{found['kube-apiserver']} does not run on this machine: correct KUBEBUILDER_ASSETS, or unset it."
        )
    asked = os.environ.get("KUBERNETES")
    release = chosen(asked) if asked else chosen(version)
    for name, path in found.items():
        has = version_of(PROGRAMS[name], path)
        if has is None or not release.fits(PROGRAMS[name], has):
            raise NotProvidedError(
                f"{path} is of version {has or 'unknown'}, and does not fit Kubernetes {minor(release.kubernetes)}: "
                "correct KUBEBUILDER_ASSETS or KUBERNETES, or unset them."
            )
    return release, found


def on_path(names: Iterable[str], release: Release) -> dict[str, Path]:
    """Return those programs of the PATH that are of a fitting version."""
    found = {}
    for name in names:
        place = shutil.which(name)
        if place is None:
            continue
        version = version_of(PROGRAMS[name], Path(place))
        if version is not None and release.fits(PROGRAMS[name], version):
            found[name] = Path(place)
    return found


def version_of(program: Program, path: Path) -> str | None:
    """Return the version that a program prints; None if it does not run, or prints none."""
    try:
        done = subprocess.run(
            [path, *program.asks_version],
            capture_output=True,
            text=True,
            timeout=_ANSWERS_WITHIN_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(done.stdout)
    return match[1] if match and done.returncode == 0 else None
