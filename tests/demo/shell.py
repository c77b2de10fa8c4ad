"""Somebody at a terminal, who types what the pages of docs/tasks say; the story shows it."""

from __future__ import annotations

import subprocess

from demo.telling import StoryError, Teller
from demo.world import fast_forward
from harness.plugin import Person
from harness.programs import reader
from harness.stack import Stack


class Shell:
    """A terminal with kubectl and our command, and the right to read the vaults' backups in Azure."""

    def __init__(self, stack: Stack, teller: Teller) -> None:
        self._stack, self._teller = stack, teller
        self._person = Person(stack, stack.plane.kubeconfig, reader(stack))

    def types(self, *words: str) -> None:
        """Type a command of kubectl, and show what it prints.

        Raises:
            StoryError: it failed.
        """
        self._teller.typed(("kubectl", *words))
        with fast_forward(self._stack):
            self._shows(*words)

    def _shows(self, *words: str) -> None:
        running = subprocess.Popen(
            ["kubectl", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._person.environment | {"COLUMNS": str(self._teller.width)},
        )
        assert running.stdout is not None, "it is a pipe"
        try:
            for line in running.stdout:
                self._teller.printed(line.rstrip())
            if running.wait() != 0:
                raise StoryError(f"kubectl {' '.join(words)} ended with {running.returncode}")
        finally:
            running.kill()
            running.wait()

    def reads(self, *words: str) -> str:
        """Return what a command of kubectl prints, without showing it.

        Raises:
            StoryError: it failed.
        """
        done = self._person.types(*words)
        if done.returncode != 0:
            raise StoryError(f"kubectl {' '.join(words)}: {done.stderr}")
        return done.stdout
