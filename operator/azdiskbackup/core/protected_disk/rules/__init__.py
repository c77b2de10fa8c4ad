"""What must hold for a protected disk, one rule a step, in the order in which they must hold.

Each rule takes what is desired, what is observed and the time, and says that it is satisfied, the one thing to do or to
wait for, or the fact that it needs first. ``deletion.py`` has the rules of a disk that is being deleted.
"""

from __future__ import annotations

from azdiskbackup.core.protected_disk.rules.eligibility import (
    disk_eligible,
    instance_not_owned_elsewhere,
    namespace_allowed,
    no_older_duplicate,
    policy_and_vault_usable,
    pvc_resolves_to_disk,
)
from azdiskbackup.core.protected_disk.rules.instance import (
    instance_exists_with_policy,
    owner_tags_written,
    protection_configured,
    protection_mode,
)
from azdiskbackup.core.protected_disk.rules.permissions import reader_role_granted, validate_for_backup
from azdiskbackup.core.rules import reasons

PROVISIONING_RULES = (
    (reasons.ACCEPTED, policy_and_vault_usable),
    (reasons.ACCEPTED, namespace_allowed),
    (reasons.ACCEPTED, no_older_duplicate),
    (reasons.DISK_RESOLVED, pvc_resolves_to_disk),
    (reasons.DISK_RESOLVED, disk_eligible),
    (reasons.DISK_RESOLVED, instance_not_owned_elsewhere),
    (reasons.ROLES_GRANTED, reader_role_granted),
    (reasons.VALIDATED, validate_for_backup),
    (reasons.PROTECTED, instance_exists_with_policy),
    (reasons.PROTECTED, protection_configured),
    (reasons.PROTECTED, owner_tags_written),
    (reasons.PROTECTED, protection_mode),
)
