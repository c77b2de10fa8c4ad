"""The kinds of ``azdiskbackup.io/v1alpha1``, with their models."""

from __future__ import annotations

from azdiskbackup.api.v1alpha1.backup_vault import BACKUP_VAULT
from azdiskbackup.api.v1alpha1.disk_backup_policy import DISK_BACKUP_POLICY
from azdiskbackup.api.v1alpha1.disk_protection_rule import DISK_PROTECTION_RULE
from azdiskbackup.api.v1alpha1.disk_restore import DISK_RESTORE
from azdiskbackup.api.v1alpha1.on_demand_backup import ON_DEMAND_BACKUP
from azdiskbackup.api.v1alpha1.protected_disk import PROTECTED_DISK

KINDS = (BACKUP_VAULT, DISK_BACKUP_POLICY, PROTECTED_DISK, ON_DEMAND_BACKUP, DISK_RESTORE, DISK_PROTECTION_RULE)
