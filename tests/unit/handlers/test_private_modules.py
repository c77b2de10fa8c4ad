"""What we use of Kopf that is not public: here it says so when an upgrade moves it."""

from __future__ import annotations

import inspect

import kopf
from kopf._core.engines.peering import Identity
from kopf._core.reactor.inventory import ResourceMemories


def test_kopf_can_be_told_to_remember_no_object() -> None:
    assert "ephemeral" in inspect.signature(ResourceMemories.recall).parameters
    assert "memories" in inspect.signature(kopf.spawn_tasks).parameters


def test_kopf_can_be_told_who_it_is() -> None:
    assert Identity("azdiskbackup") == "azdiskbackup"
    assert "identity" in inspect.signature(kopf.spawn_tasks).parameters
