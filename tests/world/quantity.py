"""Quantities of storage, as Kubernetes writes them."""

from __future__ import annotations

import re

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {f"{each}i": int(1024**power) for power, each in enumerate("KMGT", 1)}
_QUANTITY = re.compile(r"(\d+)([kKMGT]i?)?")


def bytes_of(quantity: object) -> int:
    """Return how many bytes, or things, a quantity means.

    Raises:
        ValueError: it is none.
    """
    match = _QUANTITY.fullmatch(str(quantity))
    if match is None or (match[2] or "") not in _UNITS:
        raise ValueError(f"{quantity!r} is not a quantity")
    return int(match[1]) * int(_UNITS[match[2] or ""])


def quantity_of(number: int) -> str:
    """Return a number with the largest binary unit that it is a multiple of."""
    for unit in ("Ti", "Gi", "Mi", "Ki"):
        if number and number % _UNITS[unit] == 0:
            return f"{number // _UNITS[unit]}{unit}"
    return str(number)
