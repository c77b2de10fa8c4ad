"""What the simulator can be told when it starts, and while it runs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from datetime import UTC, datetime

import pytest

from azure_simulator.http.server import Server
from azure_simulator.model.cloud import Knobs
from azure_simulator.model.faults import AzureFault

START = datetime(2026, 7, 6, 9, 0, tzinfo=UTC)


def test_its_help_names_every_knob() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "azure_simulator", "--help"], capture_output=True, text=True, check=True
    )
    words = done.stdout.replace("\n", " ")
    assert [each.name for each in fields(Knobs) if each.name not in words] == []
    assert "schedule_by_offset=1" in words


def test_a_knob_is_turned_before_it_starts() -> None:
    server = Server(START, 0, None)
    server.turn({"schedule_by_offset": "1"})
    assert server._service.azure.cloud.knobs.schedule_by_offset == 1
    with pytest.raises(AzureFault, match="no knob"):
        server.turn({"schedule": "1"})
