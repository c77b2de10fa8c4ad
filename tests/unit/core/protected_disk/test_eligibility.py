"""Whether an object and its references are such that a disk can be protected."""

from __future__ import annotations

from dataclasses import replace

from azdiskbackup.core.rules.lookup import NOT_FOUND
from unit.core.protected_disk.disk_world import NOW, PROTECTED, desired, make_plan


def test_a_policy_that_does_not_exist_is_told_with_those_that_do() -> None:
    missing = replace(PROTECTED, policy=NOT_FOUND)
    assert "ask the platform team to create one" in make_plan(desired(), missing, NOW).verdict.message
    several = replace(missing, usable_policies=tuple(f"p{number:02}" for number in range(12)))
    says = make_plan(desired(), several, NOW).verdict.message
    assert "serve this namespace: p00, p01" in says and "p09 and 2 more." in says
