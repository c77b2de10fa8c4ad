"""What pydantic says and a CustomResourceDefinition cannot take as it is: one test a row."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from azdiskbackup.api.crd.definition import definition, documents, drifted
from azdiskbackup.api.crd.structural import NotStructuralError, structural_schema
from azdiskbackup.api.v1alpha1.backup_vault import BackupVaultSpec
from azdiskbackup.api.v1alpha1.base import Part, wire_name
from azdiskbackup.api.v1alpha1.disk_backup_policy import Schedule
from azdiskbackup.api.v1alpha1.disk_restore import RestorePointSelector
from azdiskbackup.api.v1alpha1.kind import Kind
from azdiskbackup.api.v1alpha1.kinds import KINDS
from generated.api_page import complete
from harness.objects import Json

ROOT = Path(__file__).resolve().parents[3]


def field(type_: Any, **constraints: Any) -> dict[str, Any]:
    """Return the schema of a model's only field."""
    model = create_model("Model", it=(type_, Field(description="A field.", **constraints)))
    found: dict[str, Any] = structural_schema(model)["properties"]["it"]
    return found


class Inner(BaseModel):
    """Something inside."""

    model_config = ConfigDict(extra="forbid")
    a: Annotated[int, Field(ge=0, le=9, description="A number.")]


class Cat(BaseModel):
    """A cat."""

    kind: Annotated[Literal["cat"], Field(description="Cat.")]


class Dog(BaseModel):
    """A dog."""

    kind: Annotated[Literal["dog"], Field(description="Dog.")]


def test_nested_models_are_inlined() -> None:
    schema = field(Inner)
    assert schema["properties"]["a"]["type"] == "integer" and "$ref" not in str(schema)


def test_forbidden_extras_are_left_to_pruning() -> None:
    assert "additionalProperties" not in field(Inner)


def test_optional_fields_are_of_their_type_and_not_required() -> None:
    model = create_model("Model", it=(Inner | None, Field(None, description="A field.")))
    schema = structural_schema(model)
    assert schema["properties"]["it"]["type"] == "object" and "anyOf" not in str(schema)
    assert "required" not in schema and "default" not in schema["properties"]["it"]


def test_defaults_hold_no_nulls() -> None:
    class Outer(BaseModel):
        """With a default that has a member that is not set."""

        a: Annotated[int, Field(ge=0, le=9, description="A number.")] = 1
        b: Annotated[Inner | None, Field(description="Not set.")] = None

    model = create_model("Model", it=(Outer, Field(Outer(), description="A field.")))
    assert structural_schema(model)["properties"]["it"]["default"] == {"a": 1}


def test_a_literal_of_one_value_is_an_enum() -> None:
    schema = field(Literal["x"])
    assert schema["enum"] == ["x"] and "const" not in schema


def test_times_have_a_format() -> None:
    assert field(datetime)["format"] == "date-time"


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ("2026-11-22T10:00:00Z", True),
        ("2026-11-22t10:00:00.5+01:00", True),
        ("2026-11-22T10:00:00", False),
        ("2026-11-22", False),
        ("2026-11-22T10:00Z", False),
        ("0", False),
        (0, False),
        (1.5, False),
        (True, False),
    ],
)
def test_a_time_is_what_the_api_server_takes_for_one(value: object, accepted: bool) -> None:
    """The same is compared with a real API server; this is faster to see fail."""
    try:
        RestorePointSelector.model_validate({"notAfter": value})
    except ValidationError:
        assert not accepted
    else:
        assert accepted


@pytest.mark.parametrize(
    ("type_", "says"),
    [
        (dict[Annotated[str, Field(pattern="^a")], Annotated[str, Field(max_length=5)]], "map"),
        (dict[Annotated[str, Field(max_length=5)], Annotated[str, Field(max_length=5)]], "bounded keys"),
        (tuple[int, str], "tuple"),
        (Any, "must have a type"),
        (Annotated[Cat | Dog, Field(discriminator="kind")], "discriminated union"),
        (timedelta, "duration"),
        (int | bool, "union"),
        (int | str, "union"),
        (set[Literal["a"]], "a set"),
        (Annotated[int, Field(gt=0, le=9)], "exclusive bound"),
        (str, "maxLength"),
        (int, "minimum"),
        (Annotated[int, Field(ge=0)], "maximum"),
        (list[Literal["a"]], "maxItems"),
        (dict[str, Literal["a"]], "maxProperties"),
    ],
)
def test_what_cannot_be_expressed_or_is_not_bounded_is_refused(type_: Any, says: str) -> None:
    with pytest.raises(NotStructuralError, match=says):
        field(type_)


def test_a_field_without_a_description_is_refused() -> None:
    with pytest.raises(NotStructuralError, match="description"):
        structural_schema(create_model("Model", it=(bool, ...)))


@pytest.mark.parametrize(
    ("python", "wire"),
    [
        ("disk_id", "diskID"),
        ("disk_id_namespaces", "diskIDNamespaces"),
        ("size_gib", "sizeGiB"),
        ("id", "id"),
        ("user_assigned_identity_id", "userAssignedIdentityID"),
    ],
)
def test_names_on_the_wire(python: str, wire: str) -> None:
    assert wire_name(python) == wire


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_has_what_kubectl_needs(kind: Kind) -> None:
    spec = definition(kind)["spec"]
    assert spec["names"]["categories"] == ["azdiskbackup"] and spec["names"]["shortNames"]
    version = spec["versions"][0]
    assert version["subresources"] == {"status": {}}
    assert len(version.get("selectableFields", [])) <= 8
    conditions = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


def test_committed_definitions_are_as_generated(tmp_path: Path) -> None:
    assert drifted(ROOT / "crds") == []
    assert drifted(tmp_path) == sorted(documents())
    (tmp_path / "stray.yaml").write_text("")
    assert "stray.yaml" in drifted(tmp_path)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_complete_manifest_has_every_field(kind: Kind) -> None:
    """Of those that exclude each other one is a comment."""
    text = complete(kind.name).read_text()
    schema = definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    missing = [name for name in set(names_of(schema)) if not re.search(rf"^[ #-]*{name}:", text, re.M)]
    assert not missing and kind.spec.model_validate(yaml.safe_load(text)["spec"])


def names_of(schema: Json) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        yield name
        inner = field.get("items", field)
        if "matchLabels" not in inner.get("properties", {}):
            yield from names_of(inner)


@pytest.mark.parametrize(
    ("model", "value", "words"),
    [
        (
            Schedule,
            {"frequency": "Daily", "startTime": "2am"},
            "must be a time of day as HH:MM, such as 02:00 or 18:30",
        ),
        (Schedule, {"frequency": "Daily", "startTime": "02:00\n"}, "must be a time of day"),
        (Schedule, {"frequency": "Daily", "timeZone": "Berlin!"}, "must be an IANA name"),
        (Schedule, {"frequency": "Daily", "timeZone": "x" * 65}, "must be an IANA name"),
        (BackupVaultSpec, {"resourceGroup": "g", "location": "West Europe"}, "in its short form, such as westeurope"),
    ],
)
def test_a_string_of_another_shape_is_told_what_to_be(model: type[Part], value: Json, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        model.model_validate(value)
    assert words.split(",")[0] in json.dumps(structural_schema(model)), "the API server says it as well"
