"""docs/reference/api.md: every field of the kinds, as the models have it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from azdiskbackup.api.crd.definition import definition
from azdiskbackup.api.v1alpha1.kinds import KINDS
from azdiskbackup.api.v1alpha1.names import GROUP, VERSION

Json = dict[str, Any]

_HEAD = f"""# API reference

Every field of the five kinds, of the group `{GROUP}` in version `{VERSION}`. The same stands in
`kubectl explain KIND --recursive`. A field without a default that is not required is absent unless you set it. What
must hold is checked when an object is applied, and the sentence is that of the API server.

A condition has `type`, `status`, `reason`, `message`, `lastTransitionTime` and `observedGeneration`;
[Reasons](reasons.md) has all reasons. Status is written by the operator alone.

"""
# What is said once, not of each field of that shape.
_SELECTOR = "a label selector, as elsewhere in Kubernetes"
_CONDITIONS = "conditions"
_COMPLETE = Path(__file__).resolve().parents[2] / "deploy" / "samples" / "complete"


def complete(kind: str) -> Path:
    """Return the manifest of a kind that has every field of its spec."""
    return _COMPLETE / f"{re.sub('(?<!^)(?=[A-Z])', '-', kind).lower()}.yaml"


def page() -> str:
    """Return the page."""
    return _HEAD + "\n".join(_chapter(definition(kind)) for kind in KINDS)


def _chapter(crd: Json) -> str:
    names = crd["spec"]["names"]
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    scope = {"Cluster": "Cluster-scoped", "Namespaced": "Namespaced"}[crd["spec"]["scope"]]
    parts = [
        f"## {names['kind']}\n\n{schema['description']}\n\n*{scope}; short name `{names['shortNames'][0]}`.*\n",
        f"With every field of its spec:\n\n```yaml\n{complete(names['kind']).read_text()}```\n",
        *(_table(f"### {names['kind']}: {part}", schema["properties"][part], part) for part in ("spec", "status")),
    ]
    return "\n".join(parts)


def _table(title: str, schema: Json, path: str) -> str:
    rows = "".join(_row(*each) for each in _fields(schema, path))
    sentences = list(_rules(schema, path))
    rules = "\nWhat must hold:\n\n" + "".join(f"- {each}\n" for each in sentences) if sentences else ""
    return f"{title}\n\n| field | type | what it is |\n| --- | --- | --- |\n{rows}{rules}"


def _fields(schema: Json, path: str) -> Iterator[tuple[str, Json, bool]]:
    """Yield path, schema and whether it is required of every field below an object."""
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        yield here, field, name in required
        inner = field.get("items", field)
        if not _is_selector(inner) and name != _CONDITIONS:
            yield from _fields(inner, f"{here}[]" if "items" in field else here)


def _is_selector(schema: Json) -> bool:
    return set(schema.get("properties", {})) == {"matchLabels", "matchExpressions"}


def _row(path: str, schema: Json, required: bool) -> str:
    name = path.partition(".")[2]
    notes = [schema.get("description", ""), *_notes(schema, required)]
    text = " ".join(note if note.endswith(".") else f"{note}." for note in notes if note).replace("|", r"\|")
    return f"| `{name}` | {_type(schema)} | {text} |\n"


def _type(schema: Json) -> str:
    if _is_selector(schema):
        return _SELECTOR
    if "items" in schema:
        inner = schema["items"]
        return "list" if "properties" in inner else f"list of {_type(inner)}"
    if "additionalProperties" in schema:
        return f"map to {_type(schema['additionalProperties'])}"
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    return "time" if schema.get("format") == "date-time" else str(schema["type"])


def _notes(schema: Json, required: bool) -> Iterator[str]:
    if required:
        yield "**Required**"
    if "default" in schema and "properties" not in schema:
        value = schema["default"]
        shown = value if isinstance(value, str) else json.dumps(value)
        yield "Default: none" if value == [] else f"Default: `{shown}`"
    low, high = schema.get("minimum"), schema.get("maximum")
    # What bounds a count says nothing; a bound that somebody can meet does.
    if low is not None and high is not None and high < 2**31 - 1:
        yield f"{low} to {high}"
    if "maxItems" in schema:
        yield f"At most {schema['maxItems']}"


def _rules(schema: Json, path: str) -> Iterator[str]:
    """Yield what must hold of an object and of all below it."""
    for rule in schema.get("x-kubernetes-validations", []):
        field = rule.get("fieldPath", "")
        yield f"`{(path + field).partition('.')[2] or path}`: {rule['message']}."
    for name, field in schema.get("properties", {}).items():
        inner = field.get("items", field)
        if not _is_selector(inner):
            yield from _rules(inner, f"{path}.{name}{'[]' if 'items' in field else ''}")
