"""What `kubectl-azdiskbackup`, the single file, begins with: it unpacks itself once, and runs.

It has nothing but the standard library, of a Python that may be too old and is to be told so.
"""

import atexit
import os
import re
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import IO

# Those that what is compiled in the file is for.
OLDEST, NEWEST = (3, 11), (3, 14)
# The one other file in this one: what it brings, and the beginning of its SHA-256.
PACKED = re.compile(r"(?P<checksum>[0-9a-f]{16})\.tar\.xz")
# What is compiled has the Python that it is for in its name, unless it is for all.
_COMPILED = re.compile(r"\.(?:cpython-|cp)(?P<version>3\d+)\b")


def main() -> None:
    """Run the command; called by the name that kubectl has for it, complete what was typed."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        sys.exit(
            "kubectl azdiskbackup runs on Python {}.{} to {}.{}, and python3 here is {}.{}. Put another one first on "
            "the PATH, or install the wheel of the release.".format(*OLDEST, *NEWEST, *sys.version_info[:2])
        )
    sys.path[0] = str(_unpacked(Path(sys.path[0])))
    if Path(sys.argv[0]).name.startswith("kubectl_complete"):
        from azdiskbackup.plugin.runtime.completion import main as complete

        complete()
    else:
        from azdiskbackup.plugin.runtime.app import main as run

        run()


def _unpacked(program: Path) -> Path:
    """Return the folder in which what the program brings is; it is made when it is missing."""
    with zipfile.ZipFile(program) as whole:
        name, found = next((name, found) for name in whole.namelist() for found in [PACKED.fullmatch(name)] if found)
        python = "{}{}".format(*sys.version_info[:2])
        cache = _cache()
        folder = cache / f"{found['checksum']}-{python}"
        if folder.is_dir():
            return folder
        try:
            cache.mkdir(parents=True, exist_ok=True)
            place = Path(tempfile.mkdtemp(dir=cache))
        except OSError:
            # Nothing can be kept, as in a container that may not write: it is done each time.
            folder = place = Path(tempfile.mkdtemp())
            atexit.register(shutil.rmtree, str(place), ignore_errors=True)
        if sys.stderr.isatty():
            sys.stderr.write(f"kubectl azdiskbackup unpacks itself into {cache}, once.\n")
        with whole.open(name) as packed:
            _unpack(packed, place, python)
    if place != folder:
        try:
            place.rename(folder)
        except OSError:
            # Another process did the same at the same time.
            shutil.rmtree(place, ignore_errors=True)
            if not folder.is_dir():
                raise
    return folder


def _cache() -> Path:
    """Return the folder in which all versions are, each in one of its own; they can be deleted at any time."""
    place = os.environ.get("LOCALAPPDATA") if os.name == "nt" else os.environ.get("XDG_CACHE_HOME")
    home = Path(place) if place else Path("~/.cache").expanduser()
    return home / "azdiskbackup" / "kubectl-plugin"


def _unpack(packed: IO[bytes], folder: Path, python: str) -> None:
    """Write those files of an archive that a Python needs into a folder."""
    try:
        import lzma  # noqa: F401 # by which the archive is read; some who compile a Python leave it out
        import tarfile
    except ImportError:
        sys.exit("kubectl azdiskbackup is packed with xz, which python3 here was built without. Use another Python.")
    with tarfile.open(fileobj=packed, mode="r|xz") as files:
        for each in files:
            path, content = folder / each.name, files.extractfile(each)
            compiled = _COMPILED.search(path.name)
            if content is None or (compiled is not None and compiled["version"] != python):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as target:
                shutil.copyfileobj(content, target)


if __name__ == "__main__":
    main()
