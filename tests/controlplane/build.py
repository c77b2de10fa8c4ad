"""Build etcd, kube-apiserver, kube-controller-manager and kubectl from the Go modules pinned here, once.

The binaries go into a cache folder outside the tree, under a hash of everything that decides their content, so that a
clean checkout does not build again. `KUBEBUILDER_ASSETS`, when set, is used instead and nothing is built.

    python -m controlplane.build        prints the folder with the binaries
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MODULE = Path(__file__).resolve().parent
TOOLS = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
PROGRESS_SECONDS = 15


class CannotBuildError(RuntimeError):
    """A sentence for a person: what is missing and how to get it."""


def binaries() -> Path:
    """Return the folder that holds the four binaries, building them first where no cache has them."""
    given = os.environ.get("KUBEBUILDER_ASSETS")
    if given:
        missing = [name for name in TOOLS if not (Path(given) / name).exists()]
        if missing:
            raise CannotBuildError(
                f"KUBEBUILDER_ASSETS={given} has no {', '.join(missing)}: add them, or unset it to build them."
            )
        return Path(given)
    folder = cache_root() / _fingerprint()
    if all((folder / name).exists() for name in TOOLS):
        return folder
    if shutil.which("go") is None:
        raise CannotBuildError("Go is missing: install Go 1.26 or newer (https://go.dev/dl), then run this again.")
    folder.mkdir(parents=True, exist_ok=True)
    _say(f"building the Kubernetes control plane once into {folder} (about six minutes on two cores)")
    for number, (name, package) in enumerate(TOOLS.items(), start=1):
        if not (folder / name).exists():
            _build(name, package, folder, f"{number}/{len(TOOLS)}")
    return folder


def cache_root() -> Path:
    """Return the folder that keeps built binaries between checkouts."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "azdiskbackup" / "controlplane"


def kubernetes_version() -> str:
    """Return the pinned version of Kubernetes, such as ``v1.36.3``."""
    match = re.search(r"k8s\.io/kubernetes (v\S+)", (MODULE / "go.mod").read_text())
    assert match is not None
    return match.group(1)


def _ldflags() -> str:
    version = kubernetes_version()
    major, minor, _ = version.removeprefix("v").split(".")
    facts = {
        "gitVersion": version,
        "gitMajor": major,
        "gitMinor": minor,
        # Only the shape matters (40 hex digits): the modules carry no commit.
        "gitCommit": hashlib.sha1(version.encode(), usedforsecurity=False).hexdigest(),
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(["-s", "-w", *(f"-X {p}.{k}={v}" for p in packages for k, v in facts.items())])


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for part in ("go.mod", "go.sum"):
        digest.update((MODULE / part).read_bytes())
    digest.update(_ldflags().encode())
    return digest.hexdigest()[:16]


def _build(name: str, package: str, folder: Path, position: str) -> None:
    partial = folder / f".{name}.{os.getpid()}"
    command = ["go", "build", "-trimpath", f"-ldflags={_ldflags()}", "-o", str(partial), package]
    with ticking(f"[{position}] {name}"):
        done = subprocess.run(
            command,
            cwd=MODULE,
            env={
                **os.environ,
                "CGO_ENABLED": "0",
                "GOFLAGS": "-mod=readonly -buildvcs=false",
                "GOWORK": "off",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise CannotBuildError(f"go could not build {name}:\n{done.stderr.strip()[-4000:]}")
    # A rename is atomic: a build that is killed leaves no half a binary under the final name.
    partial.rename(folder / name)


@contextmanager
def ticking(what: str) -> Iterator[None]:
    """Print a line at the start, one every few seconds and one at the end, so that nobody takes it for hung."""
    started = time.monotonic()
    finished = threading.Event()

    def tick() -> None:
        while not finished.wait(PROGRESS_SECONDS):
            _say(f"{what}: still compiling after {time.monotonic() - started:.0f} s")

    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    _say(f"{what}: compiling")
    try:
        yield
    finally:
        finished.set()
        ticker.join()
    _say(f"{what}: done in {time.monotonic() - started:.0f} s")


def _say(line: str) -> None:
    print(f"control plane: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        print(binaries())
    except CannotBuildError as error:
        sys.exit(f"control plane: {error}")
