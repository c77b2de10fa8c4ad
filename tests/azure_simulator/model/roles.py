"""Role definitions: what a role allows, which is what counts, not what it is called.

Source: Microsoft's 'Azure built-in roles'; of the long ones only what disk backup touches.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

DISK_BACKUP_READER = "3e5e47e6-65f7-47ef-90b5-e5dd4d455f24"
DISK_SNAPSHOT_CONTRIBUTOR = "7efff54f-a5b4-42b5-a1c5-5411624893ce"
DISK_RESTORE_OPERATOR = "b50d9833-a0cb-478e-945f-707fcc997c13"

_READ_RIGHTS = "Microsoft.Authorization/*/read"
_GROUPS = "Microsoft.Resources/subscriptions/resourceGroups/read"
_SNAPSHOTS = "Microsoft.Compute/snapshots"


@dataclass(frozen=True)
class RoleDefinition:
    """What a role allows."""

    guid: str
    name: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()
    custom: bool = False

    def allows(self, action: str) -> bool:
        """Return whether it allows an action."""
        return matches(action, self.actions) and not matches(action, self.not_actions)


@functools.cache
def matches(action: str, patterns: tuple[str, ...]) -> bool:
    """Return whether an action is one of those that role definitions name, with stars in them."""
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE) for pattern in patterns)


BUILT_IN = (
    RoleDefinition(
        DISK_BACKUP_READER,
        "Disk Backup Reader",
        (_READ_RIGHTS, "Microsoft.Compute/disks/read", "Microsoft.Compute/disks/beginGetAccess/action"),
    ),
    RoleDefinition(
        DISK_SNAPSHOT_CONTRIBUTOR,
        "Disk Snapshot Contributor",
        (
            _READ_RIGHTS,
            _GROUPS,
            *(f"{_SNAPSHOTS}/{each}" for each in ("read", "write", "delete")),
            *(f"{_SNAPSHOTS}/{each}/action" for each in ("beginGetAccess", "endGetAccess")),
            "Microsoft.Compute/disks/beginGetAccess/action",
            *(f"Microsoft.Storage/storageAccounts/{each}" for each in ("read", "write", "delete", "listkeys/action")),
        ),
    ),
    RoleDefinition(
        DISK_RESTORE_OPERATOR,
        "Disk Restore Operator",
        (_READ_RIGHTS, _GROUPS, "Microsoft.Compute/disks/read", "Microsoft.Compute/disks/write"),
    ),
    RoleDefinition("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader", ("*/read",)),
    RoleDefinition("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner", ("*",)),
    RoleDefinition(
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "Contributor",
        ("*",),
        ("Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"),
    ),
    RoleDefinition(
        "5e467623-bb1f-42f4-a55d-6e525e11384b",
        "Backup Contributor",
        (_READ_RIGHTS, _GROUPS, "Microsoft.DataProtection/*"),
    ),
    RoleDefinition(
        "a795c7a0-d4a2-40c1-ae25-d81f01202912",
        "Backup Reader",
        (_READ_RIGHTS, "Microsoft.DataProtection/*/read"),
    ),
)
# What Azure Backup does as the vault, for which the documentation wants these roles; rights to read role assignments
# are among them (recorded: without them a validation fails).
NEEDED = {
    DISK_BACKUP_READER: (
        "Microsoft.Authorization/roleAssignments/read",
        "Microsoft.Compute/disks/read",
        "Microsoft.Compute/disks/beginGetAccess/action",
    ),
    DISK_SNAPSHOT_CONTRIBUTOR: tuple(f"{_SNAPSHOTS}/{each}" for each in ("read", "write", "delete")),
    DISK_RESTORE_OPERATOR: ("Microsoft.Compute/disks/read", "Microsoft.Compute/disks/write"),
}
