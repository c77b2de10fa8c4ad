"""`make up`: the demo's world without its story, in the background, for somebody to try things in.

python -m demo.playground up FOLDER [--without-operator]    start it, and return when it is ready
python -m demo.playground down FOLDER                       end it

The folder then holds ``shell``, a shell that knows it, the logs, and ``operator.env``, the settings of an operator
that runs outside of the cluster: by hand, or in an editor's debugger. `up` starts a process that holds everything
together, and whose end ends everything.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controlplane.plane import KubectlError
from controlplane.releases import NotProvidedError
from demo.telling import Teller
from demo.world import furnish_azure, furnish_cluster
from harness.objects import SUBSCRIPTION
from harness.processes import ProcessDiedError
from harness.programs import login, write_programs, write_shell
from harness.stack import CLIENT_ID, OPERATOR_USER, Stack

# A minute of Azure in a second, from some days ago on: see the demo.
RATE = 60
_BEGINS_AGO = timedelta(days=7)
_LOOK_EVERY_SECONDS = 0.1


def main() -> int:
    """Do one of them; return the exit code."""
    parser = argparse.ArgumentParser(prog="demo.playground", description=__doc__)
    parser.add_argument("what", choices=("up", "down", "hold"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--without-operator", action="store_true")
    given = parser.parse_args()
    place = _Place(given.folder.resolve())
    if given.what == "hold":
        return _hold(place, with_operator=not given.without_operator)
    return _up(place, given.without_operator) if given.what == "up" else _down(place)


class _Place:
    """The files of a playground."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shell = folder / "shell"
        self.operator_env = folder / "operator.env"
        self.log = folder / "log"
        self.pid = folder / "pid"
        self.stack = folder / "stack"
        self.programs = folder / "bin"

    @property
    def holder(self) -> int | None:
        """Return the process that holds it together, None if it is not up."""
        if not self.pid.exists():
            return None
        pid = int(self.pid.read_text())
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return None
        # The number may be somebody else's by now.
        return pid if str(self.folder).encode() in words else None


def _up(place: _Place, without_operator: bool) -> int:
    if place.holder is not None:
        print("It is up already. Go on with:\n\n  make shell\n\nor end it: make down")
        return 0
    shutil.rmtree(place.folder, ignore_errors=True)
    place.folder.mkdir(parents=True)
    words = [sys.executable, "-m", "demo.playground", "hold", str(place.folder)]
    with place.log.open("ab") as log:
        held = subprocess.Popen(
            [*words, *(["--without-operator"] if without_operator else [])],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    place.pid.write_text(str(held.pid))
    try:
        _follow(place, held)
    except KeyboardInterrupt:
        return _down(place)
    if held.poll() is not None:
        return 1
    return 0


def _follow(place: _Place, held: subprocess.Popen[bytes]) -> None:
    """Show what is said until it is ready, or has failed."""
    with place.log.open() as log:
        while not place.shell.exists() and held.poll() is None:
            sys.stdout.write(log.read())
            sys.stdout.flush()
            # Real time, on purpose: another process comes up, and somebody watches.
            time.sleep(_LOOK_EVERY_SECONDS)
        sys.stdout.write(log.read())


def _down(place: _Place) -> int:
    pid = place.holder
    if pid is None:
        print("It is not up.")
        return 0
    os.kill(pid, signal.SIGTERM)
    while place.holder is not None:
        time.sleep(_LOOK_EVERY_SECONDS)
    shutil.rmtree(place.folder, ignore_errors=True)
    print("Everything is stopped.")
    return 0


def _hold(place: _Place, *, with_operator: bool) -> int:
    """Start everything, say where it is, and keep it up until this process is asked to end."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    teller = Teller()
    stack = Stack(place.stack, rate=RATE, start=datetime.now(UTC) - _BEGINS_AGO, with_data=True, led_before=True)
    try:
        _start(stack, teller)
        if not with_operator:
            stack.stop_operator()
            _write_operator_env(place, stack)
        write_programs(place.programs, stack)
        _invite(place, teller, with_operator)
        # Last: whoever waits for this file goes on at once.
        write_shell(place.shell, place.programs, stack)
        signal.pause()
    except KeyboardInterrupt:
        pass
    except (ProcessDiedError, KubectlError, NotProvidedError) as error:
        teller.fail(str(error))
        return 1
    finally:
        stack.stop()
    return 0


def _start(stack: Stack, teller: Teller) -> None:
    teller.say("Starting etcd, kube-apiserver and kube-controller-manager …")
    stack.start_control_plane()
    teller.say("Starting the Azure simulator …")
    stack.start_simulator()
    furnish_azure(stack)
    teller.say("helm upgrade --install azdiskbackup charts/azdiskbackup --wait …")
    stack.start_operator()
    furnish_cluster(stack)


def _invite(place: _Place, teller: Teller, with_operator: bool) -> None:
    teller.say("A minute of Azure passes in a second. Go on, in as many terminals as you like, with:")
    teller.plain("\n  make shell\n")
    if not with_operator:
        teller.say(f"No operator runs. Its settings for one outside of the cluster: {_short(place.operator_env)}")
    teller.say("It stays up until: make down")


def _write_operator_env(place: _Place, stack: Stack) -> None:
    # With the rights of its service account, and no other. Clients take a colon in a path for a separator.
    kubeconfig = place.folder / "operator.kubeconfig"
    stack.plane.user_kubeconfig(OPERATOR_USER, "system:serviceaccounts").rename(kubeconfig)
    settings = {
        "AZDISKBACKUP_SUBSCRIPTION_ID": SUBSCRIPTION,
        "AZDISKBACKUP_KUBECONFIG": str(kubeconfig),
        # A breakpoint may last longer than a Lease.
        "AZDISKBACKUP_LEADER_ELECTION": "false",
        "AZDISKBACKUP_CLOCK": f"simulated:{stack.azure.url}",
        "AZDISKBACKUP_LOG_FORMAT": "console",
        "AZDISKBACKUP_TERMINATION_LOG": str(place.folder / "termination-log"),
    } | login(stack, CLIENT_ID, "of-the-playground")
    place.operator_env.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))


def _short(path: Path) -> str:
    """Return a path as somebody types it who is in the folder from which this was started."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


if __name__ == "__main__":
    sys.exit(main())
