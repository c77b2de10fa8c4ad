"""Write ``crds/``, or with ``--check`` say which files are not as generated."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from azdiskbackup.api.crd.definition import documents, drifted


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m azdiskbackup.api.crd", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    arguments = parser.parse_args()
    if arguments.check:
        names = drifted(arguments.folder)
        if names:
            sys.exit(f"{arguments.folder}: not as generated: {', '.join(names)}; run `make crds`")
        return
    arguments.folder.mkdir(exist_ok=True)
    for name in drifted(arguments.folder):
        (arguments.folder / name).unlink(missing_ok=True)
    for name, text in documents().items():
        (arguments.folder / name).write_text(text)


if __name__ == "__main__":
    main()
