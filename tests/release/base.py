"""Base images from Debian's packages, where no registry can be reached: one to build in, one to run in.

The second is like a distroless image: Python, its libraries, certificates and nothing else, no shell and no package
manager. Both are kept in the cache; delete the folder to have newer packages.
"""

from __future__ import annotations

import hashlib
import io
import py_compile
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from controlplane.releases import NotProvidedError, cache_root

SUITE = "bookworm"
BUILDER_PACKAGES = ("python3", "python3-pip", "ca-certificates")
RUNTIME_PACKAGES = ("python3", "ca-certificates", "base-files", "netbase")
USER = 65532

# What the packages have besides what a process of Python needs. What scanners go by is kept: dpkg's status.
_LEFT_OUT = re.compile(
    r"""
      (usr/)?s?bin/(?!python3) | usr/(sbin|games|include|libexec|local|src)/ | usr/share/(?!ca-certificates/)
    | usr/lib/(x86_64-linux-gnu|aarch64-linux-gnu)/(perl|perl-base|gconv)/
    | usr/lib/(apt|dpkg|mime|python3|systemd|tmpfiles.d|valgrind|binfmt.d|sasl2)/ | lib/(systemd|init|udev)/
    | usr/lib/python3\.\d+/(ensurepip|idlelib|lib2to3|pydoc_data|test|tkinter|turtledemo|venv|__pycache__)/
    | etc/(apt|cron|default|dpkg|init\.d|kernel|logrotate|perl|update-motd|systemd|skel|python3)
    | var/(?!lib/dpkg/(status|arch)$) | (boot|home|media|mnt|opt|srv|root|run|sys|proc|dev)/
    """,
    re.VERBOSE,
)
_CERTIFICATES = "usr/share/ca-certificates/"
_OWN_FILES = {
    "etc/passwd": f"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:/tmp:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nnonroot:x:{USER}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


Say = Callable[[str], None]


def builder(architecture: str, say: Say) -> Path:
    """Return an archive with a small Debian that has pip.

    Raises:
        NotProvidedError: mmdebstrap is missing, or failed.
    """

    def make(target: Path) -> None:
        _bootstrap("minbase", BUILDER_PACKAGES, architecture, target)

    return _kept("build", architecture, make, say)


def runtime(architecture: str, say: Say) -> Path:
    """Return an archive with Python and what it needs, and nothing else.

    Raises:
        NotProvidedError: mmdebstrap is missing, or failed.
    """

    def make(target: Path) -> None:
        whole = target.with_suffix(".whole")
        _bootstrap("extract", RUNTIME_PACKAGES, architecture, whole)
        _filter(whole, target)

    return _kept("run", architecture, make, say)


def _kept(name: str, architecture: str, make: Callable[[Path], None], say: Say) -> Path:
    # The one in which is built depends on less than the other.
    decides = hashlib.sha256(" ".join(BUILDER_PACKAGES).encode() if name == "build" else Path(__file__).read_bytes())
    recipe = decides.hexdigest()[:12]
    target = cache_root().parent / "image" / f"{name}-{SUITE}-{architecture}-{recipe}.tar"
    if not target.exists():
        say(f"making {target.name} from Debian's packages, once")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            made = Path(folder) / "base.tar"
            make(made)
            made.rename(target)
    return target


def _bootstrap(variant: str, packages: tuple[str, ...], architecture: str, target: Path) -> None:
    if shutil.which("mmdebstrap") is None:
        raise NotProvidedError(
            "no registry answers, and mmdebstrap, which makes a base image of Debian's packages, is missing: install "
            "it (Debian: apt-get install mmdebstrap), or name base images with BUILDER=… and RUNTIME=…"
        )
    words = [f"--variant={variant}", f"--include={','.join(packages)}", f"--architectures={architecture}"]
    # What is unpacked only is not run, so that its processor does not matter.
    words += ["--skip=check/qemu"] if variant == "extract" else []
    command = ["mmdebstrap", "--quiet", "--format=tar", *words, SUITE, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotProvidedError(f"mmdebstrap failed:\n{done.stderr.strip()[-2000:]}")


def _filter(whole: Path, target: Path) -> None:
    """Copy what is needed of an archive, in an order and with times that depend on nothing."""
    certificates = []
    with tarfile.open(whole) as packed, tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as slim:
        for member in sorted(packed, key=lambda each: each.name):
            name = member.name.removeprefix("./")
            content = packed.extractfile(member) if member.isfile() else None
            if name.startswith(_CERTIFICATES):
                certificates.append(content.read() if content else b"")
            elif name not in ("", ".") and not _LEFT_OUT.match(f"{name}/" if member.isdir() else name):
                _add(slim, member, content)
                if member.isfile() and name.endswith(".py") and (compiled := _compiled(packed, member)):
                    _own(slim, *compiled)
        _own(slim, "etc/ssl/certs/ca-certificates.crt", b"".join(certificates))
        for name, text in _OWN_FILES.items():
            _own(slim, name, text.encode())
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        _add(slim, folder, None)


def _compiled(packed: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[str, bytes] | None:
    """Return where Python looks for a module that is compiled, and its content; None if it is another Python's.

    Debian compiles while it installs a package, and here it is only unpacked: each start would compile its modules.
    """
    folder, _, file = member.name.removeprefix("./").rpartition("/")
    source = packed.extractfile(member)
    if f"usr/lib/python{sys.version_info[0]}.{sys.version_info[1]}/" not in f"{folder}/" or source is None:
        return None
    with tempfile.TemporaryDirectory() as place:
        module = Path(place) / file
        module.write_bytes(source.read())
        by_content = py_compile.PycInvalidationMode.UNCHECKED_HASH
        try:
            py_compile.compile(
                str(module), f"{module}c", f"/{folder}/{file}", doraise=True, invalidation_mode=by_content
            )
        except py_compile.PyCompileError:
            # Some are there to be wrong.
            return None
        return f"{folder}/__pycache__/{module.stem}.{sys.implementation.cache_tag}.pyc", Path(f"{module}c").read_bytes()


def _own(slim: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o644
    _add(slim, member, io.BytesIO(content))


def _add(slim: tarfile.TarFile, member: tarfile.TarInfo, content: IO[bytes] | None) -> None:
    member.mtime, member.uname, member.gname, member.pax_headers = 0, "", "", {}
    slim.addfile(member, content)
