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


def on_a_stack(name: str, measure: Callable[[Stack, Tell], T], claims_every: int = 1) -> T:
    """Measure on a control plane and a simulator of its own.

    Args:
        name: what is measured.
        measure: measures, and tells how far it is.
        claims_every: how often, in seconds, Kubernetes looks at all PVCs.
    """
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {name}: {what}", flush=True)

    with tempfile.TemporaryDirectory(prefix="azdiskbackup-bench-") as folder:
        stack = Stack(Path(folder))
        stack.plane.claims_every = claims_every
        try:
            stack.start_control_plane()
            stack.start_simulator()
            return measure(stack, tell)
        finally:
            stack.stop()
