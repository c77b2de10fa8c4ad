"""Reasons that objects of several kinds have, those that stand for errors of Azure among them."""

from __future__ import annotations

from azdiskbackup import errors
from azdiskbackup.core.reason_catalog.entry import (
    BACKUP,
    DISK,
    KINDS,
    POLICY,
    VAULT,
    ReasonEntry,
    action_required,
    good,
    in_progress,
)
from azdiskbackup.core.rules import reasons

OF_ALL: tuple[ReasonEntry, ...] = (
    good(reasons.VALID, KINDS, "The spec is valid, and what it names is usable."),
    good(reasons.ALL_GOOD, (VAULT, POLICY), "The object matches its spec and is usable."),
    good(reasons.IN_SYNC, (VAULT, POLICY), "Azure matches the spec."),
    good(reasons.EXISTS, (VAULT, DISK), "The resource exists in Azure."),
    good(reasons.GRANTED, (VAULT, DISK), "The vault's identity has the role that it needs."),
    action_required(
        reasons.INVALID_SPEC,
        KINDS,
        "The object has a field or a value that this version of the operator does not know. The API server should have "
        "refused it: its CustomResourceDefinitions are of another version.",
        "Correct the field that the message names, or upgrade the CRDs and the operator to the same version.",
    ),
    in_progress(
        reasons.NOT_YET_KNOWN,
        KINDS,
        "Not checked yet: an earlier condition does not hold, or the operator has not reached this check.",
        "See the first condition that is not True. If it stays for minutes, check that the operator runs: `kubectl "
        "azdiskbackup check`.",
    ),
    in_progress(
        reasons.CREATING,
        (VAULT, POLICY),
        "The operator is creating the resource in Azure.",
        "Wait a minute. If the creation fails, the condition reports Azure's error.",
    ),
    in_progress(
        reasons.DRIFT_CORRECTED,
        (VAULT, POLICY, DISK),
        "The resource was changed or deleted in Azure by another client. The operator restores what the spec says.",
        "Change the spec instead, or find who changed it: a change made in Azure alone is reverted each time. For a "
        "vault that is managed elsewhere, set `managementPolicy: Observe`.",
    ),
    in_progress(
        reasons.DELETING,
        (VAULT, POLICY, DISK),
        "The object is being deleted. The operator applies its `deletionPolicy` in Azure.",
        "Wait. If Azure refuses, the message names the missing role or resource. To delete the object and keep the "
        "Azure resource, set `deletionPolicy: Retain`.",
    ),
    good(
        reasons.LEFT_IN_AZURE,
        (VAULT, DISK),
        "The object was deleted, and the Azure resource was left unchanged: its tags do not name this object as its "
        "owner. Its restore points are kept, and still billed.",
    ),
    action_required(
        reasons.IN_USE,
        (VAULT, POLICY),
        "The object is being deleted, and others still use it: policies use the vault, disks the policy, or backup "
        "instances in Azure one of them.",
        "Delete what the message names, or change its policy. To delete the object and keep the Azure resource, set "
        "`deletionPolicy: Retain`.",
    ),
    in_progress(
        reasons.BLOCKED_BY_SOFT_DELETE,
        (VAULT, POLICY),
        "Soft-deleted backups block the deletion of the vault and its policies. Azure keeps them for the vault's "
        "soft-delete retention, and bills them from the fifteenth day.",
        "Wait until the time in the message. To delete the object and keep the Azure resource, set `deletionPolicy: "
        "Retain`.",
    ),
    action_required(
        reasons.VAULT_NOT_FOUND,
        (POLICY, DISK),
        "The policy names a BackupVault that does not exist.",
        "Create the vault, or name an existing one in a new policy (`kubectl get backupvaults`).",
    ),
    in_progress(
        reasons.VAULT_NOT_READY,
        (POLICY, DISK),
        "The BackupVault is not ready; its own Ready condition says why.",
        "See `kubectl describe backupvault NAME`. The operator continues automatically once it is ready.",
    ),
    action_required(
        reasons.POLICY_NOT_FOUND,
        (DISK, BACKUP),
        "The DiskBackupPolicy does not exist.",
        "Correct `policyRef`, or create the policy. `kubectl get azdiskpolicy` lists those that exist.",
    ),
    in_progress(
        reasons.POLICY_NOT_READY,
        (DISK, BACKUP),
        "The DiskBackupPolicy is not ready, or its current version does not exist in Azure yet; its own Ready "
        "condition says why.",
        "See `kubectl describe diskbackuppolicy NAME`. The operator continues automatically once it is ready.",
    ),
    in_progress(
        reasons.GRANTING,
        (VAULT, DISK),
        "The operator is assigning a role to the vault's identity.",
        "Wait. If Azure refuses, the condition becomes AccessDenied and names what is missing.",
    ),
    action_required(
        reasons.ROLE_MISSING,
        (VAULT, DISK),
        "The vault's identity lacks a role, and with `roleAssignments: Preassigned` the operator assigns none.",
        "Run the command in the message, or ask your Azure administrators to. Role assignments take up to 30 minutes "
        "to propagate.",
    ),
    # --- errors -----------------------------------------------------------------------------------
    in_progress(
        errors.Retryable.reason,
        KINDS,
        "Azure answered with a transient error, such as an identity that is not replicated yet.",
        "Wait: the operator retries with increasing pauses. If it stays for an hour, look up the code in the message.",
    ),
    in_progress(
        errors.Throttled.reason,
        KINDS,
        "Azure is throttling the subscription: too many requests, of all clients together.",
        "Wait until the time in the message. If it happens often, find which client uses up the subscription's limits; "
        "see the alert AzdiskbackupThrottled.",
    ),
    in_progress(
        errors.Unavailable.reason,
        KINDS,
        "Azure did not answer, or failed with a server error.",
        "Wait. If it stays, check Azure's status page and the network of the operator's node: `kubectl azdiskbackup "
        "check`.",
    ),
    in_progress(
        errors.Conflict.reason,
        KINDS,
        "Another operation on the same resource is in progress, possibly one started in the portal.",
        "Wait until it has ended.",
    ),
    action_required(
        errors.Waiting.reason,
        KINDS,
        "Azure refuses because of something outside Kubernetes, such as a missing resource group or an unregistered "
        "resource provider.",
        "Do what the message says. The operator retries automatically.",
    ),
    action_required(
        errors.AccessDenied.reason,
        KINDS,
        "The operator's own identity lacks a permission in Azure; the message has the action and the scope.",
        "Assign a role that allows the action (docs/permissions lists them). Role assignments take some minutes to "
        "propagate; the operator continues automatically.",
    ),
    in_progress(
        errors.QuotaExceeded.reason,
        KINDS,
        "A limit of Azure is reached: role assignments or disk backups of the subscription, on-demand backups of a "
        "disk, or the service's flood protection.",
        "For role assignments, set `diskRoleScope: ResourceGroup`. For the others wait, or ask Azure to raise the "
        "limit.",
    ),
    in_progress(
        errors.NoEffectYet.reason,
        KINDS,
        "Azure reports success, and shows no change.",
        "Wait: the operator checks again before it repeats the request. If it stays for an hour, open a support "
        "request with the correlation id in the message.",
    ),
    action_required(
        errors.InvalidRequest.reason,
        KINDS,
        "Azure refuses the request; the message has its code, its message and its recommendation.",
        "Do what Azure recommends. The operator detects an edit immediately, and a change in Azure within an hour.",
    ),
)
