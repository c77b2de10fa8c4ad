"""Compile programs from Go modules, all in one go, so that what they share is compiled once.

What was compiled stays in Go's own cache: after Ctrl-C the next try goes on from there.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from controlplane import minors
from controlplane.releases import MODULE, PROGRAMS, NotProvidedError, Program, Release

_GO_IS_MISSING = (
    "Go is missing: install Go 1.26 or newer (https://go.dev/dl), then run this again. Without Go: name a mirror of "
    "the makers' downloads with DOWNLOADS=…, or a folder that has the programs with KUBEBUILDER_ASSETS=…."
)
_PROGRESS_SECONDS = 15
# Nobody debugs these programs, and most of them is code of which little runs: without inlining, and without what a
# debugger needs, compiling takes little more than half the time. What an API server spends time in is compiled well.
_QUICKLY, _WELL = "-dwarf=false -l", "-dwarf=false"
_SPENDS_ITS_TIME_IN = (
    *("std", "go.etcd.io/...", "google.golang.org/...", "sigs.k8s.io/...", "github.com/google/cel-go/..."),
    *("k8s.io/apimachinery/...", "k8s.io/apiserver/...", "k8s.io/client-go/tools/...", "k8s.io/klog/..."),
)
_COMPILER = [f"-gcflags=all={_QUICKLY}", *(f"-gcflags={pattern}={_WELL}" for pattern in _SPENDS_ITS_TIME_IN)]
_LAST_CHARACTERS = 4000
_DOWNLOADING = "go: downloading "

Say = Callable[[str], None]


def environment() -> dict[str, str]:
    """Return what go is run with: no C, nothing of a workspace or a repository, and memory for time."""
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-buildvcs=false",
        "GOWORK": "off",
        # Memory for time: the compiler collects garbage only when it has a lot.
        "GOGC": "off",
        "GOMEMLIMIT": "2GiB",
    }


def require_go() -> None:
    """Look for Go.

    Raises:
        NotProvidedError: it is not there.
    """
    if shutil.which("go") is None:
        raise NotProvidedError(_GO_IS_MISSING)


def build(names: Sequence[str], release: Release, folder: Path, say: Say) -> None:
    """Compile programs into a folder.

    Raises:
        NotProvidedError: Go is missing, or could not do it.
    """
    require_go()
    programs = [PROGRAMS[name] for name in names]
    others = [program for program in programs if program.is_kubernetes and not release.is_pinned]
    ours = [program for program in programs if program not in others]
    for some, module in ((ours, MODULE), (others, folder / "module")):
        if some:
            if module != MODULE and not (module / "go.mod").exists():
                module.mkdir(exist_ok=True)
                minors.write_module(module, release.kubernetes, environment())
            _build(some, release, module, folder, say)


def _build(programs: Sequence[Program], release: Release, module: Path, folder: Path, say: Say) -> None:
    flags = [
        "-trimpath",
        f"-mod={'readonly' if module == MODULE else 'mod'}",
        f"-ldflags={_ldflags(release)}",
        *_COMPILER,
    ]
    packages = [program.package for program in programs]
    say(f"compiling {', '.join(program.name for program in programs)} from their Go modules, once")
    progress = _Progress(say)
    progress.expect(_stale(flags, packages, module, progress))
    with tempfile.TemporaryDirectory(dir=folder, prefix=".build-") as built:
        progress.compiling()
        _go(["go", "build", "-v", *flags, "-o", f"{built}/", *packages], module, progress)
        for program in programs:
            # A rename is atomic: a build that is killed leaves no half a program under the final name.
            (Path(built) / _executable(program.package)).rename(folder / program.name)
    progress.done()


def _stale(flags: Sequence[str], packages: Sequence[str], module: Path, progress: _Progress) -> int:
    """Return how many packages are to be compiled; fetches the modules that are missing."""
    lines = _go(
        ["go", "list", "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}", *flags, *packages], module, progress
    )
    return len([line for line in lines if line])


def _go(command: Sequence[str], module: Path, progress: _Progress) -> list[str]:
    """Run go and return the lines that it printed; what it tells on the way goes to the progress."""
    with tempfile.TemporaryFile("w+") as output, progress.ticking(), _started(command, module, output) as running:
        assert running.stderr is not None, "it is a pipe"
        told = []
        try:
            for line in running.stderr:
                if not progress.saw(line.rstrip()):
                    told.append(line)
        except KeyboardInterrupt:
            # A terminal's Ctrl-C reaches it as well; another's signal does not.
            running.send_signal(signal.SIGINT)
            raise
        if running.wait() != 0:
            raise NotProvidedError(_why("".join(told), command[1]))
        output.seek(0)
        return output.read().splitlines()


def _started(command: Sequence[str], module: Path, output: IO[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, cwd=module, env=environment(), stdout=output, stderr=subprocess.PIPE, text=True)


def _why(told: str, verb: str) -> str:
    """Return a sentence for a failure of go."""
    last = told.strip()[-_LAST_CHARACTERS:]
    if "no space left on device" in last:
        return (
            "the disk is full: compiling needs about 6 GiB in Go's caches (`go env GOCACHE GOMODCACHE`); free some, or "
            "set both to another disk."
        )
    if re.search(r"dial tcp|no such host|connection refused|i/o timeout|proxyconnect", last):
        return f"Go's modules cannot be fetched: set GOPROXY to a module proxy that this machine reaches.\n{last}"
    return f"go {verb} failed:\n{last}"


class _Progress:
    """Tells every few seconds how far it is, so that nobody takes it for hung."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._started = time.monotonic()
        self._compiling_since = self._started
        self._modules = self._compiled = self._expected = 0

    def expect(self, packages: int) -> None:
        self._expected = packages

    def compiling(self) -> None:
        self._compiling_since = time.monotonic()
        self._say(f"{self._expected} packages to compile")

    def saw(self, line: str) -> bool:
        """Take a line that go told on the way; return whether it is one that only tells how far it is."""
        if line.startswith(_DOWNLOADING):
            self._modules += 1
            return True
        if re.fullmatch(r"[\w./~+-]+", line):
            self._compiled += 1
            return True
        return False

    def done(self) -> None:
        self._say(f"compiled in {_duration(time.monotonic() - self._started)}")

    @contextmanager
    def ticking(self) -> Iterator[None]:
        finished = threading.Event()

        def tick() -> None:
            while not finished.wait(_PROGRESS_SECONDS):
                self._say(self._how_far())

        ticker = threading.Thread(target=tick, daemon=True)
        ticker.start()
        try:
            yield
        finally:
            finished.set()
            ticker.join()

    def _how_far(self) -> str:
        if not self._expected:
            return f"{self._modules} modules fetched"
        left = self._expected - self._compiled
        if left <= 0:
            return "linking"
        if not self._compiled:
            return f"{left} packages to go"
        seconds = (time.monotonic() - self._compiling_since) / self._compiled * left
        return f"{self._compiled} of {self._expected} packages compiled, about {_duration(seconds)} to go"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _executable(package: str) -> str:
    """Return how go names the program of a package: by its last part that is no major version."""
    return next(part for part in reversed(package.split("/")) if not re.fullmatch(r"v\d+", part))


def _ldflags(release: Release) -> str:
    version = release.kubernetes
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
    stamps = [f"-X {package}.{key}={value}" for package in packages for key, value in facts.items()]
    stamps.append(f"-X helm.sh/helm/v4/internal/version.version={release.versions['helm.sh/helm/v4']}")
    return " ".join(["-s", "-w", *stamps])
