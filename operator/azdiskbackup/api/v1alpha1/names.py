"""How the kinds are called: known without their models, whose import takes longer than a command that lists names."""

from __future__ import annotations

from dataclasses import dataclass

GROUP = "azdiskbackup.io"
VERSION = "v1alpha1"
CATEGORY = "azdiskbackup"


@dataclass(frozen=True, slots=True)
class KindNames:
    """A kind by its names."""

    name: str
    plural: str
    short_name: str
    namespaced: bool


BACKUP_VAULT = KindNames("BackupVault", "backupvaults", "azvault", namespaced=False)
DISK_BACKUP_POLICY = KindNames("DiskBackupPolicy", "diskbackuppolicies", "azdiskpolicy", namespaced=False)
PROTECTED_DISK = KindNames("ProtectedDisk", "protecteddisks", "pdisk", namespaced=True)
ON_DEMAND_BACKUP = KindNames("OnDemandBackup", "ondemandbackups", "odbackup", namespaced=True)
DISK_RESTORE = KindNames("DiskRestore", "diskrestores", "drestore", namespaced=True)
DISK_PROTECTION_RULE = KindNames("DiskProtectionRule", "diskprotectionrules", "azdiskrule", namespaced=False)

KIND_NAMES = (
    BACKUP_VAULT,
    DISK_BACKUP_POLICY,
    PROTECTED_DISK,
    ON_DEMAND_BACKUP,
    DISK_RESTORE,
    DISK_PROTECTION_RULE,
)
