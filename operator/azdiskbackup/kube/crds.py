"""Whether the cluster has our kinds, as this version of the operator needs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from azdiskbackup.api.crd.definition import definition
from azdiskbackup.api.v1alpha1.kinds import KINDS
from azdiskbackup.api.v1alpha1.names import GROUP, VERSION
from azdiskbackup.errors import CannotStart, Exit
from azdiskbackup.kube.client import KubeClient, NotFoundError

Schema = Mapping[str, Any]

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_WHAT_TO_DO = (
    "Apply the CustomResourceDefinitions of this version: upgrade the chart with crds.enabled=true, or "
    "`kubectl apply --server-side -f crds/`"
)


async def check(kube: KubeClient) -> None:
    """Look at the definition of each kind.

    A field that a definition lacks would be dropped by the API server without a word, and written again for ever. What
    a newer definition has more is no harm.

    Raises:
        CannotStart: a definition is missing, or older than this version of the operator.
        OperatorError: it cannot be read.
    """
    for kind in KINDS:
        name = f"{kind.plural}.{GROUP}"
        try:
            found = await kube.get(f"{_DEFINITIONS}/{name}")
        except NotFoundError:
            raise CannotStart(
                Exit.KUBERNETES, f"CustomResourceDefinition {name} does not exist. {_WHAT_TO_DO}."
            ) from None
        lacking = next(_lacking(definition(kind), found), None)
        if lacking is not None:
            raise CannotStart(
                Exit.KUBERNETES,
                f"The CustomResourceDefinition {name} is older than this operator: it has no {lacking}. {_WHAT_TO_DO}.",
            )


async def is_deleted(kube: KubeClient, name: str) -> bool:
    """Return whether the definition of a kind is gone or about to go, and all objects of the kind with it.

    It is marked before they are: an object whose definition is not was deleted by itself.
    """
    plural = next(kind.plural for kind in KINDS if kind.name == name)
    try:
        found = await kube.get(f"{_DEFINITIONS}/{plural}.{GROUP}")
    except NotFoundError:
        return True
    return bool(found["metadata"].get("deletionTimestamp"))


def _lacking(wanted: Schema, found: Schema) -> Iterator[str]:
    served = [each for each in found["spec"]["versions"] if each["name"] == VERSION and each.get("served")]
    if not served:
        yield f"version {VERSION}"
        return
    yield from _missing(_schema(wanted["spec"]["versions"][0]), _schema(served[0]), "")


def _schema(version: Schema) -> Schema:
    found: Schema = version.get("schema", {}).get("openAPIV3Schema", {})
    return found


def _missing(wanted: Schema, found: Schema, path: str) -> Iterator[str]:
    """Yield the paths of the fields that one schema has and the other lacks."""
    for name, schema in wanted.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        if name not in found.get("properties", {}):
            yield here
        else:
            yield from _missing(schema, found["properties"][name], here)
    for inner in ("items", "additionalProperties"):
        if isinstance(wanted.get(inner), Mapping):
            yield from _missing(wanted[inner], found.get(inner) or {}, path)
