"""Build the command-line tools that the tests need from their Go modules, once, each pinned here.

python -m controlplane.tools NAME        prints where the tool is
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from controlplane.build import CannotBuildError, cache_root, ticking

# What `go install` is given; the version is part of the name under which the binary is kept.
TOOLS = {
    "helm": "helm.sh/helm/v4/cmd/helm@v4.3.1",
    "helm3": "helm.sh/helm/v3/cmd/helm@v3.22.0",
    "helm-docs": "github.com/norwoodj/helm-docs/cmd/helm-docs@v1.14.2",
    "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0",
    "kube-score": "github.com/zegl/kube-score/cmd/kube-score@v1.20.0",
}


def tool(name: str) -> Path:
    """Return where a tool is, building it first where no cache has it."""
    package = TOOLS[name]
    built = package.rpartition("/")[2].partition("@")[0]
    version = package.partition("@")[2]
    target = cache_root().parent / "tools" / f"{name}-{version}"
    if target.exists():
        return target
    if shutil.which("go") is None:
        raise CannotBuildError("Go is missing: install Go 1.26 or newer (https://go.dev/dl), then run this again.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder, ticking(f"{name} {version}"):
        done = subprocess.run(
            ["go", "install", "-trimpath", "-ldflags=-s -w", package],
            env={**os.environ, "GOBIN": folder, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-buildvcs=false"},
            # No go.mod must be found on the way up.
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise CannotBuildError(f"go could not build {name}:\n{done.stderr.strip()[-4000:]}")
        # A rename is atomic: a build that is killed leaves no half a binary under the final name.
        (Path(folder) / built).rename(target)
    return target


if __name__ == "__main__":
    try:
        for each in sys.argv[1:] or TOOLS:
            print(tool(each))
    except CannotBuildError as error:
        sys.exit(f"control plane: {error}")
