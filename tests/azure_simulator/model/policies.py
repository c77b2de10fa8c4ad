"""Disk backup policies: checked strictly, never changed once they exist."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tzlocal.windows_tz import win_tz

from azure_simulator.model.faults import AzureFault, invalid, not_found

if TYPE_CHECKING:
    from azure_simulator.model.vaults import Vault

_NAME = re.compile(r"[-a-zA-Z0-9]{3,150}")
_INTERVAL = re.compile(r"R/(?P<start>[^/]+)/(?P<period>P1D|PT(?P<hours>1|2|4|6|8|12)H)")
_DURATION = re.compile(r"P(?P<days>\d+)D")
_CRITERIA = {"FirstOfDay", "FirstOfWeek"}
MOST_POINTS = 450


@dataclass
class Tag:
    """A retention tag; the lower its priority number, the earlier it wins."""

    name: str
    priority: int
    criterion: str | None


@dataclass
class Policy:
    """A policy; ``properties`` are as they were put."""

    name: str
    properties: dict[str, Any]
    rule_name: str
    start: datetime
    period: timedelta
    zone: ZoneInfo
    tags: list[Tag]
    retention: dict[str, timedelta]

    def next_time(self, after: datetime, *, by_offset: bool = False) -> datetime:
        """Return when the next backup is due: on the wall clock of the policy's time zone, or counted from its start.

        Which of the two the real service does is not known: a start has an offset, and a policy has a time zone.
        """
        if by_offset:
            return self.start + ((after - self.start) // self.period + 1) * self.period
        step = int(self.period.total_seconds() // 60)
        anchor = self.start.hour * 60 + self.start.minute
        minutes = sorted((anchor + step * i) % 1440 for i in range(1440 // step))
        day = after.astimezone(self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        candidates = [
            (day + timedelta(days=offset)).replace(hour=minute // 60, minute=minute % 60).astimezone(UTC)
            for offset in (-1, 0, 1, 2)
            for minute in minutes
        ]
        return min(candidate for candidate in candidates if candidate > after)

    def tag_for(self, when: datetime, earlier: list[datetime]) -> str:
        """Return the tag of a scheduled backup, by the times of the good ones before it."""
        local = when.astimezone(self.zone)
        days = {each.astimezone(self.zone).date() for each in earlier}
        weeks = {each.astimezone(self.zone).isocalendar()[:2] for each in earlier}
        holds = {
            "FirstOfDay": local.date() not in days,
            "FirstOfWeek": local.isocalendar()[:2] not in weeks,
            None: True,
        }
        return min((tag for tag in self.tags if holds[tag.criterion]), key=lambda t: t.priority).name


def put_policy(vault: Vault, name: str, body: dict[str, Any]) -> Policy:
    """Create a policy. An existing one is left alone when nothing differs, and refused otherwise."""
    if not _NAME.fullmatch(name):
        raise invalid(f"The policy name '{name}' is invalid.")
    policy = _parse(name, body)
    existing = vault.policies.get(name.lower())
    if existing is not None and existing.properties != policy.properties:
        raise AzureFault("BMSUserErrorInvalidInput", "A policy for disks cannot be changed once it exists.")
    return vault.policies.setdefault(name.lower(), policy)


def get_policy(vault: Vault, name: str) -> Policy:
    if name.lower() not in vault.policies:
        raise not_found()
    return vault.policies[name.lower()]


def find_policy(vault: Vault, policy_id: str) -> Policy | None:
    prefix = f"{vault.id}/backupPolicies/".lower()
    if not policy_id.lower().startswith(prefix):
        return None
    return vault.policies.get(policy_id[len(prefix) :].lower())


def delete_policy(vault: Vault, name: str) -> bool:
    """Delete a policy; return whether it was there."""
    policy = vault.policies.get(name.lower())
    if policy is None:
        return False
    if any(each.policy is policy for each in vault.instances.values()):
        raise AzureFault(
            "UserErrorDppPolicyObjectInUse",
            f"The policy '{name}' is used by backup instances and cannot be deleted.",
        )
    if any(each.policy is policy for each in vault.deleted.values()):
        raise AzureFault(
            "UserErrorPolicyAssociatedWithSoftDeletedItems",
            f"The policy '{name}' is associated with soft-deleted backup instances.",
        )
    del vault.policies[name.lower()]
    return True


def _parse(name: str, body: dict[str, Any]) -> Policy:
    given = body.get("properties")
    if not isinstance(given, dict) or given.get("objectType") != "BackupPolicy":
        raise invalid("The properties of the policy are missing or of the wrong type.")
    properties = {key: deepcopy(value) for key, value in given.items() if key != "name"}
    if properties.get("datasourceTypes") != ["Microsoft.Compute/disks"]:
        raise invalid("Only the datasource type Microsoft.Compute/disks is simulated.")
    rules = properties.get("policyRules") or []
    backup = [rule for rule in rules if rule.get("objectType") == "AzureBackupRule"]
    keep = [rule for rule in rules if rule.get("objectType") == "AzureRetentionRule"]
    if len(backup) != 1 or len(backup) + len(keep) != len(rules):
        raise invalid("A policy must have one backup rule and retention rules.")
    _fill_in(backup)
    retention = {rule["name"]: _retention(rule) for rule in keep}
    defaults = [rule["name"] for rule in keep if rule.get("isDefault")]
    if defaults != ["Default"] or len(retention) != len(keep):
        raise invalid("There must be exactly one default retention rule, named Default.")
    start, period, zone = _trigger(backup[0])
    tags = [_tag(each) for each in backup[0]["trigger"].get("taggingCriteria") or []]
    if {tag.name for tag in tags} != retention.keys():
        raise invalid("Every tagging criterion needs a retention rule, and the other way round.")
    _check_count(period, tags, retention)
    return Policy(name, properties, backup[0]["name"], start, period, zone, tags, retention)


def _fill_in(rules: list[dict[str, Any]]) -> None:
    """Add what the service adds: the ids of tags that have none (recorded)."""
    for rule in rules:
        for each in (rule.get("trigger") or {}).get("taggingCriteria") or []:
            if (each.get("tagInfo") or {}).get("tagName"):
                each["tagInfo"].setdefault("id", f"{each['tagInfo']['tagName']}_")


def _trigger(rule: dict[str, Any]) -> tuple[datetime, timedelta, ZoneInfo]:
    trigger = rule.get("trigger") or {}
    schedule = trigger.get("schedule") or {}
    intervals = schedule.get("repeatingTimeIntervals") or []
    match = _INTERVAL.fullmatch(intervals[0]) if len(intervals) == 1 else None
    parameters = rule.get("backupParameters") or {}
    store = rule.get("dataStore") or {}
    fits = (
        trigger.get("objectType") == "ScheduleBasedTriggerContext"
        and parameters.get("objectType") == "AzureBackupParams"
        and parameters.get("backupType") == "Incremental"
        and store.get("objectType") == "DataStoreInfoBase"
        and store.get("dataStoreType") == "OperationalStore"
    )
    if match is None or not fits:
        raise invalid("The backup rule is invalid for disks.")
    # The portal names it BackupHourly or BackupDaily, Terraform BackupIntervals.
    if not rule.get("name"):
        raise invalid("The backup rule needs a name.")
    # Terraform sends an empty one when none is set.
    zone_name = schedule.get("timeZone") or "UTC"
    if zone_name != "UTC" and zone_name not in win_tz:
        raise invalid(f"The time zone '{zone_name}' is not a Windows time zone.")
    start = datetime.fromisoformat(match["start"])
    if start.tzinfo is None:
        raise invalid("The start of the schedule needs an offset.")
    hours = int(match["hours"] or 24)
    return start, timedelta(hours=hours), ZoneInfo(win_tz.get(zone_name, "UTC"))


def _tag(criterion: dict[str, Any]) -> Tag:
    info = criterion.get("tagInfo") or {}
    name, priority = info.get("tagName"), criterion.get("taggingPriority")
    if not isinstance(name, str) or not isinstance(priority, int):
        raise invalid("A tagging criterion needs a tag and a priority.")
    if criterion.get("isDefault"):
        return Tag(name, priority, None)
    absolute = [each for entry in criterion.get("criteria") or [] for each in entry["absoluteCriteria"]]
    if len(absolute) != 1 or absolute[0] not in _CRITERIA:
        raise invalid("Disks know only the criteria FirstOfDay and FirstOfWeek.")
    return Tag(name, priority, absolute[0])


def _retention(rule: dict[str, Any]) -> timedelta:
    lifecycles = rule.get("lifecycles") or []
    option = (lifecycles[0].get("deleteAfter") or {}) if len(lifecycles) == 1 else {}
    match = _DURATION.fullmatch(option.get("duration", ""))
    store = (lifecycles[0].get("sourceDataStore") or {}) if lifecycles else {}
    if (
        match is None
        or option.get("objectType") != "AbsoluteDeleteOption"
        or store.get("dataStoreType") != "OperationalStore"
    ):
        raise invalid(f"The retention rule '{rule.get('name')}' is invalid for disks.")
    days = int(match["days"])
    if not 1 <= days <= 365:
        raise invalid("Disks are kept from 1 to 365 days.")
    return timedelta(days=days)


def _check_count(period: timedelta, tags: list[Tag], retention: dict[str, timedelta]) -> None:
    spans = {None: period, "FirstOfDay": timedelta(days=1), "FirstOfWeek": timedelta(days=7)}
    count = sum(-(-retention[tag.name] // spans[tag.criterion]) for tag in tags)
    if count > MOST_POINTS:
        raise AzureFault(
            "BMSUserErrorInvalidInput",
            f"The policy leads to {count} recovery points; at most {MOST_POINTS} are allowed.",
        )
