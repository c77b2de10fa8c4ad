"""What rules mean for one PVC: to whose numbers it belongs, how far it got, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from azdiskbackup.core.disk_protection_rule.claim import Claim
from azdiskbackup.core.disk_protection_rule.disk_view import DiskView, Progress
from azdiskbackup.core.disk_protection_rule.eligibility import Skip, reason_to_skip
from azdiskbackup.core.disk_protection_rule.rule_view import RuleBook, RuleView
from azdiskbackup.core.disk_protection_rule.selection import Selection, preview, select
from azdiskbackup.core.objects.pvc import ClaimedDisk, NotAzureDisk
from azdiskbackup.core.rules import reasons


class State(Enum):
    """Where a PVC is counted; the values are those of the metric."""

    PROTECTED = "protected"
    PENDING = "pending"
    SKIPPED = "skipped"
    # Selected by no rule, and without a ProtectedDisk.
    UNSELECTED = "unselected"
    # A ProtectedDisk of a rule that does not select its PVC, or whose PVC is gone.
    KEPT = "kept"


class Action(Enum):
    """What the rule has to do."""

    MAKE = "make"
    ADJUST = "adjust"
    STOP = "stop"
    DELETE = "delete"


WITHDRAWALS = (Action.STOP, Action.DELETE)
# Why a rule does not select a PVC.
_UNSELECTED = (reasons.NO_RULE, reasons.OPTED_OUT)


@dataclass(frozen=True, slots=True)
class Refusal:
    """That the API server, or who admits objects for it, refused what a rule wanted of a PVC.

    Attributes:
        uid: of the PVC.
        until: when the rule tries again.
        tries: how often it was refused in a row.
    """

    uid: str
    reason: str
    message: str
    until: datetime
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Assessment:
    """What rules mean for a PVC, or for a ProtectedDisk whose PVC is gone.

    Attributes:
        rule: in whose numbers it is counted; empty for none.
        reason: why it is where it is.
        action: what the rule has to do.
        disk: name of the ProtectedDisk that the action is about.
        due: when time alone changes something.
    """

    rule: str
    state: State
    reason: str
    action: Action | None = None
    disk: str = ""
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is besides a PVC.

    Attributes:
        disks: ProtectedDisks that name it.
        same_disk: ProtectedDisks of other PVCs, or by id, that protect its disk.
        is_name_taken: whether a ProtectedDisk about another PVC has its name.
        refusal: what was refused last.
    """

    disks: Sequence[DiskView] = ()
    same_disk: Sequence[DiskView] = ()
    is_name_taken: bool = False
    refusal: Refusal | None = None


def surroundings(
    claim: Claim,
    named: Sequence[DiskView],
    same_disk: Iterable[DiskView],
    holder: DiskView | None,
    refusal: Refusal | None = None,
) -> Surroundings:
    """Return what there is besides a PVC.

    Args:
        claim: the PVC.
        named: ProtectedDisks that name it.
        same_disk: all that protect its disk.
        holder: the ProtectedDisk of its name in its namespace, if there is one.
        refusal: what was refused last.
    """
    known = {view.uid for view in named}
    others = [view for view in same_disk if view.uid not in known]
    return Surroundings(named, others, holder is not None and holder.claim != claim.name, refusal)


def assess(claim: Claim, around: Surroundings, book: RuleBook, now: datetime) -> Assessment:
    """Return what the enforced rules mean for a PVC."""
    return after_refusal(_assess(claim, around, book, now), around.refusal, claim.uid, now)


def after_refusal(found: Assessment, refusal: Refusal | None, uid: str, now: datetime) -> Assessment:
    """Return an assessment without its action for as long as what was refused is not tried again.

    Args:
        found: what rules mean.
        refusal: what was refused last of the PVC.
        uid: of the PVC; empty for one that is gone.
        now: the time.
    """
    if found.action is None or refusal is None or refusal.uid != uid or now >= refusal.until:
        return found
    state = found.state if found.action in WITHDRAWALS else State.SKIPPED
    return replace(found, state=state, reason=refusal.reason, action=None, due=refusal.until)


def _assess(claim: Claim, around: Surroundings, book: RuleBook, now: datetime) -> Assessment:
    selection = select(claim, book.enforced)
    disk = disk_of(around)
    if disk is None:
        return _without_disk(claim, around, selection, now)
    if disk.rule is None or (selection is None and disk.rule not in book.by_name and not disk.is_stopped_by_rule):
        # A person's, or one of a rule that is gone, which is left alone.
        return counted(selection.rule.name if selection is not None else "", disk, reasons.NOT_OF_A_RULE)
    if claim.deleting or disk.deleting:
        return Assessment(disk.rule, State.KEPT, reasons.DELETING)
    if selection is None:
        return _unselected(disk, reasons.NO_RULE, book)
    if selection.refusal is not None:
        return _unselected(disk, selection.refusal, book)
    return _selected(claim, disk, selection.rule)


def disk_of(around: Surroundings) -> DiskView | None:
    """Return the ProtectedDisk that counts: a person's before one of a rule, one that stays before one that goes."""
    found = sorted((*around.disks, *around.same_disk), key=lambda each: (each.deleting, each.rule is not None))
    return found[0] if found else None


