"""Threads that end with the process: who presses Ctrl-C waits for no answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DaemonThreads(ThreadPoolExecutor):
    """Runs each call in a daemon thread of its own.

    A pool is what asyncio takes as the executor of its loop; the threads of the library's pool are waited for at the
    end of the loop and again at the end of the process.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin a call; return what it will answer."""
        answer: Future[T] = Future()

        def run() -> None:
            if not answer.set_running_or_notify_cancel():
                return
            try:
                found = fn(*args, **kwargs)
            except BaseException as error:
                answer.set_exception(error)
            else:
                answer.set_result(found)

        threading.Thread(target=run, daemon=True).start()
        return answer

    def shutdown(self, *_: Any, **__: Any) -> None:
        """Wait for nobody."""
