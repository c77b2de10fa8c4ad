"""docs/permissions.md: what the operator may do, from the roles themselves; the rest stands in permissions.md here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]
_HERE = Path(__file__).resolve().parent
_ROLES = _HERE.parents[1] / "deploy" / "azure" / "roles"


def page(rendered: list[Json]) -> str:
    """Return the page, with the roles that the chart renders."""
    text = (_HERE / "permissions.md").read_text()
    return text.replace("KUBERNETES\n", "".join(_kubernetes(rendered))).replace("AZURE\n", "".join(_azure()))


def _kubernetes(rendered: list[Json]) -> Iterator[str]:
    yield "| resource | verbs | only |\n| --- | --- | --- |\n"
    for role in rendered:
        name = role["metadata"]["name"]
        # Not the roles of people, nor those of the chart's Jobs.
        if role["kind"] not in ("Role", "ClusterRole") or name != "azdiskbackup":
            continue
        place = f"in the namespace `{role['metadata']['namespace']}`" if role["kind"] == "Role" else ""
        for rule in role["rules"]:
            groups = f" of `{rule['apiGroups'][0]}`" if rule["apiGroups"][0] else ""
            resources = ", ".join(f"`{each}`" for each in rule["resources"])
            only = ", ".join(f"`{each}`" for each in rule.get("resourceNames", []))
            yield f"| {resources}{groups} | {', '.join(rule['verbs'])} | {' '.join(filter(None, (only, place)))} |\n"


def _azure() -> Iterator[str]:
    yield "| role | allows |\n| --- | --- |\n"
    for path in sorted(_ROLES.glob("*.json")):
        role = json.loads(path.read_text())
        actions = "<br>".join(f"`{each}`" for each in role["Actions"])
        name = role["Name"].removeprefix("azdiskbackup ").removesuffix(" SUBSCRIPTION_ID")
        description = role["Description"].replace("|", r"\|")
        yield f"| **{name}**. {description} | {actions} |\n"
