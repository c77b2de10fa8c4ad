"""What a control plane is made of: five programs, of which version each, and where their makers publish them.

Versions are those of go.mod. ``KUBERNETES=1.34`` asks for another minor of Kubernetes; etcd and Helm stay as they are.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MODULE = Path(__file__).resolve().parent
# A release of each minor, besides the one in go.mod, whose modules Go's module proxy had all of on 2026-11-29.
OTHER_MINORS = {
    "1.32": "v1.32.5",
    "1.33": "v1.33.13",
    "1.34": "v1.34.12",
    "1.35": "v1.35.8",
    "1.36": "v1.36.3",
}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class NotProvidedError(RuntimeError):
    """A sentence for a person: which program is not there, why, and how to get it."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program, and where it comes from.

    Attributes:
        name: of its file.
        module: the Go module whose version it has.
        package: what is compiled.
        url: where its maker publishes it; ``{v}`` is the version, ``{arch}`` the architecture as Go names it.
        checksums: where its maker publishes its SHA-256.
        member: its path in the archive, empty if it is published by itself.
        asks_version: by which words it prints its version.
    """

    name: str
    module: str
    package: str
    url: str
    checksums: str
    member: str = ""
    asks_version: tuple[str, ...] = ("--version",)

    @property
    def is_kubernetes(self) -> bool:
        return self.module == "k8s.io/kubernetes"


def _of_kubernetes(name: str, *asks_version: str) -> Program:
    url = f"https://dl.k8s.io/release/{{v}}/bin/linux/{{arch}}/{name}"
    words = asks_version or ("--version",)
    return Program(name, "k8s.io/kubernetes", f"k8s.io/kubernetes/cmd/{name}", url, f"{url}.sha256", "", words)


_ETCD = "https://github.com/etcd-io/etcd/releases/download/{v}"
_HELM = "https://get.helm.sh/helm-{v}-linux-{arch}.tar.gz"
PROGRAMS: Mapping[str, Program] = {
    program.name: program
    for program in (
        _of_kubernetes("kube-apiserver"),
        _of_kubernetes("kube-controller-manager"),
        _of_kubernetes("kubectl", "version", "--client"),
        Program(
            "etcd",
            "go.etcd.io/etcd/server/v3",
            "go.etcd.io/etcd/server/v3",
            f"{_ETCD}/etcd-{{v}}-linux-{{arch}}.tar.gz",
            f"{_ETCD}/SHA256SUMS",
            "etcd-{v}-linux-{arch}/etcd",
        ),
        Program(
            "helm",
            "helm.sh/helm/v4",
            "helm.sh/helm/v4/cmd/helm",
            _HELM,
            f"{_HELM}.sha256sum",
            "linux-{arch}/helm",
            ("version", "--short"),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Release:
    """Which version of each program is asked for.

    Attributes:
        versions: of each module, such as ``v1.37.2``.
    """

    versions: Mapping[str, str]

    @property
    def kubernetes(self) -> str:
        return self.versions["k8s.io/kubernetes"]

    @property
    def is_pinned(self) -> bool:
        """Whether go.mod has this Kubernetes, and not only etcd and Helm."""
        return self.kubernetes == pinned().kubernetes

    def version(self, program: Program) -> str:
        return self.versions[program.module]

    def fits(self, program: Program, version: str) -> bool:
        """Return whether a program of another version does as well: any release of the minor, any Helm 4 and etcd 3."""
        if program.is_kubernetes:
            return minor(version) == minor(self.kubernetes)
        return major(version) == major(self.version(program))


def minor(version: str) -> str:
    """Return ``1.34`` of ``v1.34.2``."""
    return ".".join(version.removeprefix("v").split(".")[:2])


def major(version: str) -> str:
    return version.removeprefix("v").split(".")[0]


def pinned() -> Release:
    """Return the versions of go.mod."""
    text = (MODULE / "go.mod").read_text()
    found = {module: re.search(rf"^\s*{re.escape(module)} (v\S+)", text, re.M) for module in _modules()}
    return Release({module: match[1] for module, match in found.items() if match})


def supported_minors() -> list[str]:
    """Return the minors of Kubernetes that can be asked for, the oldest first."""
    return [*OTHER_MINORS, minor(pinned().kubernetes)]


def chosen(asked: str | None = None) -> Release:
    """Return the versions that are asked for, by ``KUBERNETES`` if by nobody else.

    Raises:
        NotProvidedError: it is no minor that is supported.
    """
    asked = (os.environ.get("KUBERNETES", "") if asked is None else asked).strip().removeprefix("v")
    standard = pinned()
    if not asked or asked in (minor(standard.kubernetes), standard.kubernetes.removeprefix("v")):
        return standard
    version = OTHER_MINORS.get(asked) or f"v{asked}"
    if not re.fullmatch(r"v\d+\.\d+\.\d+", version) or minor(version) not in supported_minors():
        raise NotProvidedError(
            f"KUBERNETES={asked} is none of {', '.join(supported_minors())}: name one of them, or a release of one, "
            f"such as {standard.kubernetes.removeprefix('v')}."
        )
    return Release({**standard.versions, "k8s.io/kubernetes": version})


def architecture() -> str:
    """Return the architecture of this machine as Go names it; its own name where it is none that is published."""
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def cache_root() -> Path:
    """Return the folder that keeps programs between checkouts."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "azdiskbackup" / "controlplane"


def _modules() -> set[str]:
    return {program.module for program in PROGRAMS.values()}
