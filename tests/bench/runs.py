"""A place for each measurement: a control plane and a simulator of its own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bench.fleet import Tell
from harness.stack import Stack

T = TypeVar("T")


def on_a_stack(name: str, measure: Callable[[Stack, Tell], T]) -> T:
    """Measure on a control plane and a simulator of its own."""
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {name}: {what}", flush=True)

    with tempfile.TemporaryDirectory(prefix="azdiskbackup-bench-") as folder:
        stack = Stack(Path(folder))
        # Each fleet makes the volumes first.
        stack.plane.claims_every = 30
        try:
            stack.start_control_plane()
            stack.start_simulator()
            return measure(stack, tell)
        finally:
            stack.stop()
