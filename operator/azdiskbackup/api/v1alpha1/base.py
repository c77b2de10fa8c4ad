"""What all kinds are built from: strict models, rules that hold on both sides, and the shared parts.

A rule is written once, as CEL for the API server and as a predicate for this process, so that the two cannot drift
apart (a property test sends the same objects to both). Models of a spec are strict and refuse what they do not know;
models of a status are lenient, since a newer or older operator may have written it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_ACRONYMS = {"id": "ID", "gib": "GiB"}


def wire_name(python_name: str) -> str:
    """Return the name that a field has in YAML: ``disk_id_namespaces`` is ``diskIDNamespaces``."""
    first, *rest = python_name.split("_")
    return first + "".join(_ACRONYMS.get(word, word.capitalize()) for word in rest)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule on the values of one object, checked by the API server (CEL) and by the model.

    Attributes:
        cel: the rule for the API server, over ``self``.
        holds: the same rule for the model.
        message: what must hold, in the server's style: "must …", "may not …", fields in backticks.
        field: wire name of the field that the message is about; None for the whole object.
    """

    cel: str
    holds: Callable[[Any], bool]
    message: str
    field: str | None = None

    def as_validation(self) -> dict[str, str]:
        """Return the entry for ``x-kubernetes-validations``."""
        return _validation(self.cel, self.message, self.field, "FieldValueInvalid")


@dataclass(frozen=True, slots=True)
class Transition:
    """A rule on a change, which only the API server can check: it alone knows the old object."""

    cel: str
    message: str
    field: str | None = None

    def as_validation(self) -> dict[str, str]:
        """Return the entry for ``x-kubernetes-validations``."""
        return _validation(self.cel, self.message, self.field, "FieldValueForbidden")


def _validation(cel: str, message: str, field: str | None, reason: str) -> dict[str, str]:
    entry = {"rule": cel, "message": message, "reason": reason}
    return entry | {"fieldPath": f".{field}"} if field else entry


def immutable(field: str, instead: str, *, required: bool = False) -> Transition:
    """Return the transition that refuses to set, change or unset a field after creation.

    It stands on the parent: a rule on an optional field itself is bypassed by removing the field.
    """
    same = f"self.{field} == oldSelf.{field}"
    if not required:
        same = f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || {same})"
    return Transition(same, f"`{field}` may not be changed after creation; {instead}", field)


class Part(BaseModel):
    """A part of a spec: strict, closed, frozen; null means absent, as it does for the API server."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        alias_generator=wire_name,
        populate_by_name=True,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()
    transitions: ClassVar[tuple[Transition, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        """Drop nulls as the API server does: of known members and within maps; an unknown member stays an error."""
        if not isinstance(value, dict):
            return value
        maps = _members(cls)
        return {
            key: without_nulls(member) if maps.get(key) else member
            for key, member in value.items()
            if member is not None or key not in maps
        }

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        for rule in self.rules:
            if not rule.holds(self):
                raise PydanticCustomError("rule", "{sentence}", {"sentence": rule.message})
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Add the rules to the schema, where the CRD generator picks them up."""
        schema = handler(core_schema)
        entries = [rule.as_validation() for rule in cls.rules]
        entries += [transition.as_validation() for transition in cls.transitions]
        if entries:
            handler.resolve_ref_schema(schema)["x-kubernetes-validations"] = entries
        return schema


@functools.cache
def _members(model: type[BaseModel]) -> Mapping[str | None, bool]:
    """Return the members of a model as they are on the wire, and whether they are maps."""
    return {field.alias: _is_map(field.annotation) for field in model.model_fields.values()}


def _is_map(annotation: Any) -> bool:
    return any(get_origin(each) is dict for each in (annotation, *get_args(annotation)))


def without_nulls(value: Any) -> Any:
    """Leave out members that are null at any depth: absent is absent."""
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    return value


def is_plausible(when: datetime) -> bool:
    """Return whether a time can have been written by us: times at the ends of the calendar cannot be reckoned with."""
    return when.tzinfo is not None and 2000 <= when.year < 3000


