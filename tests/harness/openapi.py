"""Check requests against the service's own OpenAPI document, which is read from a folder beside the checkout.

The data is not part of this project. Where it is missing, what needs it is skipped, loudly.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("AZURE_API_DATA") or ROOT.parent / "shared" / "azure-api")
MISSING = (
    f"no Azure API documents at {DATA}: clone them there or name their folder with AZURE_API_DATA; "
    "without them nothing compares requests with the service's own documents"
)
_DOCUMENTS = {
    "microsoft.dataprotection": DATA
    / "dataprotection/resource-manager/Microsoft.DataProtection/stable/2024-04-01/dataprotection.json",
    "microsoft.authorization": DATA
    / "authorization/resource-manager/Microsoft.Authorization/stable/2022-04-01"
    / "authorization-RoleAssignmentsCalls.json",
}


def available() -> bool:
    """Return whether the documents are there."""
    return all(path.exists() for path in _DOCUMENTS.values())


@cache
def _document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _retrieve(uri: str) -> Resource[Any]:
    return Resource.from_contents(_document(Path(urlsplit(uri).path)), default_specification=DRAFT4)


@cache
def _operations(provider: str) -> list[tuple[str, re.Pattern[str], str]]:
    """Return method, pattern of the path and path of each operation, the most literal first."""
    found = []
    for path, methods in _document(_DOCUMENTS[provider])["paths"].items():
        pattern = re.sub(r"\{(scope|resourceId)\}", "(?:.+)", path.rstrip("/"))
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", pattern)
        compiled = re.compile(pattern.replace("/(?:.+)", "(?:/.+)"), re.IGNORECASE)
        found += [(method.upper(), compiled, path) for method in methods if method != "parameters"]
    return sorted(found, key=lambda entry: entry[2].count("{"))


def faults(method: str, path: str, body: object) -> list[str]:
    """Return what a request has against the document; empty when it passes, or is of a provider without one."""
    provider = next((name for name in _DOCUMENTS if f"/providers/{name}/" in path.lower()), None)
    if provider is None or "/operationstatus/" in path.lower():
        # Where an operation is followed the service says itself, and it says more places than its document.
        return []
    for known, pattern, template in _operations(provider):
        if known == method and pattern.fullmatch(path):
            return _body_faults(provider, template, method, body)
    return [f"{method} {path}: the document knows no such operation"]


def _body_faults(provider: str, template: str, method: str, body: object) -> list[str]:
    document = _DOCUMENTS[provider]
    operation = _document(document)["paths"][template][method.lower()]
    parameters = [_parameter(document, each) for each in operation.get("parameters", [])]
    bodies = [each for each in parameters if each.get("in") == "body"]
    if not bodies:
        return [f"{method} {template}: takes no body"] if body else []
    if not body:
        return [f"{method} {template}: a body is required"] if bodies[0].get("required") else []
    registry: Registry[Any] = Registry(retrieve=_retrieve)  # type: ignore[call-arg] # attrs hides the name
    validator = Draft4Validator({"$ref": document.as_uri() + bodies[0]["schema"]["$ref"]}, registry=registry)
    return [
        f"{method} {template}: {'/'.join(map(str, error.path))}: {error.message[:300]}"
        for error in validator.iter_errors(body)
    ]


def _parameter(document: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter; those of the document itself are referred to by name."""
    reference = given.get("$ref", "")
    if not reference.startswith("#/parameters/"):
        return given
    found: dict[str, Any] = _document(document)["parameters"][reference.removeprefix("#/parameters/")]
    return found
