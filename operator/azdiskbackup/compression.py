"""How text is kept in large numbers."""

from __future__ import annotations

import zlib

# Texts are of a few kilobytes: a larger window finds hardly more, and its making costs ten times the work.
_WINDOW_BITS, _MEMORY_LEVEL = 13, 5


def pack(text: bytes | memoryview) -> bytes:
    """Return a text as it is kept in large numbers; see ``unpack``."""
    packing = zlib.compressobj(1, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
    return packing.compress(text) + packing.flush()


def unpack(packed: bytes) -> bytes:
    """Return the text of what ``pack`` made."""
    return zlib.decompress(packed)
