"""How memory is given back to the machine."""

from __future__ import annotations

import ctypes
import gc
import sys

# From mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGE = 64 * 1024


def tune_allocator() -> None:
    """Have what is large given back when it is freed, and only what is made from now on collected.

    Call it after the imports, during which nothing is collected (``__main__``).

    Pages of answers come and go. Where glibc takes them from the heap, which it learns to do, what is kept of them ends
    up between them, and holds the heap at its largest.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        # musl has none, and needs none.
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _LARGE)
            mallopt(_M_TRIM_THRESHOLD, 2 * _LARGE)
            # Threads look up names and renew the Lease: none of them waits long for another one's memory.
            mallopt(_M_ARENA_MAX, 1)
    # What was imported stays for good: not counted, it delays no collection of what was used once.
    gc.freeze()
    gc.enable()
