"""Server-side apply: which manager set which field, and what happens when two of them disagree.

What it does of the real one: fields of maps down to scalars and whole lists, in ``spec``, labels and annotations;
conflicts; fields that are let go. What it does not: forced conflicts, lists by keys, status, versions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from world.store import ApiError, Json, Place, Resource, copy_of

Path = tuple[str, ...]
# Name and operation, as in ``managedFields``.
Manager = tuple[str, str]

_MANAGED = (("spec",), ("metadata", "labels"), ("metadata", "annotations"))


class FieldManagers:
    """Who manages what, of all objects."""

    def __init__(self) -> None:
        self._owners: dict[tuple[Resource, Place], dict[Manager, set[Path]]] = {}

    def made(self, resource: Resource, place: Place, raw: Json, manager: str) -> None:
        """Note who made an object."""
        self._owners[resource, place] = {(manager, "Update"): set(_leaves(raw))}

    def note_made_by_apply(self, resource: Resource, place: Place) -> None:
        """Forget who managed an object of the same name before."""
        self._owners[resource, place] = {}

    def changed(self, resource: Resource, place: Place, before: Json, after: Json, manager: str) -> None:
        """Note who changed fields of an object: they belong to nobody else any more."""
        old, new = _leaves(before), _leaves(after)
        changed = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
        if changed:
            owners = self._owners.setdefault((resource, place), {})
            for paths in owners.values():
                paths -= changed
            owners.setdefault((manager, "Update"), set()).update(changed & new.keys())

    def applied(self, resource: Resource, place: Place, held: Json, wanted: Json, manager: str) -> Json:
        """Return an object after what a manager says of it.

        Raises:
            ApiError: another manager says something else of a field.
        """
        owners = self._owners.setdefault((resource, place), {})
        me, said, live = (manager, "Apply"), _leaves(wanted), _leaves(held)
        others = {who: paths for who, paths in owners.items() if who != me}
        conflicts = sorted(
            (who[0], path)
            for path, value in said.items()
            for who, paths in others.items()
            if path in paths and live.get(path) != value
        )
        if conflicts:
            raise ApiError(409, "Conflict", _conflict(resource, conflicts))
        after = copy_of(held)
        for path in owners.get(me, set()) - said.keys():
            if not any(path in paths for paths in others.values()):
                _remove(after, path)
        for path, value in said.items():
            _set(after, path, value)
        return after

    def note_applied(self, resource: Resource, place: Place, wanted: Json, manager: str) -> None:
        """Note what a manager says of an object that was written."""
        self._owners.setdefault((resource, place), {})[manager, "Apply"] = set(_leaves(wanted))

    def managed_fields(self, resource: Resource, place: Place) -> list[Json]:
        """Return who manages fields of an object, as far as the first names of the fields."""
        return [
            {"manager": name, "operation": operation, "fieldsV1": {f"f:{path[0]}": {} for path in sorted(paths)}}
            for (name, operation), paths in self._owners.get((resource, place), {}).items()
            if paths
        ]


def _leaves(raw: Mapping[str, Any]) -> dict[Path, Any]:
    found: dict[Path, Any] = {}
    for root in _MANAGED:
        value: Any = raw
        for name in root:
            value = value.get(name) if isinstance(value, Mapping) else None
        found |= dict(_below(root, value))
    return found


def _below(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping):
        for name, below in value.items():
            yield from _below((*path, name), below)
    elif value is not None:
        yield path, value


def _set(raw: Json, path: Path, value: Any) -> None:
    for name in path[:-1]:
        raw = raw.setdefault(name, {})
    raw[path[-1]] = value


def _remove(raw: Json, path: Path) -> None:
    for name in path[:-1]:
        raw = raw.get(name) or {}
    raw.pop(path[-1], None)


def _conflict(resource: Resource, conflicts: list[tuple[str, Path]]) -> str:
    several = "s" if len(conflicts) > 1 else ""
    told = "; ".join(
        f'conflict with "{who}" using {resource.api_version}: .{".".join(path)}' for who, path in conflicts
    )
    return f"Apply failed with {len(conflicts)} conflict{several}: {told}"
