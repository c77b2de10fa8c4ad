"""Rows of answers as they are kept: as text, until somebody wants to read one.

Thousands of trees of small objects would be most of our memory, and reading each of them at each sweep most of our
work, though hardly any is different from the last time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from azdiskbackup.compression import Packing, unpack

RowT = TypeVar("RowT")
RowT_co = TypeVar("RowT_co", covariant=True)

Json: TypeAlias = Mapping[str, Any]


class Row(Protocol[RowT_co]):
    """Something that can be read."""

    def read(self) -> RowT_co:
        """Return what it tells."""
        ...


@dataclass(frozen=True, slots=True)
class Known(Generic[RowT]):
    """A row that was read already."""

    value: RowT

    def read(self) -> RowT:
        """Return what it tells."""
        return self.value


@dataclass(frozen=True, slots=True)
class Packed(Generic[RowT]):
    """A row as it came, compressed.

    Attributes:
        content: its text, packed by a model.
        reader: understands it; the same function for all rows of a kind.
    """

    content: bytes
    model: bytes
    reader: Callable[[Json], RowT]

    def read(self) -> RowT:
        """Return what it tells."""
        return self.reader(msgspec.json.decode(unpack(self.content, self.model)))


class Packer(Generic[RowT]):
    """Packs the rows of one kind.

    Args:
        reader: understands them.
    """

    def __init__(self, reader: Callable[[Json], RowT]) -> None:
        self._reader = reader
        self._packing = Packing()

    def pack(self, text: msgspec.Raw) -> Packed[RowT]:
        """Return a row as it is kept."""
        return Packed(*self._packing.pack(memoryview(text)), self._reader)


def differ(one: Row[RowT] | None, other: Row[RowT] | None) -> bool:
    """Return whether two rows tell something else; the same may have been written otherwise."""
    if one is other or one == other:
        return False
    return one is None or other is None or one.read() != other.read()
