"""Reasons of rules: of their conditions, and why a PVC that one selects is skipped."""

from __future__ import annotations

from azdiskbackup.core.reason_catalog.entry import Meaning, action_required, good, in_progress
from azdiskbackup.core.rules import reasons

# Reasons of other kinds that rules have, too.
SHARED_BY_RULES = {
    reasons.CLAIM_NOT_FOUND,
    reasons.DELETING,
    reasons.IN_SYNC,
    reasons.NAMESPACE_NOT_ALLOWED,
    reasons.NOT_AN_AZURE_DISK,
    reasons.OWNED_ELSEWHERE,
    reasons.POLICY_NOT_FOUND,
    reasons.POLICY_NOT_READY,
    reasons.REGION_MISMATCH,
    reasons.VAULT_MISMATCH,
    reasons.VAULT_NOT_READY,
    reasons.ALL_GOOD,
    reasons.DISK_CHANGED,
    reasons.STOPPED,
    reasons.SUSPENDED,
}

OF_RULES: dict[str, Meaning] = {
    # --- conditions -------------------------------------------------------------------------------
    reasons.DRY_RUN: good(
        "`mode: DryRun`: the rule makes, changes and deletes nothing. Its status counts what it would do."
    ),
    reasons.PROTECTING: in_progress(
        "The rule is making the ProtectedDisk of a PVC.",
        "Wait. If the API server refuses it, the PVC is skipped with the reason, and an event on it has the message.",
    ),
    reasons.ADJUSTING: in_progress(
        "The rule is applying its policy to a ProtectedDisk, or has it follow its PVC, which was recreated.",
        "Wait; it is one write for each ProtectedDisk.",
    ),
    reasons.WITHDRAWING: in_progress(
        "The rule is stopping a ProtectedDisk whose PVC it does not select any more (`whenUnselected: Stop`), or "
        "deleting one whose PVC is gone (`whenClaimDeleted: KeepBackups`). All restore points stay.",
        "Wait. To keep such ProtectedDisks, set both fields to Keep.",
    ),
    reasons.MASS_WITHDRAWAL: action_required(
        "More ProtectedDisks than ten, or a fifth of those of the rule, would be stopped or deleted within an hour: a "
        "label was removed, the rule was edited, or many PVCs were deleted. Nothing is withdrawn.",
        "Check `status.withdrawal`. Undo the change; or, to let it happen, run the command in the message.",
    ),
    reasons.HOURLY_LIMIT_REACHED: in_progress(
        "The rule made as many ProtectedDisks within the hour as `maxNewPerHour` allows.",
        "Wait until the time in the message, or raise `maxNewPerHour`.",
    ),
    reasons.MAX_PROTECTED_REACHED: action_required(
        "The rule has as many ProtectedDisks as `maxProtected` allows; other PVCs that it selects stay unprotected.",
        "Raise `maxProtected`, or select fewer PVCs.",
    ),
    reasons.VAULT_FULL: action_required(
        "Azure keeps 5,000 backup instances in one vault.",
        "Make another vault, with a policy, and a rule for some of the namespaces.",
    ),
    # --- PVCs -------------------------------------------------------------------------------------
    reasons.NO_RULE: action_required(
        "No DiskProtectionRule selects the PVC, and no ProtectedDisk protects it.",
        "Write a ProtectedDisk (`kubectl azdiskbackup unprotected --apply-policy POLICY` prints it), or a rule that "
        "selects the PVC.",
    ),
    reasons.NOT_OF_A_RULE: good(
        "The ProtectedDisk does not belong to a rule, or its rule is gone: rules leave it alone."
    ),
    reasons.OPTED_OUT: good(
        'The label `azdiskbackup.io/protect: "false"` on the PVC, or on its namespace, keeps the rule from protecting '
        "it."
    ),
    reasons.WAITING_FOR_VOLUME: in_progress(
        "The PVC has no volume yet: with `volumeBindingMode: WaitForFirstConsumer` it gets one with its first pod.",
        "Wait; the rule protects it once it is bound.",
    ),
    reasons.TOO_YOUNG: in_progress(
        "The PVC is younger than `minAgeMinutes`.", "Wait, or write a ProtectedDisk of your own."
    ),
    reasons.EPHEMERAL_VOLUME: good("A pod owns the PVC (a generic ephemeral volume): it goes with the pod."),
    reasons.TEMPORARY_CLAIM: good(
        "A tool made the PVC for the time of a copy: a volume populator, whose PVC is owned by another PVC, or VolSync."
    ),
    reasons.SHARED_DISK: action_required(
        "The disk may be attached to several nodes (`maxShares`), and Azure Backup does not back up shared disks.",
        "Back up the data with another tool, and opt the PVC out.",
    ),
    reasons.NAME_TAKEN: action_required(
        "A ProtectedDisk of the PVC's name exists in its namespace, and protects another PVC.",
        "Write a ProtectedDisk of another name for the PVC.",
    ),
    reasons.TAKEN_OVER: action_required(
        "Another client set a field of the rule's ProtectedDisk to another value than the rule has: it stays as it was "
        "set.",
        "Set the value of the rule, or take the label `azdiskbackup.io/rule` off the ProtectedDisk to keep it.",
    ),
    reasons.OPT_OUT_IGNORED: action_required(
        "The PVC opts out, and the rule has `optOut: Forbidden`.", "Ask the platform team, or remove the label."
    ),
    reasons.LABEL_NOT_UNDERSTOOD: action_required(
        "The label `azdiskbackup.io/protect` is neither true nor false, and counts for nothing.",
        'Set it to "false" to opt out, or to "true".',
    ),
    reasons.MADE_AGAIN: good(
        "The ProtectedDisk of a rule was deleted while the rule still selects the PVC: the rule made it again, and it "
        'continues with the same backups. To opt out, label the PVC `azdiskbackup.io/protect: "false"` first.'
    ),
}
