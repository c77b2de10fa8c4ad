"""Deterministic names in Azure: the same object leads to the same name, so a crash is repaired by looking."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping

from azdiskbackup.core.identity.arm_ids import ArmId

# Fixed for all time: another value would orphan everything that exists.
_NAMESPACE = uuid.UUID("5f0bb1a6-5a0c-4ba3-9c7e-6d2f5f4f0b52")
_READABLE = 60
# By it the chart's admission policy tells restored disks from others: a provisioner's end with a uid, too.
_RESTORED = "restored-"
# Of the 80 characters that Compute allows, 9 are for the prefix and 37 for the uid.
_READABLE_OF_DISK = 34


def assignment_name(scope: str, principal: str, role: str) -> str:
    """Return the GUID of a role assignment.

    It depends on the principal, since Azure refuses to change the principal of an existing assignment, which is what
    a vault that was deleted and created again would ask for.
    """
    return str(uuid.uuid5(_NAMESPACE, "|".join(part.lower() for part in (scope, principal, role))))


def instance_name(disk: ArmId) -> str:
    """Return the name of the backup instance of a disk: readable first, unique by the whole id."""
    readable = re.sub(r"[^-a-zA-Z0-9]", "-", disk.name)[:_READABLE].strip("-") or "disk"
    return f"{readable}-{uuid.uuid5(_NAMESPACE, str(disk).lower())}"


def restored_disk_name(wanted: str, uid: str) -> str:
    """Return the name of the disk that a DiskRestore makes: readable first, unique by the object's uid.

    Args:
        wanted: name of the PVC that is made, or of the object.
        uid: the object's uid.
    """
    readable = re.sub(r"[^-a-zA-Z0-9]", "-", wanted)[:_READABLE_OF_DISK].strip("-") or "disk"
    return f"{_RESTORED}{readable}-{uid.lower()}"


def restored_volume_name(uid: str) -> str:
    """Return the name of the PersistentVolume that a DiskRestore makes."""
    return f"azdiskbackup-{uid.lower()}"


def is_policy_name(name: str, stem: str) -> bool:
    """Return whether ``policy_name`` may have made a name from a stem."""
    return re.fullmatch(rf"{re.escape(stem)}-[0-9a-f]{{8}}", name, re.IGNORECASE) is not None


def policy_name(stem: str, content: Mapping[str, object]) -> str:
    """Return the name of a policy with a given content: Azure cannot edit one, so other content is another policy."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"{stem}-{hashlib.sha256(canonical.encode()).hexdigest()[:8]}"
