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
    good(reasons.VALID, KINDS, "The spec is valid, and what it names can be used."),
    good(reasons.ALL_GOOD, (VAULT, POLICY), "The object is as it is wanted, and can be used."),
    good(reasons.IN_SYNC, (VAULT, POLICY), "Azure has what the spec says."),
    good(reasons.EXISTS, (VAULT, DISK), "What the condition is about exists in Azure."),
    good(reasons.GRANTED, (VAULT, DISK), "The vault's identity has the role that it needs."),
    action_required(
        reasons.INVALID_SPEC,
        KINDS,
        "The object has a field or a value that this version of the operator does not know. The API server should "
        "have refused it: its CustomResourceDefinitions are of another version.",
        "Correct the field that the message names, or upgrade the CRDs and the operator to the same version.",
    ),
    in_progress(
        reasons.NOT_YET_KNOWN,
        KINDS,
        "The question comes up only when an earlier condition holds, or Azure was not asked yet.",
        "Look at the first condition that is not True. If it stays for minutes, look whether the operator runs: "
        "`kubectl azdiskbackup check`.",
    ),
    in_progress(
        reasons.CREATING,
        (VAULT, POLICY),
        "It does not exist in Azure and is being created.",
        "Wait a minute. If the creation fails, the condition tells Azure's error.",
    ),
    in_progress(
        reasons.DRIFT_CORRECTED,
        (VAULT, POLICY, DISK),
        "Somebody changed or deleted it in Azure by hand, and it is being put back as the spec wants it.",
        "Find out who changed it, or change the spec instead: what is changed in Azure alone is put back each time. A "
        "vault that is run elsewhere belongs under `managementPolicy: Observe`.",
    ),
    in_progress(
        reasons.DELETING,
        (VAULT, POLICY, DISK),
        "The object was deleted, and what its `deletionPolicy` asks for is being done in Azure.",
        "Wait. If an error of Azure keeps it, the message tells which right or thing is missing; with "
        "`deletionPolicy: Retain` the object goes and Azure keeps everything.",
    ),
    good(
        reasons.LEFT_IN_AZURE,
        (VAULT, DISK),
        "The object was deleted, and what it names in Azure was left as it is: the tags there do not say that it "
        "belongs to this object. Its restore points stay, and so does what they cost.",
    ),
    action_required(
        reasons.IN_USE,
        (VAULT, POLICY),
        "The object was deleted while others still need it: policies a vault, disks a policy, backup instances in "
        "Azure either of them.",
        "Delete what the message names, or have it name another policy. To let the object go and leave the thing in "
        "Azure, set `deletionPolicy: Retain`.",
    ),
    in_progress(
        reasons.BLOCKED_BY_SOFT_DELETE,
        (VAULT, POLICY),
        "Backups that were deleted are kept by Azure for the vault's soft-delete days (and billed from the fifteenth "
        "on), and as long they keep vault and policy.",
        "Wait until the time in the message, or set `deletionPolicy: Retain`: the object goes and Azure keeps the "
        "thing.",
    ),
    action_required(
        reasons.VAULT_NOT_FOUND,
        (POLICY, DISK),
        "The policy names a BackupVault that does not exist.",
        "Create the vault, or correct `vaultRef` in a new policy. `kubectl get backupvaults` lists what there is.",
    ),
    in_progress(
        reasons.VAULT_NOT_READY,
        (POLICY, DISK),
        "The vault cannot be used yet; its own Ready says why.",
        "Look at it: `kubectl describe backupvault NAME`. This goes on as soon as it is ready.",
    ),
    action_required(
        reasons.POLICY_NOT_FOUND,
        (DISK, BACKUP),
        "There is no DiskBackupPolicy of that name.",
        "Correct `policyRef`, or create the policy. The platform team sees what there is: `kubectl get azdiskpolicy`.",
    ),
    in_progress(
        reasons.POLICY_NOT_READY,
        (DISK, BACKUP),
        "The policy cannot be used yet, or was edited and Azure does not have it as it is written; its own Ready says "
        "why.",
        "Look at it: `kubectl describe diskbackuppolicy NAME`. This goes on as soon as it is ready.",
    ),
    in_progress(
        reasons.GRANTING,
        (VAULT, DISK),
        "The operator is giving the vault's identity a role.",
        "Wait. If it may not, the condition becomes AccessDenied and names what is missing.",
    ),
    action_required(
        reasons.ROLE_MISSING,
        (VAULT, DISK),
        "The vault's identity lacks a role, and the vault says `roleAssignments: Preassigned`: the operator assigns "
        "none.",
        "Type the command in the message, or have it done by whoever gives rights in Azure. A new right takes up to "
        "30 minutes to work.",
    ),
    # --- errors -----------------------------------------------------------------------------------
    in_progress(
        errors.Retryable.reason,
        KINDS,
        "Azure answered with an error that passes, such as an identity that its directory does not know everywhere "
        "yet.",
        "Wait: it is tried again, less and less often. If it stays for an hour, look up the code in the message.",
    ),
    in_progress(
        errors.Throttled.reason,
        KINDS,
        "Azure asked us to wait: too many requests were made in the subscription, by whomever.",
        "Wait until the time in the message. If it happens often, see whether something else spends the "
        "subscription's limits, and the alert AzdiskbackupThrottled.",
    ),
    in_progress(
        errors.Unavailable.reason,
        KINDS,
        "Azure gave no answer, or failed itself.",
        "Wait. If it stays, look at Azure's status and at the network of the operator's node: "
        "`kubectl azdiskbackup check`.",
    ),
    in_progress(
        errors.Conflict.reason,
        KINDS,
        "Azure is busy with another operation on the same thing, perhaps one that somebody began in the portal.",
        "Wait until that has ended.",
    ),
    action_required(
        errors.Waiting.reason,
        KINDS,
        "Azure refuses for a reason that somebody outside has to remove, such as a resource group that is missing or "
        "a resource provider that is not registered.",
        "Do what the message says; it is tried again by itself.",
    ),
    action_required(
        errors.AccessDenied.reason,
        KINDS,
        "The operator's own identity lacks a right in Azure; the message has the action and the scope.",
        "Give the identity the role that has the action: docs/permissions lists all of them and what each is for. A "
        "new right takes some minutes to work, then it goes on by itself.",
    ),
    in_progress(
        errors.QuotaExceeded.reason,
        KINDS,
        "A limit of Azure is reached: role assignments or disk backups of the subscription, on-demand backups of a "
        "disk, or the service's own guard against floods.",
        "For role assignments, set `diskRoleScope: ResourceGroup`. For the others wait, or ask Azure to raise the "
        "limit.",
    ),
    in_progress(
        errors.NoEffectYet.reason,
        KINDS,
        "Azure says that it did what was asked, and shows no change.",
        "Wait: it is looked at again before it is asked again. If it stays for an hour, give Azure's support the "
        "correlation id of the message.",
    ),
    action_required(
        errors.InvalidRequest.reason,
        KINDS,
        "Azure refuses what was asked; the message has its code, its words and what it recommends.",
        "Do what Azure recommends. After a change in Azure it is noticed within ten minutes; after an edit at once.",
    ),
)
