"""Reasons that objects of several kinds have, those that stand for errors of Azure among them."""

from __future__ import annotations

from azdiskbackup import errors
from azdiskbackup.core.reason_catalog.entry import Meaning, action_required, good, in_progress
from azdiskbackup.core.rules import reasons

OF_ALL: dict[str, Meaning] = {
    reasons.VALID: good("The spec is valid, and what it names is usable."),
    reasons.INVALID_SPEC: action_required(
        "The object has a field or a value that this version of the operator does not know. The API server should have "
        "refused it: its CustomResourceDefinitions are of another version.",
        "Correct the field that the message names, or upgrade the CRDs and the operator to the same version.",
    ),
    reasons.NOT_YET_KNOWN: in_progress(
        "Not checked yet: an earlier condition does not hold, or the operator has not reached this check.",
        "See the first condition that is not True. If it stays for minutes, check that the operator runs: `kubectl "
        "azdiskbackup check`.",
    ),
    # --- errors -----------------------------------------------------------------------------------
    errors.Retryable.reason: in_progress(
        "Azure answered with a transient error, such as an identity that is not replicated yet.",
        "Wait: the operator retries with increasing pauses. If it stays for an hour, look up the code in the message.",
    ),
    errors.Throttled.reason: in_progress(
        "Azure is throttling the subscription: too many requests, of all clients together.",
        "Wait until the time in the message. If it happens often, find which client uses up the subscription's limits; "
        "see the alert AzdiskbackupThrottled.",
    ),
    errors.Unavailable.reason: in_progress(
        "Azure did not answer, or failed with a server error.",
        "Wait. If it stays, check Azure's status page and the network of the operator's node: `kubectl azdiskbackup "
        "check`.",
    ),
    errors.Conflict.reason: in_progress(
        "Another operation on the same resource is in progress, possibly one started in the portal.",
        "Wait until it has ended.",
    ),
    errors.Waiting.reason: action_required(
        "Azure refuses because of something outside Kubernetes, such as a missing resource group or an unregistered "
        "resource provider.",
        "Do what the message says. The operator retries automatically.",
    ),
    errors.AccessDenied.reason: action_required(
        "The operator's own identity lacks a permission in Azure; the message has the action and the scope.",
        "Assign a role that allows the action (docs/permissions lists them). Role assignments take some minutes to "
        "propagate; the operator continues automatically.",
    ),
    errors.QuotaExceeded.reason: in_progress(
        "A limit of Azure is reached: role assignments or disk backups of the subscription, on-demand backups of a "
        "disk, or the service's flood protection.",
        "For role assignments, set `diskRoleScope: ResourceGroup`. For the others wait, or ask Azure to raise the "
        "limit.",
    ),
    errors.IdentityNotFound.reason: in_progress(
        "Azure's directory does not know the vault's identity: it is not replicated yet, or it does not exist in this "
        "tenant.",
        "Wait: replication takes minutes. After 45 minutes the object is stalled: check that the identity exists in "
        "the tenant of the subscription.",
    ),
    errors.ResourceLocked.reason: action_required(
        "A resource lock forbids the change: a read-only lock every write, a delete lock every deletion, also of what "
        "is below it.",
        "Remove the lock that the message names, or ask its owner to (`az lock list`). The operator retries at least "
        "once an hour.",
    ),
    errors.PolicyDenied.reason: action_required(
        "An assignment of Azure Policy denies the request; the message names it.",
        "Exempt the scope from the assignment, or set what the policy asks for (`snapshotResourceGroups[].tags`, "
        "say). The operator retries at least once an hour.",
    ),
    errors.SubscriptionDisabled.reason: action_required(
        "The subscription is disabled: Azure reads from it and takes no change.",
        "Enable the subscription again. The operator retries at least once an hour.",
    ),
    errors.VaultImmutable.reason: action_required(
        "The vault is immutable: it keeps restore points until they expire.",
        "Set `deletionPolicy: Retain` or `Suspend` to delete the object and keep its backups.",
    ),
    errors.NoEffectYet.reason: in_progress(
        "Azure reports success, and shows no change.",
        "Wait: the operator checks again before it repeats the request. If it stays for an hour, open a support "
        "request with the correlation id in the message.",
    ),
    errors.InvalidRequest.reason: action_required(
        "Azure refuses the request; the message has its code, its message and its recommendation.",
        "Do what Azure recommends. The operator detects an edit immediately, and a change in Azure within an hour.",
    ),
}

