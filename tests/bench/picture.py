"""``make picture``: docs/dashboard.png, the panels of the Grafana dashboard, drawn from their own queries.

A fleet lives through two days of virtual time; what the operator tells of itself is scraped every five minutes and
given, with these times, to a real Prometheus. That answers the dashboard's queries, and each panel is drawn from the
answer, in the place that it has on the dashboard.
"""

from __future__ import annotations

import re
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from bench.drawing import draw
from bench.fleet import RESTORES, Fleet
from generated.dashboard import ROWS, Panel
from harness import objects
from harness.processes import wait_for
from harness.prometheus import Prometheus, Series
from harness.stack import ROOT, Stack

DISKS = 60
NAMESPACES = 6
# The one whose backups fail, by its number.
FAILING = 3
STEP = timedelta(minutes=5)
SHOWN = timedelta(hours=24)
_SILVER = {"schedule": {"frequency": "Daily", "startTime": "03:00"}, "retention": {"default": {"days": 14}}}
_FAULT = ("UserErrorSubscriptionDiskQuotaLimitReached", "The quota of disks is used up.", "Ask for a larger quota.")
_VARIABLES = {"namespace": ".*", "disk_namespace": "team-0", "disk": "data-0", "__rate_interval": "20m"}


class Recorder:
    """Lets virtual time pass, and keeps what the operator tells on the way, in OpenMetrics."""

    def __init__(self, stack: Stack, path: Path) -> None:
        self._stack = stack
        self._out = path.open("w")

    def let_pass(self, **span: float) -> None:
        """Let time pass."""
        end = self._stack.azure.now + timedelta(**span)
        while self._stack.azure.now < end:
            self._stack.azure.advance(seconds=STEP.total_seconds())
            self._scrape()

    def _scrape(self) -> None:
        now = self._stack.azure.now.timestamp()
        with urllib.request.urlopen(self._stack.metrics_url) as answer:  # noqa: S310 - our own URL
            lines = answer.read().decode().splitlines()
        # Time series only: what describes them may stand there once.
        self._out.writelines(f"{line} {now:.3f}\n" for line in lines if not line.startswith("#"))

    def close(self) -> None:
        self._out.write("# EOF\n")
        self._out.close()


def main() -> int:
    """Live, ask and draw."""
    with tempfile.TemporaryDirectory(prefix="azdiskbackup-picture-") as folder:
        recording = Path(folder) / "recording.txt"
        now = _live(Path(folder) / "stack", recording)
        prometheus = Prometheus.of_recording(Path(folder) / "prometheus", recording)
        try:
            wait_for(lambda: prometheus.ask("azdiskbackup_leader", now), "Prometheus answers")
            empty = draw(ROWS, _asker(prometheus, now), (now - SHOWN, now, STEP), ROOT / "docs" / "dashboard.png")
        finally:
            prometheus.stop()
    if empty:
        print(f"nothing to be seen in {empty}", file=sys.stderr)
    return 1 if empty else 0


def _asker(prometheus: Prometheus, now: datetime) -> Callable[[Panel, str], Series]:
    def ask(panel: Panel, expression: str) -> Series:
        asked = re.sub(r"\$(\w+)", lambda match: _VARIABLES[match[1]], expression)
        if panel.kind == "timeseries":
            return prometheus.ask_range(asked, now - SHOWN, now, STEP)
        return prometheus.ask(asked, now)

    return ask


def _live(folder: Path, recording: Path) -> datetime:
    """Let a fleet live; return the time at its end."""
    stack = Stack(folder)
    try:
        stack.start_control_plane()
        stack.start_simulator()
        fleet = Fleet(stack, DISKS, NAMESPACES)
        fleet.make()
        stack.start_operator()
        fleet.make_policy(**RESTORES)
        recorder = Recorder(stack, recording)
        _two_days(stack, fleet, recorder)
        recorder.close()
        return stack.azure.now
    finally:
        stack.stop()


def _two_days(stack: Stack, fleet: Fleet, recorder: Recorder) -> None:
    azure, plane = stack.azure, stack.plane
    print("the first teams come, and are protected")
    fleet.protect(last=36)
    recorder.let_pass(hours=28)
    print("others follow, with a policy of their own")
    plane.apply(objects.policy("silver", "demo", **_SILVER))
    recorder.let_pass(minutes=30)
    for namespace, name in fleet.places[36:54]:
        plane.apply(objects.disk(name, namespace, name, "silver"))
    recorder.let_pass(hours=7)
    print("the backups of one disk begin to fail")
    failing = fleet.places[FAILING]
    azure.fail_backups(*_FAULT, disks=f"/{failing[1]}$")
    recorder.let_pass(hours=5)
    print("a team restores its disks; others' restores fail")
    for place in fleet.places[4:34:NAMESPACES]:
        fleet.restore(*place)
    recorder.let_pass(hours=3)
    azure.turn("restores", status="Failed", code=_FAULT[0], message=_FAULT[1], action=_FAULT[2])
    for place in fleet.places[5:17:NAMESPACES]:
        fleet.restore(*place)
    recorder.let_pass(hours=2)
    print("the last teams come; the operator is killed, and works again")
    fleet.protect(first=54)
    recorder.let_pass(hours=2)
    stack.kill_operator()
    stack.start_operator()
    recorder.let_pass(hours=9)


if __name__ == "__main__":
    sys.exit(main())
