"""Where the programs of the control plane come from, and what is said when they cannot be had."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from controlplane import binaries, build
from controlplane.found import in_assets
from controlplane.minors import module_of
from controlplane.releases import (
    PROGRAMS,
    NotProvidedError,
    Release,
    cache_root,
    chosen,
    minor,
    pinned,
    supported_minors,
)

KUBERNETES = pinned().kubernetes.removeprefix("v")
_SAYS = {
    "etcd": "etcd Version: 3.6.1",
    "kube-apiserver": "Kubernetes v{kubernetes}",
    "kube-controller-manager": "Kubernetes v{kubernetes}",
    "kubectl": "Client Version: v{kubernetes}",
    "helm": "v4.0.5+g12345",
}


def install(folder: Path, *names: str, kubernetes: str = KUBERNETES) -> Path:
    """Put programs into a folder that say of which version they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{_SAYS[name].format(kubernetes=kubernetes)}'\n")
        program.chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def _nothing_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KUBEBUILDER_ASSETS", "KUBERNETES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOWNLOADS", "no")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # Neither Go nor anything else is on the PATH.
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def provided() -> dict[str, Path]:
    return dict(binaries.programs.__wrapped__())


def test_what_fits_on_the_path_is_used(tmp_path: Path) -> None:
    install(tmp_path / "bin", *PROGRAMS)
    assert provided() == {name: tmp_path / "bin" / name for name in PROGRAMS}


def test_what_does_not_fit_on_the_path_is_not_used(tmp_path: Path) -> None:
    install(tmp_path / "bin", *PROGRAMS)
    install(tmp_path / "bin", "kubectl", kubernetes="1.29.3")
    with pytest.raises(NotProvidedError, match=r"Go is missing: install Go 1\.26 or newer"):
        provided()


def test_a_program_that_does_not_run_here_is_not_used(tmp_path: Path) -> None:
    install(tmp_path / "bin", *PROGRAMS)
    (tmp_path / "bin" / "helm").write_bytes(b"\x7fELF of another machine")
    with pytest.raises(NotProvidedError, match="DOWNLOADS"):
        provided()


def test_the_cache_comes_after_the_path(tmp_path: Path) -> None:
    install(tmp_path / "bin", "helm")
    folder = install(cache_root() / binaries._fingerprint(pinned()), *PROGRAMS)
    assert provided() == {name: folder / name for name in PROGRAMS} | {"helm": tmp_path / "bin" / "helm"}


