"""What each error code of Azure means: one table, from the code to its class and to what a person does about it.

Sources: [R] recorded traffic, [D] Microsoft's documentation, [I] an issue of another project. A code that is not here
gets its class from its status and from `isUserError`, in ``error_table``, and is counted by name, so that it can be
added.
"""

from __future__ import annotations

from dataclasses import dataclass

from azdiskbackup.azure.transport.limits import NOT_THROTTLED
from azdiskbackup.errors import (
    AccessDenied,
    AlreadyProtected,
    Conflict,
    EncryptionSetPermissionsMissing,
    IdentityNotFound,
    InvalidRequest,
    OperatorError,
    PermissionsMissing,
    PolicyDenied,
    QuotaExceeded,
    ResourceLocked,
    RestoreGroupMissing,
    RestoreGroupPermissionsMissing,
    RestorePointGone,
    ServiceFloodGuard,
    SnapshotGone,
    SubscriptionDisabled,
    TargetDiskExists,
    Throttled,
    Unavailable,
    VaultImmutable,
    Waiting,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means.

    Attributes:
        kind: the class of the error.
        remediation: what to do, in a sentence, where Azure's words do not say it.
    """

    kind: type[OperatorError]
    remediation: str | None = None


_READER_ON_SET = "Assign the role Reader on the disk's encryption set to the vault's identity."
_LOCK = "Remove the lock that the message names, or ask its owner to (`az lock list`)."
_AZURE_POLICY = "Exempt the scope from the Azure Policy that the message names, or ask its owner to."
_OTHER_REGION = "Use a region that Azure offers to the subscription, or ask Azure's support for this one."
_ENABLE = "Enable the subscription again, or ask its owner to."
_IMMUTABLE = (
    "An immutable vault keeps restore points until they expire. Set `deletionPolicy: Retain` or `Suspend` to delete "
    "the object and keep its backups."
)
_DENIED = (
    "A deny assignment outweighs every role, as that of an AKS node resource group that is locked down. Ask its owner "
    "to exclude the identity, or assign the role above it (`roleAssignments: Preassigned`)."
)
_SUBSCRIPTION = "Check that the subscription exists in the tenant of the operator's identity, which needs a role in it."
_IDENTITY = "Check that the identity exists in the tenant of the subscription."

_RESTORE_GROUP = "Create the resource group, or set `create: true` of it in `restoreResourceGroups` of the BackupVault."
_SNAPSHOT = "Restore another restore point. Only Azure Backup may delete snapshots in a snapshot resource group."

CODES: dict[str, Meaning] = {
    # --- what a restore meets [D: disk-backup-troubleshoot] -----------------------------------------------------------
    "UserErrorSameNameDiskAlreadyExists": Meaning(TargetDiskExists),
    "UserErrorDiskSnapshotNotFound": Meaning(SnapshotGone, _SNAPSHOT),
    "UserErrorSnapshotMetadataNotFound": Meaning(SnapshotGone, _SNAPSHOT),
    "UserErrorRecoveryPointNotFound": Meaning(RestorePointGone),
    "UserErrorRestoreLimitReached": Meaning(QuotaExceeded),
    # --- the vault's identity lacks a role, or it has not propagated yet [R, D: backup-support-matrix] ---------------
    "UserErrorMissingRequiredPermissions": Meaning(PermissionsMissing),
    "UserErrorNotEnoughPermissionOnDisk": Meaning(PermissionsMissing),
    "UserErrorDiskBackupDiskOrMSIPermissionsNotPresent": Meaning(PermissionsMissing),
    "UserErrorDiskBackupAuthorizationFailed": Meaning(PermissionsMissing),
    "UserErrorNotEnoughPermissionOnSnapshotRG": Meaning(PermissionsMissing),
    "UserErrorDiskBackupSnapshotRGOrMSIPermissionsNotPresent": Meaning(PermissionsMissing),
    "UserErrorSnapshotRGOrMSIPermissionsNotPresent": Meaning(PermissionsMissing),
    "UserErrorMissingMSIPermissionsOnSnapshotResourceGroup": Meaning(PermissionsMissing),
    "UserErrorNotEnoughPermissionOnTargetRG": Meaning(RestoreGroupPermissionsMissing),
    "UserErrorDiskBackupRestoreRGOrMSIPermissionsNotPresent": Meaning(RestoreGroupPermissionsMissing),
    # Reader on the set is enough [I: kubernetes-sigs/azuredisk-csi-driver 2609, MicrosoftDocs/azure-docs 85998].
    "UserErrorMSIPermissionsNotPresentOnDES": Meaning(EncryptionSetPermissionsMissing, _READER_ON_SET),
    # --- the operator lacks a permission [R] -------------------------------------------------------------------------
    "AuthorizationFailed": Meaning(AccessDenied),
    "LinkedAuthorizationFailed": Meaning(AccessDenied),
    "AuthenticationFailed": Meaning(AccessDenied),
    # [I: migAz 266, AKS 4291]
    "DenyAssignmentAuthorizationFailed": Meaning(AccessDenied, _DENIED),
    # --- a person forbids it, and has to allow it ---------------------------------------------------------------------
    # [D: lock-resources; I: terraform-provider-azurerm 11770, azure-docs 110791]
    "ScopeLocked": Meaning(ResourceLocked, _LOCK),
    # [D: azure-kubernetes-service-backup-troubleshoot]
    "UserErrorSnapshotResourceGroupHasLocks": Meaning(ResourceLocked, _LOCK),
    # [D: policy/troubleshoot; I: azure-policy 1265, cluster-api-provider-azure 4156]
    "RequestDisallowedByPolicy": Meaning(PolicyDenied, _AZURE_POLICY),
    # [D: backup-azure-vms-troubleshoot, azure-kubernetes-service-backup-troubleshoot]
    "UserErrorRequestDisallowedByPolicy": Meaning(PolicyDenied, _AZURE_POLICY),
    "UserErrorPVSnapshotDisallowedByPolicy": Meaning(PolicyDenied, _AZURE_POLICY),
    # [I: azure-cli 32567, microsoft-foundry-for-vscode 292]
    "RequestDisallowedByAzure": Meaning(PolicyDenied, _OTHER_REGION),
    # [D: azure-resource-manager/troubleshooting/common-deployment-errors]
    "ReadOnlyDisabledSubscription": Meaning(SubscriptionDisabled, _ENABLE),
    "DisabledSubscription": Meaning(SubscriptionDisabled, _ENABLE),
    "SubscriptionDisabled": Meaning(SubscriptionDisabled, _ENABLE),
    # [I: terraform-azurerm-avm-res-compute-virtualmachine 214]
    "UserErrorDeleteBackupItemOnImmutableItem": Meaning(VaultImmutable, _IMMUTABLE),
    # --- something is missing, or still in use: a person or time brings it [R, D] ------------------------------------
    "UserErrorRestoreTargetRGNotFound": Meaning(RestoreGroupMissing, _RESTORE_GROUP),
    "UserErrorSnapshotRGNotFound": Meaning(Waiting),
    "UserErrorDESKeyVaultKeyDisabled": Meaning(Waiting, "Enable the key of the disk's encryption set."),
    "UserErrorDESKeyVaultKeyNotAvailable": Meaning(Waiting, "Restore or enable the key of the disk's encryption set."),
    "UserErrorMissingSubscriptionRegistration": Meaning(Waiting),
    "MissingSubscriptionRegistration": Meaning(Waiting),
    # [I: go-autorest 401, azure-docs 38591]
    "SubscriptionNotRegistered": Meaning(Waiting),
    "UserErrorPolicyAssociatedWithSoftDeletedItems": Meaning(Waiting),
    "UserErrorDppPolicyObjectInUse": Meaning(Waiting),
    "ResourceGroupNotFound": Meaning(Waiting),
    "ResourceGroupBeingDeleted": Meaning(Waiting),
    "ResourceNotFound": Meaning(Waiting),
    "ParentResourceNotFound": Meaning(Waiting),
    "SubscriptionNotFound": Meaning(Waiting, _SUBSCRIPTION),
    "UserErrorGenericResourceNotFound": Meaning(Waiting),
    # --- limits [R, D: azure-subscription-service-limits] ------------------------------------------------------------
    "UserErrorSubscriptionDiskQuotaLimitReached": Meaning(QuotaExceeded),
    "UserErrorOnDemandBackupLimitReached": Meaning(QuotaExceeded),
    "UserErrorPVSnapshotLimitReached": Meaning(QuotaExceeded),
    "RoleAssignmentLimitExceeded": Meaning(QuotaExceeded),
    "CloudDosTimeboudLimitReached": Meaning(ServiceFloodGuard),
    "TooManyRequests": Meaning(Throttled),
    "SubscriptionRequestsThrottled": Meaning(Throttled),
    # --- another operation is in progress [R] -------------------------------------------------------------------------
    "UserErrorMaxConcurrentOperationLimitReached": Meaning(Conflict),
    "AnotherOperationInProgress": Meaning(Conflict),
    "Conflict": Meaning(Conflict),
    NOT_THROTTLED: Meaning(Conflict),
    # --- heals by itself ----------------------------------------------------------------------------------------------
    # An identity takes minutes to be replicated; for days only one that does not exist says so
    # [I: azure-docs 92278, terraform-provider-azurerm 18113].
    "PrincipalNotFound": Meaning(IdentityNotFound, _IDENTITY),
    # [I: azure-cli-extensions 3795]
    "CloudServiceRetryableError": Meaning(Unavailable),
    "InternalServerError": Meaning(Unavailable),
    # --- refused as it is [R] -----------------------------------------------------------------------------------------
    "UserErrorDppDatasourceAlreadyHasBackupInstance": Meaning(AlreadyProtected),
    "UserErrorDppDatasourceAlreadyProtected": Meaning(AlreadyProtected),
    "BackupAgentPluginHostValidateProtectionError": Meaning(InvalidRequest),
}

# A code that means another thing with these words. A policy that somebody deleted is an invalid parameter of the
# request that names it, and is there again soon [R].
WORDED: dict[tuple[str, str], Meaning] = {
    ("UserErrorInvalidRequestParameter", "PolicyName"): Meaning(Waiting),
}

# What says that a thing, or its resource group, does not exist. That a subscription is not found says nothing of what
# is in it: a token of another tenant is enough [I: Azure/autorest-clientruntime-for-java 511].
GROUP_MISSING = "ResourceGroupNotFound"
MISSING = {
    GROUP_MISSING,
    "NotFound",
    "ParentResourceNotFound",
    "ResourceNotFound",
    "RoleAssignmentNotFound",
    "UserErrorGenericResourceNotFound",
}
