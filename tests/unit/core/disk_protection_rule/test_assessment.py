"""What rules mean for a PVC: where it is counted, and what is to be done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from azdiskbackup.core.disk_protection_rule.assessment import (
    Action,
    Refusal,
    State,
    Surroundings,
    after_refusal,
    assess,
    assess_previewed,
    assess_without_claim,
    surroundings,
)
from azdiskbackup.core.disk_protection_rule.desired import Desired
from azdiskbackup.core.disk_protection_rule.disk_view import DiskView, Progress, disk_view
from azdiskbackup.core.disk_protection_rule.notices import notices
from azdiskbackup.core.objects.markers import FOLLOW_PVC, PROTECT, RULE
from azdiskbackup.core.objects.pvc import NotAzureDisk, NotBound
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.rules import reasons
from harness import objects
from unit.core.disk_protection_rule.rule_claims import NOW, book, claim, disk, rule, spec

OTHER = {"matchLabels": {"no": "one"}}
HOUR = timedelta(hours=1)
NOBODYS = book(rule(claimSelector=OTHER))
STOPPING = book(rule(claimSelector=OTHER, whenUnselected="Stop"))
REFUSED = Refusal("u", reasons.TAKEN_OVER, "no", NOW + HOUR)


@pytest.mark.parametrize(
    ("of", "around", "rules", "state", "reason", "action"),
    [
        # Without an object.
        ({}, {}, book(), State.PENDING, reasons.PROTECTING, Action.MAKE),
        ({}, {}, NOBODYS, State.UNSELECTED, reasons.NO_RULE, None),
        ({"source": NotAzureDisk("")}, {}, NOBODYS, State.UNSELECTED, reasons.NOT_AN_AZURE_DISK, None),
        ({"labels": {PROTECT: "false"}}, {}, book(), State.SKIPPED, reasons.OPTED_OUT, None),
        ({"deleting": True}, {}, book(), State.SKIPPED, reasons.DELETING, None),
        ({"owners": ("Pod",)}, {}, book(), State.SKIPPED, reasons.EPHEMERAL_VOLUME, None),
        ({"owners": ("PersistentVolumeClaim",)}, {}, book(), State.SKIPPED, reasons.TEMPORARY_CLAIM, None),
        ({"owners": ("StatefulSet",)}, {}, book(), State.PENDING, reasons.PROTECTING, Action.MAKE),
        ({"source": NotBound("")}, {}, book(), State.SKIPPED, reasons.WAITING_FOR_VOLUME, None),
        ({"source": NotAzureDisk("")}, {}, book(), State.SKIPPED, reasons.NOT_AN_AZURE_DISK, None),
        ({"max_shares": 2}, {}, book(), State.SKIPPED, reasons.SHARED_DISK, None),
        ({}, {"is_name_taken": True}, book(), State.SKIPPED, reasons.NAME_TAKEN, None),
        ({"created": NOW}, {}, book(), State.SKIPPED, reasons.TOO_YOUNG, None),
        ({}, {"refusal": REFUSED}, book(), State.SKIPPED, reasons.TAKEN_OVER, None),
        ({"uid": "next"}, {"refusal": REFUSED}, book(), State.PENDING, reasons.PROTECTING, Action.MAKE),
        # With one of a person.
        ({}, {"disks": [disk(rule=None)]}, book(), State.PROTECTED, reasons.NOT_OF_A_RULE, None),
        ({}, {"same_disk": [disk(rule=None)]}, NOBODYS, State.PROTECTED, reasons.NOT_OF_A_RULE, None),
        ({}, {"disks": [disk(), disk(rule=None)]}, book(), State.PROTECTED, reasons.NOT_OF_A_RULE, None),
        (
            {},
            {"disks": [disk(rule=None, progress=Progress.NOT_PROTECTED, reason="Refused")]},
            book(),
            State.SKIPPED,
            "Refused",
            None,
        ),
        # With one of the rule.
        ({}, {"disks": [disk()]}, book(), State.PROTECTED, "Protected", None),
        (
            {},
            {"disks": [disk(progress=Progress.PENDING, reason="Validating")]},
            book(),
            State.PENDING,
            "Validating",
            None,
        ),
        ({"deleting": True}, {"disks": [disk()]}, book(), State.KEPT, reasons.DELETING, None),
        ({}, {"disks": [disk(deleting=True)]}, book(), State.KEPT, reasons.DELETING, None),
        ({}, {"disks": [disk(policy="silver")]}, book(), State.PROTECTED, reasons.ADJUSTING, Action.ADJUST),
        ({}, {"disks": [disk(rule="gone")]}, book(), State.PROTECTED, reasons.ADJUSTING, Action.ADJUST),
        (
            {},
            {"disks": [disk(is_stopped_by_rule=True, progress=Progress.NOT_PROTECTED)]},
            book(),
            State.PENDING,
            reasons.ADJUSTING,
            Action.ADJUST,
        ),
        ({}, {"disks": [disk(has_changed_disk=True)]}, book(), State.PENDING, reasons.ADJUSTING, Action.ADJUST),
        ({}, {"disks": [disk(has_changed_disk=True, follows="u")]}, book(), State.PROTECTED, "Protected", None),
        (
            {"source": NotBound("")},
            {"disks": [disk(has_changed_disk=True)]},
            book(),
            State.PROTECTED,
            "Protected",
            None,
        ),
        ({}, {"disks": [disk(vault="old", policy="x")]}, book(), State.PROTECTED, reasons.VAULT_MISMATCH, None),
        ({}, {"disks": [disk(policy="x")], "refusal": REFUSED}, book(), State.SKIPPED, reasons.TAKEN_OVER, None),
        # With one of a rule that does not select it any more.
        ({}, {"disks": [disk()]}, NOBODYS, State.KEPT, reasons.NO_RULE, None),
        ({"labels": {PROTECT: "false"}}, {"disks": [disk()]}, book(), State.KEPT, reasons.OPTED_OUT, None),
        ({}, {"disks": [disk()]}, STOPPING, State.KEPT, reasons.NO_RULE, Action.STOP),
        ({}, {"disks": [disk()], "refusal": REFUSED}, STOPPING, State.KEPT, reasons.TAKEN_OVER, None),
        ({}, {"disks": [disk(is_stopped_by_rule=True)]}, STOPPING, State.KEPT, reasons.NO_RULE, None),
        (
            {},
            {"disks": [disk()]},
            book(rule(whenUnselected="Stop", serves={"matchLabels": {"team": "other"}})),
            State.KEPT,
            reasons.NAMESPACE_NOT_ALLOWED,
            None,
        ),
        ({}, {"disks": [disk(rule="gone")]}, NOBODYS, State.PROTECTED, reasons.NOT_OF_A_RULE, None),
        (
            {},
            {"disks": [disk(rule="gone", is_stopped_by_rule=True)]},
            NOBODYS,
            State.KEPT,
            reasons.NO_RULE,
            None,
        ),
    ],
)
def test_what_rules_mean(of: Any, around: Any, rules: Any, state: State, reason: str, action: Action | None) -> None:
    found = assess(claim(**of), Surroundings(**around), rules, NOW)
    assert (found.state, found.reason, found.action) == (state, reason, action)
    assert found.rule or state is State.UNSELECTED or reason == reasons.NOT_OF_A_RULE


def test_when_time_alone_changes_it() -> None:
    young = assess(claim(created=NOW), Surroundings(), book(), NOW)
    assert young.due == NOW + HOUR
    assert assess(claim(created=NOW), Surroundings(), book(), NOW + HOUR).action is Action.MAKE
    refused = assess(claim(), Surroundings(refusal=REFUSED), book(), NOW)
    assert refused.due == REFUSED.until
    assert assess(claim(), Surroundings(refusal=REFUSED), book(), REFUSED.until).action is Action.MAKE


@pytest.mark.parametrize(
    ("of", "rules", "action"),
    [
        ({}, book(), Action.DELETE),
        ({}, book(rule(whenClaimDeleted="Keep")), None),
        ({}, book(rule(mode="DryRun")), None),
        ({}, book(rule("another")), None),
        ({}, book(rule(gracePeriodHours=3)), None),
        ({"deletion_policy": "Delete"}, book(), None),
        ({"deleting": True}, book(), None),
        ({"claim_missing_since": None}, book(), None),
    ],
)
def test_one_whose_pvc_is_gone(of: Any, rules: Any, action: Action | None) -> None:
    given = {"claim_missing_since": NOW - 2 * HOUR} | of
    if rules == book():
        rules = book(rule(gracePeriodHours=2))
    found = assess_without_claim(disk(**given), rules, NOW)
    assert found is not None and (found.state, found.reason, found.action) == (
        State.KEPT,
        reasons.CLAIM_NOT_FOUND,
        action,
    )


def test_a_deletion_that_was_refused_is_tried_again_later() -> None:
    refusal = Refusal("", "AccessDenied", "no", NOW + HOUR)
    gone = disk(claim_missing_since=NOW - 25 * HOUR)
    wanted = assess_without_claim(gone, book(), NOW)
    assert wanted is not None and wanted.action is Action.DELETE
    found = after_refusal(wanted, refusal, "", NOW)
    assert (found.state, found.action, found.reason) == (State.KEPT, None, "AccessDenied")
    assert found.due == refusal.until and after_refusal(wanted, refusal, "", refusal.until) == wanted


def test_one_of_a_person_whose_pvc_is_gone() -> None:
    assert assess_without_claim(disk(rule=None), book(), NOW) is None
    waits = assess_without_claim(disk(claim_missing_since=NOW - HOUR), book(), NOW)
    assert waits is not None and waits.due == NOW + 23 * HOUR


def test_what_a_dry_run_would_do() -> None:
    tried = rule("tried", mode="DryRun")

    def told(around: Surroundings | None = None, **of: Any) -> list[tuple[str, State, str]]:
        found = assess_previewed(claim(**of), around or Surroundings(), book(tried), NOW)
        assert not any(each.action for each in found)
        return [(each.rule, each.state, each.reason) for each in found]

    assert told() == [("tried", State.PENDING, reasons.DRY_RUN)]
    assert told(max_shares=2) == [("tried", State.SKIPPED, reasons.SHARED_DISK)]
    assert told(labels={PROTECT: "false"}) == [("tried", State.SKIPPED, reasons.OPTED_OUT)]
    assert told(Surroundings([disk(rule=None)])) == [("tried", State.PROTECTED, reasons.NOT_OF_A_RULE)]
    assert told(Surroundings([disk()])) == [("tried", State.PROTECTED, "Protected")]
    assert assess_previewed(claim(), Surroundings(), book(tried, rule("before", priority=1)), NOW) == ()


# --- reading a ProtectedDisk --------------------------------------------------------------------------


def read(conditions: dict[str, tuple[str, str]], **status: Any) -> DiskView:
    raw = objects.stored(objects.disk())
    raw["status"] = status | {
        "conditions": [
            {"type": type_, "status": value, "reason": reason, "lastTransitionTime": "2026-01-05T08:00:00Z"}
            for type_, (value, reason) in conditions.items()
        ]
    }
    return disk_view(Resource(raw))


@pytest.mark.parametrize(
    ("conditions", "progress"),
    [
        ({}, Progress.PENDING),
        ({"Protected": ("True", "x"), "Ready": ("True", "Protected")}, Progress.PROTECTED),
        ({"Protected": ("True", "x"), "Ready": ("False", "NamespaceNotAllowed")}, Progress.PROTECTED),
        ({"Protected": ("True", "x"), "Ready": ("True", "Stopped")}, Progress.NOT_PROTECTED),
        ({"Ready": ("False", "Refused"), "Stalled": ("True", "Refused")}, Progress.NOT_PROTECTED),
        ({"Ready": ("False", "Validating")}, Progress.PENDING),
    ],
)
def test_how_far_it_got(conditions: Any, progress: Progress) -> None:
    assert read(conditions).progress is progress


def test_since_when_its_pvc_is_gone() -> None:
    since = {"persistentVolumeClaimNotFoundSince": "2026-01-05T07:00:00Z"}
    gone = read({"DiskResolved": ("False", reasons.CLAIM_NOT_FOUND)}, **since)
    assert gone.claim_missing_since == NOW - 2 * HOUR and not gone.has_changed_disk
    assert read({"DiskResolved": ("False", reasons.DISK_CHANGED)}).has_changed_disk
    assert read({"DiskResolved": ("Unknown", reasons.CLAIM_NOT_FOUND)}, **since).claim_missing_since is None
    assert read({"DiskResolved": ("False", reasons.CLAIM_NOT_BOUND)}, **since).claim_missing_since is None


def test_what_was_wrong_before_its_pvc_went_begins_no_grace_period() -> None:
    """Such as a disk of another cluster: the condition is False since then."""
    assert read({"DiskResolved": ("False", reasons.CLAIM_NOT_FOUND)}).claim_missing_since is None


def test_whose_it_is() -> None:
    raw = objects.stored(objects.disk())
    raw["metadata"] |= {"labels": {RULE: "databases"}, "annotations": {FOLLOW_PVC: "u"}}
    raw["status"] = {"vault": "demo"}
    found = disk_view(Resource(raw))
    assert (found.rule, found.follows, found.vault, found.claim) == ("databases", "u", None, "data-0")
    raw["status"]["backupInstanceID"] = "/x"
    assert disk_view(Resource(raw)).vault == "demo"


def test_what_is_told_about_labels() -> None:
    wanted = Desired("databases", False, spec(optOut="Forbidden"))
    assert [reason for reason, _ in notices(claim(labels={PROTECT: "no"}), wanted)] == [reasons.LABEL_NOT_UNDERSTOOD]
    assert [reason for reason, _ in notices(claim(labels={PROTECT: "false"}), wanted)] == [reasons.OPT_OUT_IGNORED]
    assert not list(notices(claim(), wanted))


def test_what_surrounds_a_pvc_is_counted_once() -> None:
    mine, twin, holder = disk(uid="1"), disk(uid="2", name="twin"), disk(uid="3", claim="other")
    found = surroundings(claim(), [mine], [mine, twin], mine)
    assert (found.disks, found.same_disk, found.is_name_taken) == ([mine], [twin], False)
    refusal = Refusal("u", "Denied", "no", NOW)
    assert surroundings(claim(), [], [], holder, refusal) == Surroundings([], [], True, refusal)
    assert surroundings(claim(), [], [], None) == Surroundings([], [])
