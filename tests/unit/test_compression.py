"""Texts that are much alike take little, and come back as they were."""

from __future__ import annotations

import json
import random

from hypothesis import given
from hypothesis import strategies as st

from azdiskbackup.compression import Packing, unpack

NUMBERS = random.Random(0)


def _disk(number: int) -> bytes:
    """Return what is alike in all but its name and some numbers."""
    conditions = [{"type": each, "status": "True", "message": f"{each} since the last backup."} for each in "ABCDEFG"]
    names = {"name": f"data-{number}", "uid": f"{NUMBERS.getrandbits(128):x}", "version": NUMBERS.randrange(10**6)}
    return json.dumps({"metadata": names, "status": {"conditions": conditions}}).encode()


@given(st.lists(st.binary(max_size=9000), max_size=8))
def test_every_text_comes_back_whatever_came_before_it(texts: list[bytes]) -> None:
    packing = Packing()
    packed = [packing.pack(text) for text in texts]
    assert [unpack(*each) for each in packed] == texts


def test_of_each_only_what_the_others_do_not_have_is_kept() -> None:
    packing = Packing()
    texts = [_disk(number) for number in range(100)]
    packed = [packing.pack(text)[0] for text in texts]
    assert sum(map(len, packed[1:])) < 0.2 * sum(map(len, texts[1:]))


def test_the_fullest_text_is_the_model_of_those_after_it() -> None:
    packing = Packing()
    _, without_status = packing.pack(b'{"metadata": {}}')
    _, full = packing.pack(_disk(0))
    assert len(without_status) < len(full)
    models = {id(packing.pack(_disk(number))[1]) for number in range(1, 20)}
    assert models == {id(full)}, "no copy of it for each"


def test_the_same_text_is_packed_to_the_same() -> None:
    packing = Packing()
    packing.pack(_disk(0))
    text = _disk(1)
    assert packing.pack(text) == packing.pack(memoryview(text))


def test_nothing_that_lies_further_back_than_the_window_is_a_model() -> None:
    packing = Packing()
    _, model = packing.pack(random.Random(1).randbytes(20_000))
    assert len(model) == 8192 and packing.pack(bytes(30_000))[1] is model
