"""Commands on a small fleet, without an API server."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from azdiskbackup.kube.kubeconfig.connection import KubeConnection
from azdiskbackup.plugin.cluster import client as cluster_module
from azdiskbackup.plugin.runtime.app import PROGRAM, app
from azdiskbackup.plugin.runtime.exit_code import CliError
from azdiskbackup.plugin.runtime.streams import guarded
from plugin import server
from plugin.world import NOW, Api

GOLDEN = Path(__file__).parent / "golden"

Run = Callable[..., tuple[int, str, str]]
Golden = Callable[[str, str], None]


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def run(api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs a command line on the fleet; it returns exit code, stdout and stderr."""

    class Canned(cluster_module.Cluster):
        async def __aenter__(self) -> Canned:
            self.kube: Any = api
            return self

        async def __aexit__(self, *_: object) -> None:
            return

    connection = KubeConnection(server="https://cluster.example", namespace="shop", ca_file=None)
    monkeypatch.setattr(cluster_module, "_connect", lambda options: connection)
    for module in ("session", "completion"):
        monkeypatch.setattr(f"azdiskbackup.plugin.runtime.{module}.Cluster", Canned)
    monkeypatch.setenv("AZDISKBACKUP_NOW", NOW.isoformat())
    monkeypatch.setenv("TERM", "xterm-256color")

    def command(*words: str, columns: int | None = None) -> tuple[int, str, str]:
        monkeypatch.delenv("COLUMNS", raising=False)
        if columns is not None:
            monkeypatch.setenv("COLUMNS", str(columns))
        code = 0
        try:
            app(list(words), prog_name="kubectl azdiskbackup", standalone_mode=True)
        except SystemExit as ended:
            code = int(ended.code or 0)
        except CliError as trouble:
            captured = capsys.readouterr()
            return int(trouble.ending), captured.out, f"{captured.err}{trouble.user_message}\n"
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    # The command makes its own loop, and the test runner leaves none behind.
    asyncio.set_event_loop_policy(None)
    return command


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs a command line as the process does, against a real server; what it returns is as of ``run``."""

    def command(*words: str, **environment: str) -> tuple[int, str, str]:
        for name in (each for each in os.environ if each.startswith(("KUBE", "AZURE_"))):
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            guarded(lambda: app(list(words), prog_name=PROGRAM))
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    asyncio.set_event_loop_policy(None)
    return command


@pytest.fixture
def big_cluster(tmp_path: Path) -> Iterator[str]:
    """Yield the kubeconfig of a cluster with two thousand disks."""
    with server.cluster(tmp_path) as found:
        yield found


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return what compares a text with the file of a name; GOLDEN=write writes it instead."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / f"{re.sub(r'[^-a-z0-9]+', '-', name.lower()).strip('-')}.txt"
        if os.environ.get("GOLDEN") == "write":
            path.write_text(text)
        assert path.exists(), f"{path} is missing: write it with GOLDEN=write, and read it"
        assert text == path.read_text(), f"not as in {path}: if it is right, write it with GOLDEN=write"

    return compare
