"""What must hold for a restore, from its creation to its end, one rule a step, in order."""

from __future__ import annotations

from azdiskbackup.core.disk_restore.rules.request import job_ended, not_repeated, restore_started, restore_validated
from azdiskbackup.core.disk_restore.rules.source import (
    instance_is_own,
    namespace_allowed,
    restore_point_pinned,
    restores_enabled,
    source_exists,
)
from azdiskbackup.core.disk_restore.rules.target import claim_created, disk_role_assigned, group_configured
from azdiskbackup.core.disk_restore.rules.volume import (
    disk_exists,
    disk_tagged,
    reclaim_policy_set,
    restored,
    volume_bound,
    volume_created,
)
from azdiskbackup.core.rules import reasons

PROVISIONING_RULES = (
    (reasons.SOURCE_RESOLVED, restores_enabled),
    (reasons.SOURCE_RESOLVED, source_exists),
    (reasons.SOURCE_RESOLVED, namespace_allowed),
    (reasons.SOURCE_RESOLVED, instance_is_own),
    (reasons.SOURCE_RESOLVED, restore_point_pinned),
    (reasons.ACCESS_GRANTED, group_configured),
    (reasons.VOLUME_BOUND, claim_created),
    (reasons.ACCESS_GRANTED, disk_role_assigned),
    (reasons.VALIDATED, restore_validated),
    (reasons.DISK_RESTORED, restore_started),
    (reasons.DISK_RESTORED, job_ended),
    (reasons.DISK_RESTORED, disk_exists),
    (reasons.DISK_RESTORED, disk_tagged),
    (reasons.VOLUME_BOUND, volume_created),
    (reasons.VOLUME_BOUND, volume_bound),
    (reasons.VOLUME_BOUND, reclaim_policy_set),
    (reasons.SUCCEEDED, restored),
)

# For an object that a restore of manifests brought back, and that never asked for anything itself.
NOT_REPEATED_RULES = ((reasons.SUCCEEDED, not_repeated),)
