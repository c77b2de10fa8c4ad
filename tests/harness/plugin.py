"""`kubectl azdiskbackup` as a person types it: by kubectl, which finds it on the PATH."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from harness.pages import clean_environment
from harness.processes import wait_for
from harness.stack import Stack


class Person:
    """Somebody at a terminal, with rights in Kubernetes and perhaps in Azure."""

    def __init__(self, stack: Stack, kubeconfig: Path, azure: dict[str, str] | None = None) -> None:
        self._stack = stack
        self.kubeconfig = kubeconfig
        self._azure = azure or {}

    @property
    def environment(self) -> dict[str, str]:
        clean = clean_environment()
        path = [str(self._stack.plane.kubectl_path.parent), str(Path(sys.executable).parent), clean.get("PATH", "")]
        return clean | self._azure | {
            "KUBECONFIG": str(self.kubeconfig),
            "PATH": os.pathsep.join(path),
            "AZDISKBACKUP_NOW": self._stack.azure.now.isoformat(),
        }  # fmt: skip

    def types(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl with some words."""
        return subprocess.run(
            ["kubectl", *words], capture_output=True, text=True, timeout=120, input=stdin, env=self.environment
        )

    def sees(self, *words: str) -> str:
        """Return what a command of the plugin writes; it must end well."""
        done = self.types("azdiskbackup", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


class Terminal:
    """A terminal of a size, in which somebody types."""

    def __init__(self, person: Person, folder: Path, columns: int = 100, lines: int = 30) -> None:
        self._socket = str(folder / "tmux")
        self._environment = person.environment | {"TERM": "xterm-256color"}
        self._tmux("new-session", "-d", "-x", str(columns), "-y", str(lines), "bash --norc --noprofile")
        self.type("PS1='$ '")

    def _tmux(self, *words: str) -> str:
        return subprocess.run(
            ["tmux", "-S", self._socket, "-f", "/dev/null", *words],
            capture_output=True, text=True, check=True, timeout=30, env=self._environment,
        ).stdout  # fmt: skip

    def type(self, line: str) -> None:
        self._tmux("send-keys", line, "Enter")

    def press(self, key: str) -> None:
        self._tmux("send-keys", key)

    @property
    def screen(self) -> str:
        return self._tmux("capture-pane", "-p", "-J")

    def shows(self, text: str) -> None:
        """Wait until some text is on the screen."""
        wait_for(lambda: text in self.screen, f"{text!r} on the screen:\n{self.screen}")

    def close(self) -> None:
        self._tmux("kill-server")
