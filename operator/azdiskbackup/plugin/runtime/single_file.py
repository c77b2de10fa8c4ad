"""The command as a single file: the name by which it is called says whether it runs or completes."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Run the command; called by the name that kubectl has for it, complete what was typed."""
    if Path(sys.argv[0]).name.startswith("kubectl_complete"):
        from azdiskbackup.plugin.runtime.completion import main as complete

        complete()
        return
    from azdiskbackup.plugin.runtime.app import main as run

    run()
