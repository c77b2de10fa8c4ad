"""What surrounds every command: streams that are closed, full or of another alphabet, and unexpected errors."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable
from io import TextIOWrapper

from azdiskbackup.plugin.output.foreign import one_line
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode

# Set, unexpected errors show their stack trace.
DEBUG = "AZDISKBACKUP_DEBUG"


def guarded(command: Callable[[], object]) -> None:
    """Run a command to its end; whatever happens is an exit code and a sentence at most.

    Raises:
        SystemExit: always.
    """
    _prepare()
    out = sys.stdout
    try:
        command()
        code = ExitCode.DONE
    except SystemExit as ended:
        # The library of the options ends with 1 where whoever reads has enough, and takes the stream away.
        code = ExitCode.BROKEN_PIPE if sys.stdout is not out else ended.code  # type: ignore[assignment] # it is a number
    except CliError as trouble:
        code = _say(trouble.user_message, trouble.ending)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except OSError as error:
        if error.errno == errno.EPIPE:
            code = ExitCode.BROKEN_PIPE
        elif error.errno in (errno.ENOSPC, errno.EIO):
            code = _say(f"Cannot write the output: {error.strerror}.", ExitCode.FAILED)
        else:
            code = _bug(error)
    except Exception as error:
        code = _bug(error)
    _end(code)


def _prepare() -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Somebody closed it.
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - to the end of the process
        elif isinstance(stream, TextIOWrapper):
            # A sign that the terminal's alphabet lacks is no reason to end.
            stream.reconfigure(errors="replace")


def _say(message: str, ending: ExitCode) -> ExitCode:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{one_line(message)}\n")
    return ending


def _bug(error: Exception) -> ExitCode:
    if os.environ.get(DEBUG):
        raise error
    return _say(
        f"Unexpected error: {type(error).__name__}: {error}. Set {DEBUG}=1 for the stack trace.", ExitCode.FAILED
    )


def _end(code: int) -> None:
    """Write what is left, and end; a stream that breaks now would be told by the interpreter, in its own words."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if code == ExitCode.DONE:
                code = ExitCode.BROKEN_PIPE if error.errno == errno.EPIPE else ExitCode.FAILED
    sys.exit(code)
