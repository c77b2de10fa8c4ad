"""The Grafana dashboard of the chart: three rows (fleet, one disk, operator), as data, and its JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH = 24
# What the variables of the dashboard choose.
_CHOSEN = 'namespace=~"$namespace"'
_DISK = 'namespace=~"$disk_namespace", name="$disk"'


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: what it shows.
        kind: Grafana's type of panel.
        queries: legend and PromQL of each series.
        unit: Grafana's unit of the values.
        width: in 24ths; height likewise in rows of the grid.
        options: what differs from Grafana's defaults.
        wants_none: whether any number but 0 asks for attention.
    """

    title: str
    kind: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    width: int = 6
    height: int = 6
    options: Json = field(default_factory=dict)
    wants_none: bool = False


def _newest(what: str) -> str:
    return f"max by (namespace, name) (azdiskbackup_disk_last_{what}_timestamp_seconds{{{_CHOSEN}}})"


# The disks whose newest backup failed: as the alert has them, and for as long as status tells it.
_FAILURE, _SUCCESS = _newest("failure"), _newest("success")
_FAILED = (
    f"{_FAILURE} > on (namespace, name) {_SUCCESS}"
    f" or on (namespace, name) {_FAILURE} unless on (namespace, name) {_SUCCESS}"
)
_MEAN = {"reduceOptions": {"calcs": ["lastNotNull"]}}


def _number(title: str, query: str, *, unit: str = "short", wants_none: bool = False) -> Panel:
    """Return one of six numbers beside each other."""
    return Panel(title, "stat", (("", query),), unit, 4, 4, _MEAN, wants_none)


FLEET = (
    _number("Protected disks", f'sum(azdiskbackup_namespace_disks{{{_CHOSEN}, protected="true"}})'),
    _number(
        "Disks without protection",
        f"count(azdiskbackup_disk_protected{{{_CHOSEN}}} == 0) or vector(0)",
        wants_none=True,
    ),
    _number("Failed backups", f"count({_FAILED}) or vector(0)", wants_none=True),
    _number(
        "Overdue backups", f"count(azdiskbackup_disk_backup_overdue_seconds{{{_CHOSEN}}}) or vector(0)", wants_none=True
    ),
    _number(
        "Orphaned backup instances",
        "sum(max by (vault) (azdiskbackup_vault_orphaned_backup_instances))",
        wants_none=True,
    ),
    _number(
        "Protected data",
        f"sum(azdiskbackup_namespace_protected_bytes{{{_CHOSEN}}})",
        unit="bytes",
    ),
    Panel(
        "Disks by reason",
        "timeseries",
        (("{{reason}}", f"count by (reason) (azdiskbackup_disk_info{{{_CHOSEN}}})"),),
        width=12,
        height=8,
        options={"stacking": True},
    ),
    Panel(
        "Disks by policy",
        "bargauge",
        (("{{vault}}/{{policy}} protected={{protected}}", "azdiskbackup_policy_disks"),),
        width=12,
        height=8,
        options=_MEAN,
    ),
    Panel(
        "Action required, backup failed or overdue",
        "table",
        (
            ("", f'azdiskbackup_disk_info{{{_CHOSEN}, stalled="true"}}'),
            ("", f'label_replace(time() - ({_FAILED}), "reason", "BackupFailed", "", "")'),
            ("", f"azdiskbackup_disk_backup_overdue_seconds{{{_CHOSEN}}}"),
        ),
        width=12,
        height=8,
    ),
    Panel(
        "Age of the newest successful backup: oldest disk of each namespace",
        "timeseries",
        (
            (
                "{{namespace}}",
                f"max by (namespace) (time() - azdiskbackup_disk_last_success_timestamp_seconds{{{_CHOSEN}}})",
            ),
        ),
        unit="s",
        width=12,
        height=8,
    ),
    Panel(
        "PVCs by state",
        "timeseries",
        (("{{state}}", "sum by (state) (max by (rule, state, reason) (azdiskbackup_claims))"),),
        width=12,
        height=8,
        options={"stacking": True},
    ),
    Panel(
        "PVCs that rules skip, by reason",
        "bargauge",
        (
            (
                "{{rule}} {{reason}}",
                'max by (rule, reason) (azdiskbackup_claims{state="skipped"}) or vector(0)',
            ),
        ),
        width=12,
        height=8,
        options=_MEAN,
    ),
    Panel(
        "Restores",
        "timeseries",
        (("{{outcome}}", f"sum by (outcome) (azdiskbackup_restores{{{_CHOSEN}}})"),),
        width=18,
        height=8,
        options={"stacking": True},
    ),
    Panel(
        "Restores in progress",
        "stat",
        (("", f'sum(azdiskbackup_restores{{{_CHOSEN}, outcome="running"}}) or vector(0)'),),
        height=8,
        options=_MEAN,
    ),
)
DISK = (
    Panel("Ready", "table", (("", f"azdiskbackup_disk_info{{{_DISK}}}"),), width=12, height=4),
    Panel(
        "Time since the newest successful backup",
        "stat",
        (("", f"time() - azdiskbackup_disk_last_success_timestamp_seconds{{{_DISK}}}"),),
        unit="s",
        height=4,
        options=_MEAN,
    ),
    Panel(
        "Time until the next backup",
        "stat",
        (("", f"azdiskbackup_disk_next_backup_timestamp_seconds{{{_DISK}}} - time()"),),
        unit="s",
        height=4,
        options=_MEAN,
    ),
    Panel(
        "Age of the newest successful backup (each drop is a backup)",
        "timeseries",
        (
            ("age", f"time() - azdiskbackup_disk_last_success_timestamp_seconds{{{_DISK}}}"),
            ("overdue", f"azdiskbackup_disk_backup_overdue_seconds{{{_DISK}}}"),
        ),
        unit="s",
        width=12,
        height=8,
    ),
    Panel(
        "Restore points",
        "timeseries",
        (
            ("restore points", f"azdiskbackup_disk_restore_points{{{_DISK}}}"),
            ("limit of Azure", "max(azdiskbackup_disk_restore_points_limit)"),
        ),
        width=6,
        height=8,
    ),
    Panel("Size", "timeseries", (("size", f"azdiskbackup_disk_size_bytes{{{_DISK}}}"),), unit="bytes", height=8),
)
OPERATOR = (
    Panel("Leader", "stat", (("{{pod}}", "azdiskbackup_leader"),), height=4, options=_MEAN),
    Panel(
        "Time since the last sweep",
        "stat",
        (
            (
                "{{subscription}}",
                "time() - max by (subscription) (azdiskbackup_sweep_last_success_timestamp_seconds)",
            ),
        ),
        unit="s",
        height=4,
        options=_MEAN,
    ),
    Panel(
        "Event loop lag",
        "stat",
        (("", "max(azdiskbackup_event_loop_lag_seconds)"),),
        unit="s",
        height=4,
        options=_MEAN,
    ),
    Panel(
        "Requests queued for Azure's limits",
        "stat",
        (("", "sum(azdiskbackup_azure_requests_waiting) or vector(0)"),),
        height=4,
        options=_MEAN,
    ),
    Panel(
        "Requests to Azure",
        "timeseries",
        (
            (
                "{{operation}} {{status}}",
                "sum by (operation, status) (rate(azdiskbackup_azure_requests_total[$__rate_interval]))",
            ),
        ),
        unit="reqps",
        width=12,
        height=8,
    ),
    Panel(
        "Azure request duration, 95th percentile",
        "timeseries",
        (
            (
                "{{operation}}",
                "histogram_quantile(0.95, sum by (operation, le) "
                "(rate(azdiskbackup_azure_request_duration_seconds_bucket[$__rate_interval])))",
            ),
        ),
        unit="s",
        width=12,
        height=8,
    ),
    Panel(
        "Azure requests left, minimum",
        "timeseries",
        (("{{limit}}", "min by (limit) (azdiskbackup_azure_requests_left)"),),
        width=12,
        height=8,
    ),
    Panel(
        "Reconcile queue",
        "timeseries",
        (
            ("{{kind}} waiting", "sum by (kind) (azdiskbackup_reconcile_queue_depth)"),
            ("{{kind}} running", "sum by (kind) (azdiskbackup_reconcile_running)"),
        ),
        width=6,
        height=8,
    ),
    Panel(
        "Reconciles",
        "timeseries",
        (
            (
                "{{kind}} {{outcome}}",
                "sum by (kind, outcome) (rate(azdiskbackup_reconcile_total[$__rate_interval]))",
            ),
        ),
        unit="ops",
        width=6,
        height=8,
    ),
)
ROWS = (("Fleet", FLEET), ("One disk", DISK), ("Operator", OPERATOR))


