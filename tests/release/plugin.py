"""`kubectl azdiskbackup` as a single file for each platform, which runs on each Python that it supports.

python -m release.plugin FOLDER        for this platform, into a folder
"""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from controlplane.releases import architecture
from release import archive, single_file

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = tuple(f"3.{minor}" for minor in range(single_file.OLDEST[1], single_file.NEWEST[1] + 1))
# As kubectl's plugins are named, and as uv names them.
PLATFORMS = {
    "linux-amd64": "x86_64-manylinux_2_28",
    "linux-arm64": "aarch64-manylinux_2_28",
    "darwin-amd64": "x86_64-apple-darwin",
    "darwin-arm64": "aarch64-apple-darwin",
    "windows-amd64": "x86_64-pc-windows-msvc",
}
# What only the operator needs, and the SDK's ways to log in, of which a person has the Azure CLI: most of the whole.
LEFT_OUT = (
    *("aiohappyeyeballs", "aiohttp", "aiohttp-retry", "aiosignal", "attrs", "frozenlist", "multidict", "propcache"),
    *("iso8601", "jsonpatch", "jsonpointer", "kopf", "prometheus-client", "python-json-logger", "yarl"),
    *("azure-identity", "cffi", "cryptography", "msal", "msal-extensions", "pycparser", "pyjwt"),
)
# Of what stays: all that a Kubernetes client does but reading a kubeconfig, and what is compiled only to be faster at
# what is hardly done.
_UNUSED = re.compile(
    r"kubernetes/aio/|kubernetes/client/(api|models)/(?!__init__\.py)"
    r"|(yaml/_yaml\.|charset_normalizer/|[0-9a-f]+__mypyc\.).*\.(so|pyd)$"
)
# It looks back far enough to see the same library of another Python.
_XZ = [{"id": lzma.FILTER_LZMA2, "preset": 4, "dict_size": 64 << 20}]
_FOR_WINDOWS = b'@py -3 "%~dp0kubectl-azdiskbackup.pyz" %*\r\n'
_BIN = Path(sys.prefix) / "bin"


def wheel(source: Path, folder: Path, epoch: int) -> Path:
    """Build the wheel of a tree into a folder; return it."""
    options = ("--quiet", "--wheel", "--no-create-gitignore", f"--out-dir={folder}", str(source))
    subprocess.run(
        [str(_BIN / "uv"), "build", *options], env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}, check=True
    )
    (built,) = folder.glob("*.whl")
    return built


def write(source: Path, wheel: Path, platform: str, target: Path, pythons: Sequence[str] = PYTHONS) -> None:
    """Make the command of a tree and its wheel a single file.

    What is compiled has the Python that it is for in its name, so that all of them fit beside each other.

    Args:
        source: the tree, for its lock file.
        wheel: ours.
        platform: one of PLATFORMS.
        target: the file.
        pythons: that can run it.
    """
    with tempfile.TemporaryDirectory() as place:
        packages, requirements = Path(place) / "packages", Path(place) / "requirements.txt"
        export = ("export", "--frozen", "--no-dev", "--extra=cli", "--no-emit-project", "--no-header", "--quiet")
        left_out = [f"--no-emit-package={each}" for each in LEFT_OUT]
        with requirements.open("w") as file:
            subprocess.run([_BIN / "uv", *export, *left_out, f"--project={source}"], stdout=file, check=True)
        for python in pythons:
            of_python = Path(place) / python
            for_it = (f"--python-version={python}", f"--python-platform={PLATFORMS[platform]}")
            _install(of_python, *for_it, "--require-hashes", "--only-binary=:all:", f"--requirements={requirements}")
            shutil.copytree(of_python, packages, dirs_exist_ok=True)
        # Not installed: what is written then says where the wheel was, and when.
        with zipfile.ZipFile(wheel) as ours:
            ours.extractall(packages)
        packed = _packed(packages)
    name = f"{hashlib.sha256(packed).hexdigest()[:16]}.tar.xz"
    assert single_file.PACKED.fullmatch(name)
    with target.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w") as whole:
            # Of the earliest time that the format knows, and as they are: one has to be read fast, one is packed.
            whole.writestr(zipfile.ZipInfo("__main__.py"), Path(single_file.__file__).read_bytes())
            whole.writestr(zipfile.ZipInfo(name), packed)
    target.chmod(0o755)


def _packed(packages: Path) -> bytes:
    """Return a folder's files as an archive; what is alike stands together, where a compressor finds it."""
    files = sorted(_used(packages), key=lambda name: (Path(name).suffix, Path(name).name, name))
    unpacked = archive.packed({name: ((packages / name).read_bytes(), 0o644) for name in files}, epoch=0)
    return lzma.compress(unpacked, filters=_XZ)


def _used(packages: Path) -> Iterator[str]:
    """Yield the paths of the files that the command needs."""
    for path in packages.rglob("*"):
        name = path.relative_to(packages).as_posix()
        # Scripts name this machine's Python, and lists of files have their checksums.
        if not path.is_file() or name.startswith((".", "bin/", "Scripts/")) or name.endswith(("/RECORD", ".pyi")):
            continue
        if not _UNUSED.match(name):
            yield name


def published(source: Path, wheel: Path, platform: str, folder: Path, epoch: int) -> None:
    """Write the single file of a platform into a folder as it is published: in an archive, with its licence."""
    licence = ((source / "LICENSE").read_bytes(), 0o644)
    with tempfile.TemporaryDirectory() as place:
        made = Path(place) / "kubectl-azdiskbackup"
        write(source, wheel, platform, made)
        program = made.read_bytes()
    name = f"{made.name}-{platform}"
    if platform.startswith("windows"):
        # There a file is run by what its name ends in, and kubectl looks for few endings.
        files = {f"{made.name}.pyz": (program, 0o644), f"{made.name}.cmd": (_FOR_WINDOWS, 0o644), "LICENSE": licence}
        archive.write_zip(folder / f"{name}.zip", files, epoch)
    else:
        archive.write(folder / f"{name}.tar.gz", {made.name: (program, 0o755), "LICENSE": licence}, epoch)


def _install(target: Path, *words: str) -> None:
    into = ("--quiet", "--no-deps", f"--python={sys.executable}", f"--target={target}")
    subprocess.run([str(_BIN / "uv"), "pip", "install", *into, *words], check=True)


def main() -> int:
    """Make the file and the wheel for this machine; return the exit code."""
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.whl"):
        old.unlink()
    system = "darwin" if sys.platform == "darwin" else "linux"
    built = wheel(ROOT, folder, epoch=315532800)
    write(ROOT, built, f"{system}-{architecture()}", folder / "kubectl-azdiskbackup")
    for path in sorted(folder.iterdir()):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
