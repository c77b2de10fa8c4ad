"""How texts that are much alike are kept in large numbers: of each, what the others do not have."""

from __future__ import annotations

import zlib

# Texts are of a few kilobytes: a larger window finds hardly more, and its making costs ten times the work.
_WINDOW_BITS, _MEMORY_LEVEL = 13, 5
_WINDOW = 2**_WINDOW_BITS
# An object that was just made has no status yet, which is most of it later.
_MORE = 1.25


class Packing:
    """Packs texts of one sort: the fullest of them so far is the model of the next ones."""

    def __init__(self) -> None:
        self._model = b""

    def pack(self, text: bytes | memoryview) -> tuple[bytes, bytes]:
        """Return what is kept of a text, and its model; see ``unpack``."""
        if len(self._model) < _WINDOW and len(text) > _MORE * len(self._model):
            self._model = bytes(text[:_WINDOW])
        packing = zlib.compressobj(1, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL, zdict=self._model)
        return packing.compress(text) + packing.flush(), self._model


def unpack(content: bytes, model: bytes) -> bytes:
    """Return the text of what ``Packing`` made."""
    return zlib.decompressobj(_WINDOW_BITS, zdict=model).decompress(content)