def test_assets_come_first_and_the_rest_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual folder, of envtest, has neither controllers nor Helm, and says by itself which Kubernetes is meant."""
    assets = install(tmp_path / "assets", "etcd", "kube-apiserver", "kubectl", kubernetes="1.34.7")
    install(tmp_path / "bin", *PROGRAMS)
    install(tmp_path / "bin", "kube-controller-manager", kubernetes="1.34.2")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    assert provided() == {name: tmp_path / "bin" / name for name in PROGRAMS} | {
        name: assets / name for name in ("etcd", "kube-apiserver", "kubectl")
    }
    assert binaries.kubernetes_version() == "v1.34.7"


@pytest.mark.parametrize(
    ("there", "version", "asked", "why"),
    [
        ((), KUBERNETES, "", "has no kube-apiserver: name a folder as `setup-envtest use -p path` prints"),
        (("kube-apiserver",), "1.29.3", "", "KUBERNETES=1.29.3 is none of 1.32"),
        (("kube-apiserver",), "1.33.1", "1.34", "does not fit Kubernetes 1.34: correct"),
    ],
)
def test_wrong_assets_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], version: str, asked: str, why: str
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(install(tmp_path / "assets", *there, kubernetes=version)))
    monkeypatch.setenv("KUBERNETES", asked)
    with pytest.raises(NotProvidedError, match=why):
        in_assets()


def test_assets_of_another_machine_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assets = install(tmp_path / "assets", "kube-apiserver")
    (assets / "kube-apiserver").write_bytes(b"\xcf\xfa\xed\xfe")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    with pytest.raises(NotProvidedError, match="does not run on this machine"):
        in_assets()


def test_another_minor_can_be_asked_for() -> None:
    assert minor(chosen("1.34").kubernetes) == "1.34" and chosen("v1.34.2").kubernetes == "v1.34.2"
    assert chosen("") == pinned() and chosen(supported_minors()[-1]) == pinned()
    assert chosen("1.34").versions["helm.sh/helm/v4"] == pinned().versions["helm.sh/helm/v4"]
    for asked in ("1.31", "1.99", "newest", "1", "1.34.x"):
        with pytest.raises(NotProvidedError, match=f"KUBERNETES={asked} is none of 1.32"):
            chosen(asked)


def test_the_module_of_another_minor_names_its_staging_modules_by_version() -> None:
    theirs = "module k8s.io/kubernetes\n\ngo 1.24.0\n\nreplace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n)\n"
    assert module_of(theirs, "v1.34.4") == (
        "module azdiskbackup.io/controlplane\n\ngo 1.24.0\n\nreplace (\n\tk8s.io/api => k8s.io/api v0.34.4\n)\n\n"
        "require k8s.io/kubernetes v1.34.4\n"
    )


@pytest.mark.parametrize(
    ("code", "why"),
    [(errno.ENOSPC, "is full: free some"), (errno.EROFS, "cannot be written to"), (errno.EACCES, "cannot be written")],
)
def test_a_cache_that_cannot_be_written_to_is_said(monkeypatch: pytest.MonkeyPatch, code: int, why: str) -> None:
    def mkdir(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(NotProvidedError, match=f"{why}.*XDG_CACHE_HOME"):
        provided()


def test_two_at_once_fetch_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The second one waits, and finds what the first one left."""
    folder = cache_root() / binaries._fingerprint(pinned())
    script = "from controlplane import binaries\nbinaries._provide = lambda *_: exit('fetched twice')\n"
    other: list[subprocess.Popen[str]] = []

    def provide(missing: list[str], release: Release, into: Path) -> None:
        command = [sys.executable, "-c", f"{script}print(len(binaries.programs()))"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        other.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        assert other[0].stderr is not None
        assert "another process fetches" in other[0].stderr.readline()
        install(into, *missing)

    monkeypatch.setattr(binaries, "_provide", provide)
    assert provided() == {name: folder / name for name in PROGRAMS}
    assert other[0].communicate(timeout=60)[0].strip() == str(len(PROGRAMS))


def test_what_a_killed_one_left_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = cache_root() / binaries._fingerprint(pinned())
    (folder / ".build-abc").mkdir(parents=True)
    (folder / ".kubectl.77.part").write_text("half")
    with pytest.raises(NotProvidedError):
        provided()
    assert [path.name for path in folder.iterdir()] == [".lock"]


GO = """#!/bin/sh
case "$1" in
  list) echo 'go: downloading example.com/a v1' >&2; printf 'a\\nb\\n\\nc/d\\n';;
  build) {build} ;;
esac
"""


@pytest.fixture
def go(tmp_path: Path) -> Callable[[str], None]:
    def installed(build: str) -> None:
        program = install(tmp_path / "bin") / "go"
        program.write_text(GO.format(build=build))
        program.chmod(0o755)
        for name in ("mkdir", "touch"):
            (tmp_path / "bin" / name).symlink_to(str(shutil.which(name, path="/usr/bin:/bin")))

    return installed


# What go leaves for `-o folder/`.
_COMPILES = (
    'while [ "$1" != -o ]; do shift; done; '
    'for p in server helm kube-apiserver kube-controller-manager kubectl; do touch "$2/$p"; done; echo a >&2'
)


def test_what_is_missing_is_compiled_in_one_go(go: Callable[[str], None], capfd: pytest.CaptureFixture[str]) -> None:
    go(_COMPILES)
    folder = cache_root() / binaries._fingerprint(pinned())
    assert provided() == {name: folder / name for name in PROGRAMS}
    told = capfd.readouterr().err
    assert (
        told.count("compiling etcd") + told.count("compiling kube-apiserver") == 1 and "3 packages to compile" in told
    )


@pytest.mark.parametrize(
    ("printed", "why"),
    [
        ("write /tmp/x: no space left on device", "the disk is full: compiling needs"),
        ('Get "https://proxy.golang.org/x": dial tcp: lookup proxy.golang.org: no such host', "set GOPROXY"),
        ("# example.com/a\n./a.go:1: undefined: b", "go build failed:\n# example.com/a"),
    ],
)
def test_why_nothing_could_be_compiled_is_said(go: Callable[[str], None], printed: str, why: str) -> None:
    go(f"printf '%s\\n' '{printed}' >&2; exit 1")
    with pytest.raises(NotProvidedError, match=why):
        provided()


def test_how_far_it_is_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    progress = build._Progress(said.append)
    assert progress.saw("go: downloading example.com/a v1") and not progress.saw("# example.com/a: error")
    assert progress._how_far() == "1 modules fetched"
    progress.expect(4)
    progress.compiling()
    assert progress._how_far() == "4 packages to go"
    assert progress.saw("k8s.io/api/core/v1")
    assert progress._how_far().startswith("1 of 4 packages compiled, about ")
    for _ in range(3):
        progress.saw("k8s.io/api/core/v1")
    assert progress._how_far() == "linking"
