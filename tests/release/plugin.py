"""`kubectl azdiskbackup` as a single file for each platform, which runs on each Python that it supports.

python -m release.plugin FOLDER        for this platform, into a folder
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from controlplane.releases import architecture
from release import archive

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# As kubectl's plugins are named, and as uv names them. For Macs with Intel processors `cryptography` has no wheels.
PLATFORMS = {
    "linux-amd64": "x86_64-manylinux_2_28",
    "linux-arm64": "aarch64-manylinux_2_28",
    "darwin-arm64": "aarch64-apple-darwin",
}
_BIN = Path(sys.prefix) / "bin"


def wheel(source: Path, folder: Path, epoch: int) -> Path:
    """Build the wheel of a tree into a folder; return it."""
    options = ("--quiet", "--wheel", "--no-create-gitignore", f"--out-dir={folder}", str(source))
    subprocess.run(
        [str(_BIN / "uv"), "build", *options], env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}, check=True
    )
    (built,) = folder.glob("*.whl")
    return built


def single_file(source: Path, wheel: Path, platform: str, target: Path, pythons: Sequence[str] = PYTHONS) -> None:
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
        with requirements.open("w") as file:
            subprocess.run([_BIN / "uv", *export, f"--project={source}"], stdout=file, check=True)
        for python in pythons:
            of_python = Path(place) / python
            for_it = (f"--python-version={python}", f"--python-platform={PLATFORMS[platform]}")
            _install(of_python, *for_it, "--require-hashes", "--only-binary=:all:", f"--requirements={requirements}")
            shutil.copytree(of_python, packages, dirs_exist_ok=True)
        # Not installed: what is written then says where the wheel was, and when.
        with zipfile.ZipFile(wheel) as ours:
            ours.extractall(packages)
        # Scripts name this machine's Python, and lists of files have their checksums.
        shutil.rmtree(packages / "bin", ignore_errors=True)
        for record in packages.glob("*.dist-info/RECORD"):
            record.unlink()
        subprocess.run(
            [
                *(str(_BIN / "shiv"), f"--site-packages={packages}", "--compressed", "--reproducible"),
                *("--entry-point=azdiskbackup.plugin.runtime.single_file:main", "--python=/usr/bin/env python3"),
                f"--output-file={target}",
            ],
            check=True,
        )


def published(source: Path, wheel: Path, platform: str, folder: Path, epoch: int) -> None:
    """Write the single file of a platform into a folder as it is published: in an archive, with its licence."""
    with tempfile.TemporaryDirectory() as place:
        made = Path(place) / "kubectl-azdiskbackup"
        single_file(source, wheel, platform, made)
        files = {made.name: (made.read_bytes(), 0o755), "LICENSE": ((source / "LICENSE").read_bytes(), 0o644)}
    archive.write(folder / f"{made.name}-{platform}.tar.gz", files, epoch)


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
    single_file(ROOT, built, f"{system}-{architecture()}", folder / "kubectl-azdiskbackup")
    for path in sorted(folder.iterdir()):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
