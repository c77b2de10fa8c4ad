"""What keeps the process small: how text is kept, and how memory is given back."""

from __future__ import annotations

import ctypes
import gc
import sys
import zlib

# Texts are of a few kilobytes: a larger window finds hardly more, and its making costs ten times the work.
_WINDOW_BITS, _MEMORY_LEVEL = 13, 5
# From mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGE = 64 * 1024


def pack(text: bytes | memoryview) -> bytes:
    """Return a text as it is kept in large numbers; see ``unpack``."""
    packing = zlib.compressobj(1, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
    return packing.compress(text) + packing.flush()


def unpack(packed: bytes) -> bytes:
    """Return the text of what ``pack`` made."""
    return zlib.decompress(packed)


def settle() -> None:
    """Have what is large given back when it is freed, and leave what is loaded now alone; call it after the imports.

    Pages of answers come and go. Where glibc takes them from the heap, which it learns to do, what is kept of them ends
    up between them, and holds the heap at its largest.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        # musl has none, and needs none.
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _LARGE)
            mallopt(_M_TRIM_THRESHOLD, 2 * _LARGE)
    # What was imported stays for good: not counted, it delays no collection of what was used once.
    gc.collect()
    gc.freeze()
