"""What a status has recorded of earlier passes. Others may write it too: nonsense counts as not recorded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from azdiskbackup.api.v1alpha1.base import is_plausible
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.resource import Resource

DISK = ("microsoft.compute", "disks")
VAULT = ("microsoft.dataprotection", "backupvaults")
INSTANCE = (*VAULT, "backupinstances")
POLICY = (*VAULT, "backuppolicies")
# What Azure calls a job or an identity.
_ID = re.compile(r"[-0-9A-Za-z]{1,64}")
_LONGEST = 2048


def recorded_id(resource: Resource, type_: tuple[str, ...], *path: str) -> ArmId | None:
    """Return an ARM id of a type: its provider, and the types on its path."""
    return id_of_type(_dig(resource.status, path), type_)


def id_of_type(found: object, type_: tuple[str, ...]) -> ArmId | None:
    """Return what somebody wrote as an ARM id of a type; None for anything else."""
    if not isinstance(found, str) or len(found) > _LONGEST:
        return None
    try:
        id_ = ArmId.parse(found)
    except ValueError:
        return None
    return id_ if (id_.provider.lower(), *(each.lower() for each in id_.path[::2])) == type_ else None


def recorded_time(found: object) -> datetime | None:
    """Return a time as the API server writes it."""
    try:
        when = datetime.fromisoformat(found) if isinstance(found, str) else None
    except ValueError:
        return None
    return when.astimezone(UTC) if when is not None and is_plausible(when) else None


def recorded_name(resource: Resource, *path: str) -> str | None:
    """Return the id that Azure gave to a job or an identity."""
    return azure_name(_dig(resource.status, path))


def azure_name(found: object) -> str | None:
    """Return what Azure may call a job or an identity; None for anything else."""
    return found if isinstance(found, str) and _ID.fullmatch(found) else None


def recorded_identities(resource: Resource) -> Mapping[str, str]:
    """Return the object ids of a vault's identities, by lower-case ARM id; that of its own under the empty one."""
    listed = resource.status.get("identities")
    found = {}
    for each in listed if isinstance(listed, list) else ():
        principal = azure_name(each.get("principalID")) if isinstance(each, Mapping) else None
        if principal is not None:
            found[str(each.get("userAssignedIdentityID") or "").lower()] = principal
    return found


def recorded_count(resource: Resource, *path: str) -> int | None:
    """Return how many there are of something."""
    found = _dig(resource.status, path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def recorded_text(resource: Resource, *path: str) -> str | None:
    """Return some text."""
    found = _dig(resource.status, path)
    return found if isinstance(found, str) else None


def _dig(found: object, path: tuple[str, ...]) -> object:
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
