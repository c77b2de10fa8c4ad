"""Where the programs of the control plane are: found, kept from before, downloaded or compiled, in this order.

What is downloaded or compiled goes into a cache folder outside the tree, so that a clean checkout does without.

    python -m controlplane.binaries        prints where each program is
"""

from __future__ import annotations

import errno
import fcntl
import functools
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from controlplane import found
from controlplane.build import build
from controlplane.download import Downloads
from controlplane.releases import MODULE, PROGRAMS, NotProvidedError, Release, cache_root


def program(name: str) -> Path:
    """Return where a program is: etcd, kube-apiserver, kube-controller-manager, kubectl or helm.

    Raises:
        NotProvidedError: it is not there, and cannot be had.
    """
    return programs()[name]


@functools.cache
def programs() -> Mapping[str, Path]:
    """Return where each program is, after having fetched what is missing.

    Raises:
        NotProvidedError: some are not there, and cannot be had.
    """
    if sys.platform != "linux":
        raise NotProvidedError(
            f"this needs Linux, and not {sys.platform}: run it in a virtual machine with Linux, or in a container."
        )
    release, there = found.in_assets()
    there |= found.on_path(PROGRAMS.keys() - there.keys(), release)
    folder = cache_root() / _fingerprint(release)
    there |= _kept(folder, there)
    if there.keys() != PROGRAMS.keys():
        with _alone_in(folder):
            # Another one may have been faster.
            there |= _kept(folder, there)
            missing = [name for name in PROGRAMS if name not in there]
            if missing:
                _provide(missing, release, folder)
        there |= _kept(folder, there)
    return there


def kubernetes_version() -> str:
    """Return the version of Kubernetes that runs here, such as ``v1.37.2``."""
    return found.in_assets()[0].kubernetes


def _provide(missing: list[str], release: Release, folder: Path) -> None:
    for left_over in (*folder.glob(".*.part"), *folder.glob(".build-*")):
        # Of one that was killed.
        left_over.unlink() if left_over.is_file() else shutil.rmtree(left_over)
    downloaded = Downloads(_say).fetch(missing, release, folder)
    left = [name for name in missing if name not in downloaded]
    if left:
        build(left, release, folder, _say)


def _kept(folder: Path, there: Mapping[str, Path]) -> dict[str, Path]:
    return {name: folder / name for name in PROGRAMS if name not in there and (folder / name).exists()}


def _fingerprint(release: Release) -> str:
    """Return a name for the versions of what is in the folder: how it was compiled makes no other program."""
    digest = hashlib.sha256(release.kubernetes.encode())
    for part in ("go.mod", "go.sum"):
        digest.update((MODULE / part).read_bytes())
    return f"{release.kubernetes}-{digest.hexdigest()[:12]}"


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder of the cache: two that fetch the same at the same time would only hinder each other.

    Raises:
        NotProvidedError: nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise NotProvidedError(_cannot_write(folder, error)) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another process fetches or compiles them: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        except OSError as error:
            raise NotProvidedError(_cannot_write(folder, error)) from error


def _cannot_write(folder: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"the disk of {folder} is full: free some, or name a folder on another one with XDG_CACHE_HOME=…"
    return f"{folder} cannot be written to ({error.strerror}): name another cache folder with XDG_CACHE_HOME=…"


def _say(line: str) -> None:
    print(f"control plane: {line}", file=sys.stderr, flush=True)


def main() -> int:
    """Print where each program is; return the exit code."""
    try:
        for name, path in programs().items():
            print(f"{name} {path}")
    except NotProvidedError as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        _say("stopped; what is compiled is kept, so that the next try goes on from here")
        sys.stderr.flush()
        # A download that goes on in a thread would be waited for.
        os._exit(130)
    return 0


if __name__ == "__main__":
    sys.exit(main())