OF_VAULTS_AND_POLICIES: dict[str, Meaning] = {
    reasons.ALL_GOOD: good("The object matches its spec and is usable."),
    reasons.IN_SYNC: good("Azure matches the spec."),
    reasons.CREATING: in_progress(
        "The operator is creating the resource in Azure, or the PVC or volume of a restore.",
        "Wait a minute. If the creation fails, the condition reports Azure's error.",
    ),
    reasons.IN_USE: action_required(
        "The object is being deleted, and others still use it: policies use the vault, disks the policy, or backup "
        "instances in Azure one of them.",
        "Delete what the message names, or change its policy. To delete the object and keep the Azure resource, set "
        "`deletionPolicy: Retain`.",
    ),
    reasons.BLOCKED_BY_SOFT_DELETE: in_progress(
        "Soft-deleted backups block the deletion of the vault and its policies. Azure keeps them for the vault's "
        "soft-delete retention, and bills their snapshots from the first day.",
        "Wait until the time in the message. To delete the object and keep the Azure resource, set `deletionPolicy: "
        "Retain`.",
    ),
}

OF_VAULTS_AND_DISKS: dict[str, Meaning] = {
    reasons.EXISTS: good("The resource exists in Azure."),
    reasons.GRANTED: good("The vault's identity has the role that it needs."),
    reasons.LEFT_IN_AZURE: good(
        "The object was deleted, and something of it was left in Azure unchanged: its tags do not name this object as "
        "its owner, the annotation `azdiskbackup.io/abandon-in-azure` let it go, or a role assignment could not be "
        "revoked. The event names it. Restore points are kept, and still billed."
    ),
    reasons.GRANTING: in_progress(
        "The operator is assigning a role to the vault's identity.",
        "Wait. If Azure refuses, the condition becomes AccessDenied and names what is missing.",
    ),
    reasons.RESOURCE_GUARD: action_required(
        "The vault is protected by a Resource Guard (multi-user authorization), and Azure refuses this to the "
        "operator, which never holds a role on a guard.",
        "Ask the guard's administrators for approval, and do in the Azure portal what the message names. The operator "
        "continues automatically.",
    ),
    reasons.IDENTITY_MISSING: action_required(
        "The vault lacks the identity in the spec, or that with which the protection of a disk began. The operator "
        "assigns the former, unless the vault is managed elsewhere (`managementPolicy: Observe`).",
        "Assign the identity to the vault where it is managed. The operator continues automatically.",
    ),
    reasons.ROLE_MISSING: action_required(
        "The vault's identity lacks a role, and with `roleAssignments: Preassigned` the operator assigns none.",
        "Run the command in the message, or ask your Azure administrators to. Role assignments take up to 30 minutes "
        "to propagate.",
    ),
}

OF_ALL_BUT_BACKUPS: dict[str, Meaning] = {
    reasons.DRIFT_CORRECTED: in_progress(
        "The resource was changed or deleted in Azure by another client. The operator restores what the spec says.",
        "Change the spec instead, or find who changed it: a change made in Azure alone is reverted each time. For a "
        "vault that is managed elsewhere, set `managementPolicy: Observe`.",
    ),
    reasons.DRIFT_DETECTED: action_required(
        "Azure differs from the spec, and that cannot be corrected: the property is immutable, or Azure never lowers "
        "it again; the vault is managed elsewhere (`managementPolicy: Observe`); or another client undoes each "
        "correction, which is repeated after 1 hour, then more rarely, once a day at last. A setting of a vault keeps "
        "no disk from being protected, and the vault stays Ready.",
        "Set here what Azure has, or find who changes it (Azure's activity log; an assignment of Azure Policy with the "
        "effect *modify* can be one) and stop that.",
    ),
    reasons.DELETING: in_progress(
        "The object is being deleted. The operator applies its `deletionPolicy` in Azure.",
        "Wait. If Azure refuses, the message says who can allow it, and how to delete the object all the same. To "
        "delete it and keep the Azure resource, set `deletionPolicy: Retain`.",
    ),
}

OF_POLICIES_AND_DISKS: dict[str, Meaning] = {
    reasons.VAULT_NOT_FOUND: action_required(
        "The policy names a BackupVault that does not exist.",
        "Create the vault, or name an existing one in a new policy (`kubectl get backupvaults`).",
    ),
    reasons.VAULT_NOT_READY: in_progress(
        "The BackupVault is not ready; its own Ready condition says why.",
        "See `kubectl describe backupvault NAME`. The operator continues automatically once it is ready.",
    ),
}

OF_DISKS_AND_BACKUPS: dict[str, Meaning] = {
    reasons.POLICY_NOT_FOUND: action_required(
        "The DiskBackupPolicy does not exist.",
        "Correct `policyRef` of the ProtectedDisk, whose condition names the policies that serve the namespace, or "
        "create the policy.",
    ),
    reasons.POLICY_NOT_READY: in_progress(
        "The DiskBackupPolicy is not ready, or its current version does not exist in Azure yet; its own Ready "
        "condition says why.",
        "See `kubectl describe diskbackuppolicy NAME`. The operator continues automatically once it is ready.",
    ),
}
