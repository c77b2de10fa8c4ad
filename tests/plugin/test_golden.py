"""What the commands write, letter for letter: narrow, wide, for a program, with and without colour."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugin.conftest import Run

Golden = Callable[[str, str], None]
COMMANDS = (
    "status",
    "disks -A",
    "disks -A -o wide",
    "describe data",
    "describe orders",
    "describe ledger -n bank",
    "describe new -n bank",
    "describe lost",
    "jobs -A",
    "jobs ledger -n bank --failed -o wide",
    "restore-points lost --from status",
    "timeline ledger -n bank --from status --days 14",
    "unprotected -A",
    "unprotected -A --apply-policy gold",
    "explain",
    "explain WaitingForPermissions",
    "check --no-azure",
    "backup data --name now",
    "backup data --dry-run",
    "restore data",
    "restore data-0 --at 2026-11-22T09:00:00Z --pvc data-then --dry-run",
    "restore --instance gone-1 --vault demo --disk-only --dry-run",
    "restore --instance gone-1 --vault demo --pvc x --storage-class y --volume-mode Block --dry-run",
    "restore lost",
)


@pytest.mark.parametrize("columns", [60, 160, None], ids=["narrow", "wide", "to-a-program"])
@pytest.mark.parametrize("command", COMMANDS)
def test_for_a_person(run: Run, golden: Golden, command: str, columns: int | None) -> None:
    code, out, err = run(*command.split(), columns=columns)
    golden(f"{command} {columns or 'pipe'}", f"$ {command} → {code}\n{out}--- stderr\n{err}")
    if columns is not None and not any(word in command for word in ("dry-run", "apply-policy", "wide")):
        # A word is never broken: it may be an id, or a command.
        assert all(len(line) <= columns or len(line.split()[-1]) > columns // 2 for line in out.splitlines())


@pytest.mark.parametrize("command", ["status", "describe ledger -n bank", "disks -A", "timeline data --from status"])
def test_in_colour(run: Run, golden: Golden, command: str) -> None:
    _, out, _ = run(*command.split(), "--color", "always", columns=120)
    assert "\x1b[" in out
    golden(f"{command} colour", out.replace("\x1b", "<ESC>"))
    _, plain, _ = run(*command.split(), "--color", "never", columns=120)
    assert "\x1b[" not in plain


@pytest.mark.parametrize("form", ["json", "yaml"])
@pytest.mark.parametrize(
    "command",
    [
        "status",
        "disks",
        "describe orders",
        "jobs ledger -n bank",
        "restore-points lost --from status",
        "timeline data --from status --days 3",
        "unprotected",
        "explain Queued",
        "check --no-azure",
        "backup data --name now",
        "restore data --point point-3",
        "restore lost",
    ],
)
def test_for_a_program(run: Run, golden: Golden, command: str, form: str) -> None:
    _, out, _ = run(*command.split(), "-o", form)
    golden(f"{command} {form}", out)
