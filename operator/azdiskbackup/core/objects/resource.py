"""An object of the API server, as far as every kind is alike."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from azdiskbackup.core.objects.markers import FINALIZER, REQUESTED_AT

if TYPE_CHECKING:
    # Whoever parses has imported them, with the model; who only lists names does without.
    from pydantic import BaseModel

    from azdiskbackup.api.v1alpha1.label_selector import LabelSelector

ModelT = TypeVar("ModelT", bound="BaseModel")


@dataclass(frozen=True, slots=True)
class Resource:
    """A raw object with typed access to what all kinds share; ``raw`` is never changed."""

    raw: Mapping[str, Any]

    @property
    def meta(self) -> Mapping[str, Any]:
        """Return ``metadata``."""
        metadata: Mapping[str, Any] = self.raw["metadata"]
        return metadata

    @property
    def name(self) -> str:
        """Return the name."""
        return str(self.meta["name"])

    @property
    def namespace(self) -> str:
        """Return the namespace, empty for cluster-scoped objects."""
        return str(self.meta.get("namespace", ""))

    @property
    def uid(self) -> str:
        """Return the uid."""
        return str(self.meta["uid"])

    @property
    def generation(self) -> int:
        """Return the generation of the spec."""
        return int(self.meta.get("generation", 0))

    @property
    def created(self) -> datetime:
        """Return when the API server created the object."""
        return parse_time(str(self.meta["creationTimestamp"]))

    @property
    def deleting(self) -> bool:
        """Return whether somebody asked to delete the object."""
        return "deletionTimestamp" in self.meta

    @property
    def has_finalizer(self) -> bool:
        """Return whether our finalizer is on."""
        return FINALIZER in self.meta.get("finalizers", ())

    @property
    def requested_at(self) -> str | None:
        """Return what a person wrote last to have the object looked at at once; None if nobody did."""
        return (self.meta.get("annotations") or {}).get(REQUESTED_AT)

    @property
    def labels(self) -> Mapping[str, str]:
        """Return the labels."""
        labels: Mapping[str, str] = self.meta.get("labels") or {}
        return labels

    @property
    def spec(self) -> Mapping[str, Any]:
        """Return the raw spec."""
        spec: Mapping[str, Any] = self.raw.get("spec") or {}
        return spec

    @property
    def status(self) -> Mapping[str, Any]:
        """Return the raw status."""
        status = self.raw.get("status")
        return status if isinstance(status, Mapping) else {}

    def condition(self, type_: str) -> Mapping[str, Any]:
        """Return a condition of the status, empty if there is none."""
        conditions = self.status.get("conditions")
        entries = [each for each in conditions if isinstance(each, Mapping)] if isinstance(conditions, list) else []
        return next((entry for entry in entries if entry.get("type") == type_), {})

    @property
    def settled(self) -> bool:
        """Return whether all was as this spec wants it: a difference since then is somebody else's doing.

        So it stays while that is being put right.
        """
        ready = self.condition("Ready")
        differs = ready.get("reason") in ("DriftCorrected", "DriftDetected")
        return (ready.get("status") == "True" or differs) and ready.get("observedGeneration") == self.generation

    def is_true(self, type_: str) -> bool:
        """Return whether a condition is True."""
        return self.condition(type_).get("status") == "True"


@dataclass(frozen=True, slots=True)
class Invalid:
    """A spec that the model refuses, which the API server should have refused before."""

    message: str


def unreadable(what: str, invalid: Invalid) -> str:
    """Return what is said of an object by those that refer to it."""
    fault = f"{what} exists, but its spec is not accepted: {invalid.message}"
    return f"{fault} Correct it; the operator continues automatically."


def parse_spec(model: type[ModelT], resource: Resource) -> ModelT | Invalid:
    """Return the spec as a model, or a sentence that says what is wrong with it."""
    # Each pass of a disk reads the specs of its policy and vault as well, and all disks have the same few.
    parsed: ModelT | Invalid = _parsed(model, msgspec.json.encode(resource.spec))
    return parsed


@functools.lru_cache(maxsize=256)
def _parsed(model: type[Any], spec: bytes) -> Any:
    from pydantic import ValidationError

    try:
        return model.model_validate(msgspec.json.decode(spec))
    except ValidationError as error:
        faults = [
            f"`spec.{'.'.join(str(part) for part in fault['loc'])}`: {fault['msg']}".replace("`spec.`", "`spec`")
            for fault in error.errors()
        ]
        return Invalid("; ".join(faults) + ".")


def parse_status(model: type[ModelT], resource: Resource, now: datetime | None = None) -> ModelT:
    """Return the status as a model; a member that is nonsense counts as none, since it is rebuilt anyway.

    Args:
        model: of the status.
        resource: the object.
        now: where it is given, times to come are nonsense.
    """
    from pydantic import ValidationError

    status, context = dict(resource.status), {"now": now}
    try:
        return model.model_validate(status, context=context)
    except ValidationError as error:
        readable = {key: status[key] for key in status.keys() - {fault["loc"][0] for fault in error.errors()}}
        return model.model_validate(readable, context=context)


def parse_time(text: str) -> datetime:
    """Parse a time as the API server writes it."""
    return datetime.fromisoformat(text).astimezone(UTC)


def selects(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Return whether a selector selects labels; none selects nothing, an empty one everything."""
    if selector is None:
        return False
    exact = (selector.match_labels or {}).items() <= labels.items()
    return exact and all(
        _requirement(each.key, each.operator, each.values or [], labels) for each in selector.match_expressions or []
    )


def _requirement(key: str, operator: str, values: list[str], labels: Mapping[str, str]) -> bool:
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
