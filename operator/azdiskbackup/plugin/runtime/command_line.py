"""The command line as kubectl's users type it: common options before the command too, and help in groups."""

from __future__ import annotations

import copy
import gc
import re
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

# Common options with a value, and without: what may stand before the command.
_VALUED = {"-n", "--namespace", "--context", "--kubeconfig", "-o", "--output", "--color"}
_FLAGS = {"-A", "--all-namespaces", "--no-headers"}
_SECTIONS = (
    ("See what is protected", ("status", "disks", "describe", "jobs", "restore-points", "timeline")),
    ("Back up and restore", ("backup", "restore", "swap")),
    ("Find what is missing", ("unprotected", "why", "orphans", "report")),
    ("Get help", ("check", "explain", "version")),
)
_EXAMPLES = {
    "status": ("status", "status -n shop", "status --exit-code || alert"),
    "disks": (
        "disks -A",
        "disks -l app=orders --not-ready",
        "disks -A --reason BackupFailed -o name",
        "disks -A --not-ready -w",
    ),
    "describe": ("describe orders -n shop", "describe shop/orders", "describe pvc/orders-0 -o wide"),
    "backup": ("backup orders --wait", "backup orders --rule weekly --ttl 604800"),
    "jobs": ("jobs -A --failed", "jobs orders -o wide"),
    "restore-points": ("restore-points orders", "restore-points orders --all-disks -o json"),
    "restore": (
        "restore orders --wait",
        "restore orders --at '2026-11-22 10:00' --pvc orders-then",
        "restore orders --point ID --disk-only --dry-run",
    ),
    "swap": ("swap orders-0 orders-0-restored --scale statefulset/orders", "swap orders-0 orders-0-restored --undo"),
    "timeline": ("timeline orders --days 90",),
    "unprotected": ("unprotected -A", "unprotected -n shop --apply-policy gold | kubectl apply -f -"),
    "why": ("why data-orders-0", "why shop/data-orders-0", "why pvc/data-orders-0 -o json"),
    "report": (
        "report",
        "report -o html > report.html",
        "report --from 2026-05-01 --to 2026-05-31 --prometheus http://localhost:9090 -o html > may.html",
    ),
    "orphans": ("orphans", "orphans -n shop", "orphans shop/orders"),
    "check": ("check", "check --no-azure -v"),
    "explain": ("explain BackupFailed", "explain backup", "explain -o json"),
}
_SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


class Commands(TyperGroup):
    """The commands, in groups; common options may stand before their name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse what was typed."""
        return super().parse_args(ctx, arranged(args))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands in their groups."""
        width = max(len(name) for _, names in _SECTIONS for name in names)
        for title, names in _SECTIONS:
            rows = [
                (name.ljust(width), command.get_short_help_str(formatter.width - 6 - width))
                for name in names
                if (command := self.get_command(ctx, name)) is not None
            ]
            with formatter.section(title):
                formatter.write_dl(rows)


def arranged(words: Sequence[str]) -> list[str]:
    """Return the words with the command before the options that stand before it, as kubectl allows it."""
    if list(words) == ["--version"]:
        return ["version"]
    begin = 0
    while begin < len(words):
        option, value, _ = words[begin].partition("=")
        if option in _FLAGS or (option in _VALUED and value):
            begin += 1
        elif option in _VALUED:
            begin += 2
        else:
            break
    if begin >= len(words) or words[begin].startswith("-"):
        return list(words)
    return [words[begin], *words[:begin], *words[begin + 1 :]]


def collect_rarely() -> None:
    """Have garbage collected rarely: a command ends in a moment, and what it imports stays."""
    gc.set_threshold(200_000, 50, 50)


def with_what_is_asked(app: typer.Typer, words: Sequence[str]) -> typer.Typer:
    """Return an app with the one command that words ask for, if any.

    To build the options of all of them takes longer than most commands.
    """
    name = next(iter(arranged(words)), "")
    # Of one command alone the library would make a program without commands; that of the version has no options.
    asked = [each for each in app.registered_commands if each.name in (name, "version")]
    found = copy.copy(app)
    found.registered_commands = asked if len(asked) > 1 else app.registered_commands
    return found


def examples(program: str, command: str) -> str:
    """Return what stands below the help of a command; its lines are kept as they are."""
    lines = [f"  {program} {each}" for each in _EXAMPLES.get(command, ())]
    return "\n".join(["\b", "Examples:", *lines]) if lines else ""


def seconds(text: str) -> int:
    """Return the seconds of ``600``, ``600s``, ``10m`` or ``1h30m``.

    Raises:
        BadParameter: it is nothing of the kind, or no time at all.
    """
    found = _SPAN.fullmatch(text)
    hours, minutes, rest = (int(each or 0) for each in found.groups()) if found else (0, 0, 0)
    span = hours * 3600 + minutes * 60 + rest
    if not span:
        raise typer.BadParameter(f"{text!r} is not a duration such as 10m, 1h30m or 600")
    return span
