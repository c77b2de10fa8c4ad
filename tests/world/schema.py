"""Admission by the schema of a CustomResourceDefinition: unknown fields go, defaults come, what is wrong is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cel
import jsonschema
import jsonschema_rs

from harness import manifests

Json = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """One of ``x-kubernetes-validations``; it compares with the object before where it names it."""

    program: Any
    message: str
    needs_old: bool

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Rule:
        text = str(raw["rule"])
        return cls(cel.compile(text), str(raw.get("message") or f"failed rule: {text}"), "oldSelf" in text)

    def holds(self, value: Any, old: Any) -> bool:
        context = cel.Context(variables={"self": value, "oldSelf": old})
        context.add_function("lowerAscii", str.lower)
        return bool(self.program.execute(context))


class Validator:
    """Tells what of a value breaks a JSON Schema."""

    def __init__(self, schema: Json) -> None:
        # The compiled one is many times faster, and says the same in other words.
        self._compiled = jsonschema_rs.Draft202012Validator(schema)
        self._telling = jsonschema.Draft202012Validator(schema)

    def faults(self, value: Json) -> list[str]:
        """Return what is wrong, with where it is; nothing for a value that is valid."""
        if self._compiled.is_valid(value):
            return []
        found = [
            f"{'.'.join(str(part) for part in each.absolute_path) or '<root>'}: {each.message}"
            for each in self._telling.iter_errors(value)
        ]
        assert found, "one takes for valid what the other does not"
        return found


class Schema:
    """The schema of the one version of a CustomResourceDefinition.

    Args:
        definition: the CustomResourceDefinition.
    """

    def __init__(self, definition: Mapping[str, Any]) -> None:
        (version,) = definition["spec"]["versions"]
        self.root: Json = version["schema"]["openAPIV3Schema"]
        self._rules: dict[int, list[Rule]] = {}

    @classmethod
    def read(cls, path: Path) -> Schema:
        return cls(manifests.read(path.read_text()))

    @cached_property
    def _validator(self) -> Validator:
        return Validator(_without_nullable(self.root))

    def admit(self, raw: Json, old: Json | None) -> tuple[Json, list[str]]:
        """Return an object as it is stored, and what is wrong with it."""
        pruned = _prune(raw, self.root, at_root=True)
        _default(pruned, self.root)
        return pruned, self._validator.faults(pruned) or list(self._broken(self.root, pruned, old, ""))

    def _broken(self, schema: Json, value: Any, old: Any, path: str) -> Iterator[str]:
        if old is not None and value == old:
            # What did not change is not judged again, as in Kubernetes since 1.30 (CRDValidationRatcheting).
            return
        for rule in self._rules_of(schema):
            if not (rule.needs_old and old is None) and not rule.holds(value, old):
                yield f"{path or '<root>'}: Invalid value: {rule.message}"
        if isinstance(value, dict):
            before = old if isinstance(old, dict) else {}
            for name in value.keys() & schema.get("properties", {}).keys():
                below = schema["properties"][name]
                yield from self._broken(below, value[name], before.get(name), f"{path}.{name}".lstrip("."))
        elif isinstance(value, list) and "items" in schema:
            # Lists are compared as a whole, as atomic ones are.
            for number, each in enumerate(value):
                yield from self._broken(schema["items"], each, None, f"{path}[{number}]")

    def _rules_of(self, schema: Json) -> list[Rule]:
        if "x-kubernetes-validations" not in schema:
            return []
        if id(schema) not in self._rules:
            self._rules[id(schema)] = [Rule.of(each) for each in schema["x-kubernetes-validations"]]
        return self._rules[id(schema)]


def _prune(value: Any, schema: Json, *, at_root: bool = False) -> Any:
    if isinstance(value, dict):
        if "properties" in schema:
            known = schema["properties"]
            kept = {"apiVersion", "kind", "metadata"} if at_root else set()
            return {
                name: deepcopy(below) if name in kept else _prune(below, known[name])
                for name, below in value.items()
                if name in known or name in kept
            }
        more = schema.get("additionalProperties")
        if isinstance(more, dict):
            return {name: _prune(below, more) for name, below in value.items()}
        return deepcopy(value) if schema.get("x-kubernetes-preserve-unknown-fields") or more else {}
    if isinstance(value, list):
        return [_prune(each, schema.get("items", {})) for each in value]
    return value


def _default(value: Any, schema: Json) -> None:
    if isinstance(value, dict):
        for name, below in schema.get("properties", {}).items():
            if "default" in below and value.get(name) is None:
                value[name] = deepcopy(below["default"])
            elif value.get(name) is None and name in value and not below.get("nullable"):
                # A null without a default is a field that is not there.
                del value[name]
            if name in value:
                _default(value[name], below)
    elif isinstance(value, list):
        for each in value:
            _default(each, schema.get("items", {}))


def _without_nullable(schema: Any) -> Any:
    """Return a schema in the words of JSON Schema, which says in another way that a value may be null."""
    if isinstance(schema, list):
        return [_without_nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _without_nullable(below) for key, below in schema.items() if key != "default"}
    if schema.get("nullable") is True and isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    return found
