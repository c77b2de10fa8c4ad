"""`make demo`: a real API server, the operator and a simulated Azure, and the story of one disk as it happens.

STORY=disk is the story in which all data on the disk are deleted, STORY=namespace that of a namespace that is deleted,
and STORY=fleet that of one rule, which protects the disks of six teams.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controlplane.plane import KubectlError
from controlplane.releases import NotProvidedError
from demo.disasters import STORIES
from demo.fleet import Fleet
from demo.story import Story
from demo.telling import StoryError, Teller
from harness.processes import ProcessDiedError
from harness.programs import write_programs, write_shell
from harness.stack import ROOT, Stack

# What is waited for in the story takes up to an hour of Azure's time. It begins so long ago that kubectl,
# which knows only real time, shows ages as they are at its end, and no times to come.
BEGINS_AGO = timedelta(minutes=60)

# What can be tried while everything is up, and afterwards.
_HERE = """\
kubectl azdiskbackup describe postgres-data -n shop
kubectl azdiskbackup unprotected -n shop --apply-policy gold | kubectl apply -f -
kubectl delete pdisk postgres-data -n shop; kubectl azdiskbackup orphans
"""
_OF_FLEET = """\
kubectl azdiskbackup why ledger-shared -n bank
kubectl label pvc data-0 -n maps azdiskbackup.io/protect=false; kubectl azdiskbackup why data-0 -n maps
kubectl delete pdisk data-0 -n shop; kubectl get pdisk -n shop
"""
_FLEET = "fleet"
_NEXT = """\
make demo STORY=namespace   a namespace is deleted, and its data come back
make demo STORY=fleet       one rule protects forty PVCs of six teams
make up; make shell         this world for you, with kubectl, helm and az
docs/install.md             an AKS cluster of your own
"""


def main() -> int:
    """Tell the story; return the exit code."""
    parser = argparse.ArgumentParser(prog="make demo DEMO_ARGS=…", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the story instead of waiting for Ctrl-C")
    parser.add_argument("--story", default="disk", help=f"which one: {_or(STORIES, _FLEET)}")
    given = parser.parse_args()
    teller = Teller()
    if given.story not in (*STORIES, _FLEET):
        teller.fail(f"there is no story {given.story!r}. STORY= takes {_or(STORIES, _FLEET)}.")
        return 2
    # Both, since a shell that runs this in the background makes its children ignore Ctrl-C.
    for ending_signal in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending_signal, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="azdiskbackup-demo-") as folder, contextlib.ExitStack() as ending:
        try:
            begin = datetime.now(UTC) - BEGINS_AGO
            stack = Stack(Path(folder), rate=1, start=begin, with_data=True, led_before=True)
            ending.callback(stack.stop)
            with _timed(teller, stack, begin):
                if given.story == _FLEET:
                    Fleet(stack, teller).tell(page=None if given.once else Path(folder) / "report.html")
                else:
                    Story(stack, teller, ROOT / "deploy" / "samples").tell(STORIES[given.story])
                    teller.heading("kubectl get azdiskbackup -A")
                    teller.plain(stack.plane.kubectl("get", "azdiskbackup", "-A"))
            teller.heading("Three things to try")
            if given.once:
                teller.plain(_NEXT)
            else:
                _invite(stack, teller, Path(folder), _OF_FLEET if given.story == _FLEET else _HERE)
                signal.pause()
        except KeyboardInterrupt:
            teller.say("Stopping.")
        except (StoryError, ProcessDiedError, KubectlError, NotProvidedError) as error:
            teller.fail(str(error))
            return 1
    return 0


def _or(stories: Iterable[str], last: str) -> str:
    return f"{', '.join(stories)} or {last}"


@contextlib.contextmanager
def _timed(teller: Teller, stack: Stack, begin: datetime) -> Iterator[None]:
    started = time.monotonic()
    yield
    minutes = (stack.azure.now - begin).total_seconds() / 60
    teller.say(f"The story took {time.monotonic() - started:.0f} s of your time, and {minutes:.0f} min of Azure's.")


def _invite(stack: Stack, teller: Teller, folder: Path, tries: str) -> None:
    """Say what can be tried in this world, and by which shell."""
    write_programs(folder / "bin", stack)
    write_shell(folder / "shell", folder / "bin", stack)
    teller.say("In another terminal; from here on Azure takes as long as it does: a backup, four minutes.")
    teller.plain(f"{folder / 'shell'}\n{tries}")
    teller.say("Everything stays up until you press Ctrl-C.")


if __name__ == "__main__":
    sys.exit(main())
