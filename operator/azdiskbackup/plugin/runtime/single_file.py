"""The command as a single file: the name by which it is called says whether it runs or completes."""

from __future__ import annotations

import sys
from pathlib import Path

# Those that what is compiled in the file is for.
_OLDEST, _NEWEST = (3, 11), (3, 14)


def main() -> None:
    """Run the command; called by the name that kubectl has for it, complete what was typed."""
    if not _OLDEST <= sys.version_info[:2] <= _NEWEST:
        here = ".".join(map(str, sys.version_info[:2]))
        sys.exit(
            f"kubectl azdiskbackup runs on Python 3.11 to 3.14, and python3 here is {here}. Put another one first on "
            "the PATH, or install the wheel of the release."
        )
    if Path(sys.argv[0]).name.startswith("kubectl_complete"):
        from azdiskbackup.plugin.runtime.completion import main as complete

        complete()
        return
    from azdiskbackup.plugin.runtime.app import main as run

    run()
