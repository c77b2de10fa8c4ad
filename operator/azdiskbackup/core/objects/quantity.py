"""Quantities of storage, as Kubernetes writes them: ``32Gi``, ``1.5Ti``, ``100G``, ``1e9``."""

from __future__ import annotations

import re

_QUANTITY = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([-+]?[0-9]{1,2})|(m|[kKMGTPE]i?))?")
_UNITS = "kMGTPE"


def bytes_of(quantity: str) -> float:
    """Return how many bytes a quantity is; zero for what is no quantity."""
    match = _QUANTITY.fullmatch(quantity)
    if match is None:
        return 0.0
    digits, exponent, unit = match.groups()
    if unit == "m":
        return float(digits) / 1000
    power = _UNITS.find(unit[0].replace("K", "k")) + 1 if unit else 0
    return float(digits) * 10.0 ** int(exponent or 0) * (1024.0 if unit and unit.endswith("i") else 1000.0) ** power


def is_smaller(one: str, other: str) -> bool:
    """Return whether a quantity is smaller than another one."""
    return bytes_of(one) < bytes_of(other)
