"""Whatever the service leaves out, adds or writes otherwise: a decoder reads the rest, or that row is left out."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from azdiskbackup.azure.gateways import decode
from harness.openapi import DATA

RECORDINGS = DATA / "recordings"
DECODERS: dict[str, Callable[[Any], object]] = {
    "microsoft.dataprotection/backupvaults": decode.vault,
    "microsoft.dataprotection/backupvaults/backupinstances": decode.instance,
    "microsoft.dataprotection/backupvaults/backupjobs": decode.job,
    "microsoft.dataprotection/backupvaults/backupinstances/recoverypoints": decode.restore_point,
}
pytestmark = pytest.mark.skipif(
    not RECORDINGS.exists(), reason=f"no recorded traffic at {RECORDINGS}: name its folder's parent with AZURE_API_DATA"
)


def rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield type and body of every recorded resource that we read."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in sorted(RECORDINGS.glob("*.yaml")):
        for call in yaml.load(path.read_text(), Loader=loader)["interactions"]:  # noqa: S506 - a safe loader
            text = call["response"]["body"]["string"]
            body = json.loads(text) if text else {}
            for row in [body, *(body.get("value") or [])] if isinstance(body, dict) else []:
                kind = str(row.get("type", "")).lower() if isinstance(row, dict) else ""
                if kind in DECODERS:
                    yield kind, row


def places(value: object, way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*way, name)
            yield from places(inner, (*way, name))


def changed(row: dict[str, Any], way: tuple[str, ...], change: Callable[[dict[str, Any], str], None]) -> dict[str, Any]:
    found = copy.deepcopy(row)
    holder = found
    for name in way[:-1]:
        holder = holder[name]
    change(holder, way[-1])
    return found


def removed(holder: dict[str, Any], name: str) -> None:
    del holder[name]


def nothing(holder: dict[str, Any], name: str) -> None:
    holder[name] = None


def another(holder: dict[str, Any], name: str) -> None:
    holder[name] = "something that nobody expects"


def louder(holder: dict[str, Any], name: str) -> None:
    if isinstance(holder[name], str):
        holder[name] = holder[name].upper()


def accompanied(holder: dict[str, Any], name: str) -> None:
    holder[f"{name}OfTheFuture"] = {"more": [1, 2, None]}


@pytest.mark.parametrize("change", [removed, nothing, another, louder, accompanied], ids=lambda each: each.__name__)
def test_no_answer_breaks_a_decoder(change: Callable[[dict[str, Any], str], None]) -> None:
    tried = read = 0
    for kind, row in {json.dumps(row, sort_keys=True): (kind, row) for kind, row in rows()}.values():
        for way in places(row):
            found = decode.each([changed(row, way, change), row], DECODERS[kind])
            tried += 1
            read += len(found) == 2
            assert found[-1] == DECODERS[kind](row), "the next row is read all the same"
    assert tried > 500, "the recordings have many members"
    assert read / tried > 0.8, "and few of them are indispensable"
