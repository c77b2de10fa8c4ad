"""Compile the command-line tools that the tests need from their Go modules, once, each pinned here.

python -m controlplane.tools NAME        prints where the tool is
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from controlplane.binaries import program
from controlplane.build import environment, require_go
from controlplane.releases import PROGRAMS, NotProvidedError, cache_root

# What `go install` is given; the version is part of the name under which the binary is kept.
TOOLS = {
    "helm3": "helm.sh/helm/v3/cmd/helm@v3.22.0",
    "helm-docs": "github.com/norwoodj/helm-docs/cmd/helm-docs@v1.14.2",
    "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0",
    "actionlint": "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12",
    "kube-score": "github.com/zegl/kube-score/cmd/kube-score@v1.20.0",
}


def tool(name: str) -> Path:
    """Return where a tool is, compiling it first where no cache has it; programs of the control plane are tools, too.

    Raises:
        NotProvidedError: it is not there, and cannot be compiled.
    """
    if name in PROGRAMS:
        return program(name)
    package = TOOLS[name]
    built = package.rpartition("/")[2].partition("@")[0]
    version = package.partition("@")[2]
    target = cache_root().parent / "tools" / f"{name}-{version}"
    if target.exists():
        return target
    require_go()
    target.parent.mkdir(parents=True, exist_ok=True)
    print(f"tools: compiling {name} {version} from its Go module, once", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        done = subprocess.run(
            ["go", "install", "-trimpath", "-ldflags=-s -w", package],
            env={**environment(), "GOBIN": folder},
            # No go.mod must be found on the way up.
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise NotProvidedError(f"go could not compile {name}:\n{done.stderr.strip()[-4000:]}")
        # A rename is atomic: a build that is killed leaves no half a binary under the final name.
        (Path(folder) / built).rename(target)
    return target


if __name__ == "__main__":
    try:
        for each in sys.argv[1:] or TOOLS:
            print(tool(each))
    except NotProvidedError as error:
        sys.exit(f"tools: {error}")
