"""The image of this checkout that was built on this machine, by what is in it: another content is another image."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from azdiskbackup import __version__
from controlplane.releases import NotProvidedError, architecture, cache_root
from release.image import ROOT, Order, build, say
from release.oci import Archive
from release.tools import why, working_tool

IMAGE = "localhost/azdiskbackup-under-test"
_HOW = ("deploy/Dockerfile", "deploy/install.sh", "deploy/prune.py", "deploy/requirements.txt", "tests/release/base.py")
_DECIDES = (*_HOW, "operator/azdiskbackup")
# What gives the orders; another order of the same files has to be compared anew.
_BUILDERS = ("tests/release/image.py", "tests/release/tools.py")
_KEPT = 3


def root_files() -> Path | None:
    """Return the folder with all files of the image of this checkout; None where it was not built."""
    folder = _folder()
    return folder / "root" if folder.exists() else None


def archive() -> Path | None:
    """Return the same image as an OCI archive; kept, since what built it may have forgotten it. None without it."""
    folder = _folder()
    return folder / "image.tar" if folder.exists() else None


def provide() -> Path:
    """Return that folder, building the image first where it is not there.

    Raises:
        NotProvidedError: it cannot be built; the message says why.
        CalledProcessError: a step failed; it has what was printed.
    """
    folder = _folder()
    if folder.exists():
        return folder / "root"
    tool = working_tool()
    say(f"building it with {tool.name}, for the tests")
    build(_order(folder.name), tool)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        made = Path(place) / "made"
        tool.save(f"{IMAGE}:{folder.name}", made / "image.tar")
        Archive(made / "image.tar").unpack(made / "root")
        made.rename(folder)
    for old in sorted(folder.parent.iterdir(), key=lambda each: each.stat().st_mtime)[:-_KEPT]:
        shutil.rmtree(old)
    return folder / "root"


def differing() -> list[str] | None:
    """Build the image once more, with nothing of the first time; return what is not the same then.

    For each way of building it once on a machine, since it takes half a minute. None where it was not built.
    """
    first, compared = archive(), _cache() / "built-twice" / _digest(*_HOW, *_BUILDERS)
    if first is None or compared.exists():
        return None if first is None else []
    tool = working_tool()
    build(_order("again", anew=True), tool)
    with tempfile.TemporaryDirectory() as place:
        again = Path(place) / "again.tar"
        tool.save(f"{IMAGE}:again", again)
        found = Archive(first).differing(Archive(again))
    if not found:
        compared.parent.mkdir(exist_ok=True)
        compared.touch()
    return found


def _order(tag: str, *, anew: bool = False) -> Order:
    return Order(f"{IMAGE}:{tag}", f"linux/{architecture()}", __version__, {}, epoch=0, anew=anew)


def _folder() -> Path:
    return _cache() / "under-test" / _digest(*_DECIDES)


def _cache() -> Path:
    return cache_root().parent / "image"


def _digest(*names: str) -> str:
    """Return what tells apart what is in files and folders of the checkout."""
    digest = hashlib.sha256()
    for name in names:
        place = ROOT / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and path.suffix != ".pyc":
                digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def main() -> int:
    """Build it, and say where its files are, or why the tests do without; return the exit code."""
    try:
        print(provide())
    except NotProvidedError as error:
        say(f"NOT built, so that the pods of the tests run the files of this checkout: {error}")
    except subprocess.CalledProcessError as error:
        say(why(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
