"""The steps that a policy can need: at most one a pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.policy_content import PolicyContent


@dataclass(frozen=True, slots=True)
class CreatePolicy:
    """Create the policy."""

    id: ArmId
    content: PolicyContent


@dataclass(frozen=True, slots=True)
class DeletePolicy:
    """Delete the policy, which no disk uses."""

    id: ArmId


Step: TypeAlias = CreatePolicy | DeletePolicy