def dashboard() -> str:
    """Return the JSON of the dashboard."""
    found = {
        "title": "azdiskbackup",
        "uid": "azdiskbackup",
        "tags": ["azdiskbackup", "backup"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": list(_variables())},
        "panels": list(_panels()),
    }
    return json.dumps(found, indent=2) + "\n"


def _variables() -> Iterator[Json]:
    yield {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    yield _variable("namespace", "Namespace", "label_values(azdiskbackup_namespace_disks, namespace)", everything=True)
    yield _variable("disk_namespace", "Namespace of one disk", "label_values(azdiskbackup_disk_info, namespace)")
    chosen = 'label_values(azdiskbackup_disk_info{namespace="$disk_namespace"}, name)'
    yield _variable("disk", "Disk", chosen)


def _variable(name: str, label: str, query: str, *, everything: bool = False) -> Json:
    found: Json = {"name": name, "label": label, "type": "query", "datasource": _SOURCE, "query": query, "refresh": 2}
    return found | ({"includeAll": True, "multi": True, "allValue": ".*"} if everything else {})


def _panels() -> Iterator[Json]:
    number, top = 1, 0
    for title, panels in ROWS:
        yield {"id": number, "type": "row", "title": title, "gridPos": {"x": 0, "y": top, "w": _WIDTH, "h": 1}}
        number, top, left, tallest = number + 1, top + 1, 0, 0
        for panel in panels:
            if left + panel.width > _WIDTH:
                top, left, tallest = top + tallest, 0, 0
            yield _panel(panel, number, left, top)
            number, left, tallest = number + 1, left + panel.width, max(tallest, panel.height)
        top += tallest


def _panel(panel: Panel, number: int, left: int, top: int) -> Json:
    instant = panel.kind == "table"
    custom = {"stacking": {"mode": "normal"}} if panel.options.get("stacking") else {}
    steps = [{"color": "green", "value": None}, {"color": "red", "value": 1}]
    thresholds = {"thresholds": {"mode": "absolute", "steps": steps}} if panel.wants_none else {}
    # Of several queries a table would show one.
    merged = {"transformations": [{"id": "merge", "options": {}}]} if instant and len(panel.queries) > 1 else {}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": {"x": left, "y": top, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": {"unit": panel.unit, "custom": custom, **thresholds}, "overrides": []},
        **merged,
        "options": {key: value for key, value in panel.options.items() if key != "stacking"},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _SOURCE,
                "expr": expression,
                "legendFormat": legend or "__auto",
                **({"format": "table", "instant": True} if instant else {}),
            }
            for index, (legend, expression) in enumerate(panel.queries)
        ],
    }
