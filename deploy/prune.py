"""Remove from a folder of Python packages what the operator never imports; runs while the image is built.

Kubernetes' client has a module for each of 700 models and for each API, Azure's one for each version of an API: the
operator speaks JSON to the one, and one version of the other. A test imports the whole operator, and finds nothing of this
missing; the pods of the integration tests run what is left.

    python3 prune.py FOLDER
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

_UNUSED = re.compile(
    r"""
      kubernetes/(aio/)?client/(models|api)/(?!__init__\.py$|v1_(managed_fields_entry|owner_reference|object_meta)\.py$)
    | kubernetes/(docs|e2e_test|test)/
    | azure/mgmt/authorization/v(?!2022_04_01/)
    | bin/
    | .*\.(pyi|pyx|pxd|pxi|c|h|hpp)$
    """,
    re.VERBOSE,
)


def is_unused(path: str) -> bool:
    """Return whether a file, by its path in the folder, is one that nothing imports."""
    return _UNUSED.match(path) is not None


def prune(folder: Path) -> int:
    """Remove what is unused; return how many bytes that was."""
    unused = [path for path in folder.rglob("*") if path.is_file() and is_unused(path.relative_to(folder).as_posix())]
    size = sum(path.stat().st_size for path in unused)
    for path in unused:
        path.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for cache in folder.rglob("__pycache__"):
        shutil.rmtree(cache)
    return size


if __name__ == "__main__":
    print(f"{prune(Path(sys.argv[1])) / 1e6:.0f} MB are not needed")
