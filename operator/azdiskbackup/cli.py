"""The command: read the settings, do what is asked, and say how it ended.

What only one command needs is imported by it: Helm waits for `check` and `release`, which need little of the operator.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeAlias

import structlog
from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from azdiskbackup.app.termination import say_why
from azdiskbackup.errors import CannotStart, Exit, OperatorError
from azdiskbackup.observability import logs
from azdiskbackup.settings import Settings

Command: TypeAlias = Callable[[Settings], Coroutine[Any, Any, None]]

_log = structlog.get_logger("azdiskbackup")


def main() -> None:
    """Do what the first argument names, or run the operator."""
    arguments = sys.argv[1:]
    command = _COMMANDS[arguments.pop(0)] if arguments and arguments[0] in _COMMANDS else _run
    sys.exit(_done(command, arguments))


def _done(command: Command, arguments: list[str]) -> Exit:
    """Do what a command does; return how it ended, which was said by then."""
    try:
        settings = CliApp.run(Settings, cli_args=arguments)
    except (ValidationError, SettingsError) as error:
        logs.configure("json", "info")
        return _ended(Exit.BAD_SETTINGS, _of_settings(error), Path("/dev/termination-log"))
    logs.configure(settings.log_format, settings.log_level)
    try:
        asyncio.run(command(settings))
    except CannotStart as error:
        return _ended(error.code, error.user_message, settings.termination_log)
    except OperatorError as error:
        return _ended(Exit.KUBERNETES, error.user_message, settings.termination_log)
    except Exception as error:
        _log.exception("unexpected")
        return _ended(Exit.FAILED, f"{type(error).__name__}: {error}. See the log.", settings.termination_log)
    return Exit.DONE


def _ended(code: Exit, message: str, termination_log: Path) -> Exit:
    _log.error(message, exit_code=int(code))
    say_why(termination_log, message)
    return code


def _of_settings(error: ValidationError | SettingsError) -> str:
    if isinstance(error, SettingsError):
        return f"{error}. `azdiskbackup --help` describes what there is."
    faults = [
        f"AZDISKBACKUP_{'_'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
        for fault in error.errors(include_url=False)
    ]
    return f"Invalid settings: {'; '.join(faults)}. `azdiskbackup --help` describes each."


async def _run(settings: Settings) -> None:
    from azdiskbackup.app.allocator import tune_allocator
    from azdiskbackup.app.replica import Process

    tune_allocator()
    await Process(settings).run()


async def _check(settings: Settings) -> None:
    """Say whether Azure lets the operator in."""
    from azdiskbackup.azure.client import preflight

    _log.info(await preflight.check(settings, settings.check_wait_seconds))


async def _release(settings: Settings) -> None:
    from azdiskbackup.app.uninstall import release_finalizers

    await release_finalizers(settings)


_COMMANDS: dict[str, Command] = {"run": _run, "check": _check, "release": _release}