def _without_disk(claim: Claim, around: Surroundings, selection: Selection | None, now: datetime) -> Assessment:
    if selection is None:
        is_other = isinstance(claim.source, NotAzureDisk)
        return Assessment("", State.UNSELECTED, reasons.NOT_AN_AZURE_DISK if is_other else reasons.NO_RULE)
    rule = selection.rule
    if selection.refusal is not None:
        return Assessment(rule.name, State.SKIPPED, selection.refusal)
    skip = reason_to_skip(rule.spec, claim, around.is_name_taken, now)
    if skip is not None:
        return Assessment(rule.name, State.SKIPPED, skip.reason, due=skip.until)
    return Assessment(rule.name, State.PENDING, reasons.PROTECTING, Action.MAKE, claim.name)


def _selected(claim: Claim, disk: DiskView, rule: RuleView) -> Assessment:
    """Return what is to be done about a ProtectedDisk of a rule whose PVC is selected."""
    if disk.vault is not None and rule.vault is not None and disk.vault != rule.vault:
        # A disk never changes its vault: it stays with the policy that it has.
        return counted(rule.name, disk, reasons.VAULT_MISMATCH)
    if is_as_wanted(disk, rule, claim):
        return counted(rule.name, disk)
    is_protected = disk.progress is Progress.PROTECTED and not disk.has_changed_disk
    state = State.PROTECTED if is_protected else State.PENDING
    return Assessment(rule.name, state, reasons.ADJUSTING, Action.ADJUST, disk.name)


def is_as_wanted(disk: DiskView, rule: RuleView, claim: Claim) -> bool:
    """Return whether a ProtectedDisk is as its rule wants it."""
    follows = not disk.has_changed_disk or not isinstance(claim.source, ClaimedDisk) or disk.follows == claim.uid
    return (
        disk.rule == rule.name and disk.policy == rule.spec.policy_ref.name and not disk.is_stopped_by_rule and follows
    )


def counted(rule: str, disk: DiskView, reason: str | None = None) -> Assessment:
    """Return where a ProtectedDisk as it is counts.

    Args:
        rule: in whose numbers; empty for none.
        disk: the ProtectedDisk.
        reason: why; None for its own. One that is not protected has its own always.
    """
    match disk.progress:
        case Progress.PROTECTED:
            return Assessment(rule, State.PROTECTED, reason or disk.reason)
        case Progress.PENDING:
            return Assessment(rule, State.PENDING, reason or disk.reason)
        case _:
            return Assessment(rule, State.SKIPPED, disk.reason)


def _unselected(disk: DiskView, reason: str, book: RuleBook) -> Assessment:
    assert disk.rule is not None, "it is one of a rule"
    rule = book.by_name.get(disk.rule)
    stops = rule is not None and rule.spec.mode == "Enforce" and rule.spec.when_unselected == "Stop"
    # That a vault serves fewer namespaces by now stops no backup: it is selected all the same.
    if stops and reason in _UNSELECTED and not disk.is_stopped_by_rule:
        return Assessment(disk.rule, State.KEPT, reason, Action.STOP, disk.name)
    return Assessment(disk.rule, State.KEPT, reason)


def assess_without_claim(disk: DiskView, book: RuleBook, now: datetime) -> Assessment | None:
    """Return what is to be done about a ProtectedDisk whose PVC is gone; None for one of a person."""
    if disk.rule is None:
        return None
    rule = book.by_name.get(disk.rule)
    kept = Assessment(disk.rule, State.KEPT, reasons.CLAIM_NOT_FOUND)
    since = disk.claim_missing_since
    if rule is None or disk.deleting or since is None or rule.spec.mode != "Enforce":
        return kept
    # With another deletion policy, which a person gave it, its restore points would go with it.
    if rule.spec.when_claim_deleted == "Keep" or disk.deletion_policy != "Retain":
        return kept
    ends = since + timedelta(hours=rule.spec.grace_period_hours)
    if now < ends:
        return Assessment(disk.rule, State.KEPT, reasons.CLAIM_NOT_FOUND, due=ends)
    return Assessment(disk.rule, State.KEPT, reasons.CLAIM_NOT_FOUND, Action.DELETE, disk.name)


def assess_previewed(claim: Claim, around: Surroundings, book: RuleBook, now: datetime) -> tuple[Assessment, ...]:
    """Return what rules with ``mode: DryRun`` would do about a PVC; they do nothing."""
    found = []
    for rule in book.previewed:
        selection = preview(claim, rule, book)
        if selection is not None:
            found.append(_previewed(claim, around, selection, now))
    return tuple(found)


def _previewed(claim: Claim, around: Surroundings, selection: Selection, now: datetime) -> Assessment:
    disk, rule = disk_of(around), selection.rule
    if disk is not None:
        return counted(rule.name, disk, reasons.NOT_OF_A_RULE if disk.rule is None else None)
    skip = Skip(selection.refusal) if selection.refusal else reason_to_skip(rule.spec, claim, around.is_name_taken, now)
    if skip is not None:
        return Assessment(rule.name, State.SKIPPED, skip.reason, due=skip.until)
    return Assessment(rule.name, State.PENDING, reasons.DRY_RUN)
