"""From pydantic's JSON schema to the structural schema that a CustomResourceDefinition wants.

The API server's dialect is a subset of draft 4. What has no equal there is refused here, with the path: the server
would refuse some of it, and silently drop the rest (``const``), which is worse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from azdiskbackup.api.v1alpha1.base import without_nulls

Schema = dict[str, Any]


class NotStructuralError(ValueError):
    """The model uses a construct that a CustomResourceDefinition cannot express."""


_REFUSED = {
    "patternProperties": "constrained keys of a map cannot be expressed; use a list of objects",
    "propertyNames": "bounded keys of a map cannot be expressed; use keys of type str",
    "prefixItems": "a tuple cannot be expressed; use an object with named members",
    "oneOf": "a discriminated union cannot be expressed; use optional members and a rule",
    "discriminator": "a discriminated union cannot be expressed; use optional members and a rule",
    "allOf": "allOf cannot be expressed",
    "uniqueItems": "a set cannot be expressed; use a list",
    "exclusiveMinimum": "an exclusive bound cannot be expressed; use ge",
    "exclusiveMaximum": "an exclusive bound cannot be expressed; use le",
}
_DROPPED = {"title", "$defs", "additionalProperties"}


def structural_schema(model: type[BaseModel]) -> Schema:
    """Return the structural schema of a model.

    Raises:
        NotStructuralError: the model uses a construct without an equal in a CRD, or leaves a field without a
            description or a bound.
    """
    root = model.model_json_schema(by_alias=True)
    return _Converter(root.get("$defs", {})).convert(root, model.__name__)


class _Converter:
    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions

    def convert(self, node: Schema, path: str) -> Schema:
        node = self._inline(node)
        for key, why in _REFUSED.items():
            if key in node:
                raise NotStructuralError(f"{path}: {why}")
        if "anyOf" in node:
            return self._union(node, path)
        if "const" in node:
            # Accepted by the server, and the constraint silently dropped: the worst of them all.
            node = {**node, "enum": [node["const"]]}
        if node.get("format") == "duration":
            raise NotStructuralError(f"{path}: a duration is ambiguous; use an integer with its unit")
        if "type" not in node:
            raise NotStructuralError(f"{path}: a field must have a type")
        return self._typed(node, path)

    def _inline(self, node: Schema) -> Schema:
        """Replace a reference by what it refers to; what stands beside it (a description) wins."""
        if "$ref" not in node:
            return node
        target = self._definitions[node["$ref"].rsplit("/", 1)[1]]
        return {**target, **{key: value for key, value in node.items() if key != "$ref"}}

    def _union(self, node: Schema, path: str) -> Schema:
        members = [member for member in node["anyOf"] if member.get("type") != "null"]
        around = {key: value for key, value in node.items() if key not in ("anyOf", "default")}
        if node.get("default") is not None:
            around["default"] = node["default"]
        if len(members) == 1:
            member = self._inline(members[0])
            return self.convert({**member, **around}, path)
        raise NotStructuralError(f"{path}: a union cannot be expressed; use optional members")

    def _typed(self, node: Schema, path: str) -> Schema:
        result = _keep(node)
        handler: dict[str, Callable[[Schema, Schema, str], None]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._number,
            "number": self._number,
        }
        if node["type"] in handler:
            handler[node["type"]](node, result, path)
        return result

    def _object(self, node: Schema, result: Schema, path: str) -> None:
        if "properties" not in node:
            values = node.get("additionalProperties")
            if not isinstance(values, dict):
                raise NotStructuralError(f"{path}: a map must say what its values are")
            _need(node, "maxProperties", path)
            result["additionalProperties"] = self.convert(values, f"{path}[*]")
            return
        result["properties"] = {
            name: self._member(member, f"{path}.{name}") for name, member in node["properties"].items()
        }

    def _member(self, node: Schema, path: str) -> Schema:
        member = self.convert(node, path)
        if not member.get("description"):
            raise NotStructuralError(f"{path}: every field must have a description")
        return member

    def _array(self, node: Schema, result: Schema, path: str) -> None:
        if node.get("items") in (None, {}):
            raise NotStructuralError(f"{path}: a list must say what its items are")
        _need(node, "maxItems", path)
        result["items"] = self.convert(node["items"], f"{path}[*]")

    def _string(self, node: Schema, result: Schema, path: str) -> None:
        if "enum" not in node and node.get("format") != "date-time":
            _need(node, "maxLength", path)

    def _number(self, node: Schema, result: Schema, path: str) -> None:
        if "enum" in node:
            return
        _need(node, "minimum", path)
        _need(node, "maximum", path)


def _need(node: Schema, bound: str, path: str) -> None:
    if bound not in node:
        raise NotStructuralError(f"{path}: must be bounded by {bound}")


def _keep(node: Schema) -> Schema:
    dropped = _DROPPED | {"const", "properties", "items"}
    kept = {key: value for key, value in node.items() if key not in dropped}
    if "default" in kept:
        # A default must itself pass the schema, and null never does.
        kept["default"] = without_nulls(kept["default"])
        if kept["default"] is None:
            del kept["default"]
    if isinstance(kept.get("description"), str):
        kept["description"] = " ".join(kept["description"].split())
    return kept