def _plausible(when: datetime, info: ValidationInfo) -> datetime:
    # Only of what is read back, and not of what Azure says.
    if info.context is not None:
        latest: datetime | None = info.context["now"]
        # What is yet to come would heal only when it comes; clocks differ by less than an hour.
        if not is_plausible(when) or (latest is not None and when > latest + timedelta(hours=1)):
            raise ValueError("not a plausible time")
    return when


def _as_the_server(value: object) -> object:
    """Refuse what the API server does not take for a time, such as a number, although Python would."""
    if isinstance(value, datetime) or (isinstance(value, str) and _DATE_TIME.fullmatch(value)):
        return value
    raise PydanticCustomError("date_time", "must be a date and time with its zone, such as 2026-11-22T10:00:00Z")


_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
# A time that somebody writes into a spec.
DateTime = Annotated[datetime, Field(strict=False), BeforeValidator(_as_the_server)]
# A time that has come.
Moment = Annotated[datetime, AfterValidator(_plausible)]


class StatusPart(BaseModel):
    """A part of a status: written by the operator only, read back leniently."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=wire_name, populate_by_name=True)

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form, without members that are not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


# --- bounded scalars ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Matching:
    """The shape of a string, with words that say what to write: a pattern's own fault shows the pattern alone.

    Attributes:
        pattern: for the whole string, as Python and CEL read it.
        words: what must hold, in the server's style: "must be …, such as …".
        most: how long the string may be.
    """

    pattern: str
    words: str
    most: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the shape after the type."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Have the API server check it, and say it in the same words."""
        rule = _validation(f"self.matches('^({self.pattern})$')", self.words, None, "FieldValueInvalid")
        return {**handler(schema), "maxLength": self.most, "x-kubernetes-validations": [rule]}

    def _checked(self, value: str) -> str:
        if len(value) > self.most or not re.fullmatch(self.pattern, value):
            raise PydanticCustomError("matching", "{sentence}", {"sentence": self.words})
        return value


ObjectName = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    ),
]
SubscriptionID = Annotated[
    str,
    StringConstraints(
        min_length=36,
        max_length=36,
        pattern=r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
    ),
]
ResourceGroupName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=90, pattern=r"^[-A-Za-z0-9_.()]*[-A-Za-z0-9_()]$"),
]
ArmID = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Text = Annotated[str, StringConstraints(max_length=1024)]
Message = Annotated[str, StringConstraints(max_length=8192)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]


class LocalRef(Part):
    """The name of another object."""

    name: Annotated[ObjectName, Field(description="Name of the object.")]


# --- status parts ---------------------------------------------------------------------------------


class Condition(StatusPart):
    """One condition, in the standard form."""

    type: Annotated[str, Field(min_length=1, max_length=316, description="What the condition is about.")]
    status: Annotated[Literal["True", "False", "Unknown"], Field(description="Whether the condition holds.")]
    reason: Annotated[
        str,
        Field(
            min_length=1,
            max_length=1024,
            pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
            description="Why, as a constant for programs; docs list them all.",
        ),
    ]
    message: Annotated[
        str,
        Field(max_length=32768, description="State, cause, and what happens next or what to do, for humans."),
    ]
    last_transition_time: Annotated[Moment, Field(description="When `status` of this condition last changed.")]
    observed_generation: Annotated[
        Count | None, Field(description="The generation of the spec that this is about.")
    ] = None


Conditions = Annotated[
    list[Condition],
    Field(
        max_length=16,
        description="What is known about the object, one entry a type.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    ),
]


class Status(StatusPart):
    """What the status of every kind has."""

    observed_generation: Annotated[
        Count | None,
        Field(description="The generation of the spec that this status was computed from."),
    ] = None
    conditions: Conditions = []


class AzureErrorStatus(StatusPart):
    """An error in Azure's words."""

    code: Annotated[Text, Field(description="Azure's error code.")]
    message: Annotated[Message, Field(description="Azure's message.")]
    recommended_action: Annotated[Message | None, Field(description="What Azure recommends to do.")] = None
