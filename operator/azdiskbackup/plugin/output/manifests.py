"""Manifests as they are written for `kubectl apply -f -`."""

from __future__ import annotations

import re
from typing import Any

import yaml

# Nothing that some reader of YAML takes for a number, a time or a truth value: names such as 1e5, 09 or n are legal.
_PLAIN = re.compile(r"[A-Za-z][-A-Za-z0-9/.]+")
_WORDS = {"yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}


class _Dumper(yaml.SafeDumper):
    """Quotes every string that is not plainly one."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _text)


def manifest(body: dict[str, Any]) -> str:
    """Return an object as YAML that every reader reads as it is meant."""
    return yaml.dump(body, Dumper=_Dumper, sort_keys=False)
