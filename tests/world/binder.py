"""The controller that binds volumes and claims, as kube-controller-manager has it.

What it does of the real one (kubernetes ``pkg/controller/volume/persistentvolume/pv_controller.go``): claims that name
their volume, volumes that name their claim, both, what becomes of a volume whose claim is gone. What it does not:
choose a volume for a claim by size and class, make volumes, or write events. It does at once what takes the real one
up to a resync.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from world.quantity import bytes_of
from world.store import ApiError, Json, Place, Resource, Store

_COMPLETED = "pv.kubernetes.io/bind-completed"
_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"


class VolumeBinder:
    """Binds what has changed since it was called last.

    Args:
        store: where the objects are.
        volumes: the resource of persistent volumes.
        claims: the resource of their claims.
    """

    def __init__(self, store: Store, volumes: Resource, claims: Resource) -> None:
        self._store = store
        self._volumes = volumes
        self._claims = claims
        # Kind and place of what has changed, in the order in which it did.
        self._due: dict[tuple[str, Place], None] = {}
        # Which volumes name a claim, by its place; which claims name a volume, by its name.
        self._volumes_of: dict[Place, set[str]] = defaultdict(set)
        self._claims_of: dict[str, set[Place]] = defaultdict(set)
        # False while the controller is down: nothing is bound then.
        self.runs = True
        # What the CSI driver does with the disk of a volume that is deleted; it is told the handle.
        self.delete_disk: Callable[[str], None] = lambda handle: None
        store.watchers.append(self._heard)

    def _heard(self, how: str, resource: Resource, raw: Json) -> None:
        """Note what may have to be done for an object that has changed, and for those that name it."""
        if resource not in (self._volumes, self._claims):
            return
        place = (raw["metadata"].get("namespace", ""), raw["metadata"]["name"])
        self._due[resource.kind, place] = None
        if resource == self._claims:
            named = raw["spec"].get("volumeName")
            if named:
                self._claims_of[named].add(place)
            names = sorted({*self._volumes_of[place], *([named] if named else [])})
            self._due |= {(self._volumes.kind, ("", name)): None for name in names}
        else:
            reference = raw["spec"].get("claimRef")
            if reference:
                self._volumes_of[_place(reference)].add(place[1])
            claims = sorted({*self._claims_of[place[1]], *([_place(reference)] if reference else [])})
            self._due |= {(self._claims.kind, each): None for each in claims}

    def settle(self) -> None:
        """Bind and release until nothing changes."""
        while self.runs and self._due:
            kind, place = next(iter(self._due))
            del self._due[kind, place]
            found = self._find(self._claims if kind == self._claims.kind else self._volumes, place)
            if found is not None:
                self._sync_claim(found) if kind == self._claims.kind else self._sync_volume(found)

    def _find(self, resource: Resource, place: Place) -> Json | None:
        try:
            return self._store.get(resource, place)
        except ApiError:
            return None

    # --- claims -------------------------------------------------------------------------------------

    def _sync_claim(self, claim: Json) -> None:
        name = claim["spec"].get("volumeName")
        if _COMPLETED in _annotations(claim):
            volume = self._find(self._volumes, ("", name)) if name else None
            if volume is None or not (volume["spec"].get("claimRef") is None or _is_bound_to(volume, claim)):
                self._write_status(self._claims, claim, {"phase": "Lost"})
            else:
                self._bind(volume, claim)
            return
        volume = self._find(self._volumes, ("", name)) if name else self._match(claim)
        if volume is None or not self._may_bind(volume, claim):
            self._write_status(self._claims, claim, {"phase": "Pending"})
        else:
            self._bind(volume, claim)

    def _match(self, claim: Json) -> Json | None:
        """Return the volume that is reserved for a claim that names none."""
        place = (claim["metadata"]["namespace"], claim["metadata"]["name"])
        for name in sorted(self._volumes_of[place]):
            volume = self._find(self._volumes, ("", name))
            if volume is None or not _is_bound_to(volume, claim) or "deletionTimestamp" in volume["metadata"]:
                continue
            if _mode(volume) == _mode(claim) and _is_large_enough(volume, claim):
                return volume
        return None

    def _may_bind(self, volume: Json, claim: Json) -> bool:
        """A volume that is reserved for the claim is not looked at any more; one that is free has to fit."""
        if volume["spec"].get("claimRef") is not None:
            return _is_bound_to(volume, claim)
        same_class = volume["spec"].get("storageClassName", "") == claim["spec"].get("storageClassName", "")
        modes = set(claim["spec"].get("accessModes", ())) <= set(volume["spec"].get("accessModes", ()))
        return bool(same_class and modes) and _mode(volume) == _mode(claim) and _is_large_enough(volume, claim)

    def _bind(self, volume: Json, claim: Json) -> None:
        """Write both sides, the volume's first, each only where it changes something."""
        meta = claim["metadata"]
        if not _is_bound_to(volume, claim):
            volume["metadata"].setdefault("annotations", {})[_BY_CONTROLLER] = "yes"
        reference = volume["spec"].get("claimRef") or {}
        if reference.get("uid") != meta["uid"]:
            told = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "resourceVersion": meta["resourceVersion"]}
            named = {"namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}
            volume["spec"]["claimRef"] = told | named
            volume = self._store.update(self._volumes, ("", volume["metadata"]["name"]), volume)
        volume = self._write_status(self._volumes, volume, {"phase": "Bound"})
        if claim["spec"].get("volumeName") != volume["metadata"]["name"]:
            claim["spec"]["volumeName"] = volume["metadata"]["name"]
            meta.setdefault("annotations", {})[_BY_CONTROLLER] = "yes"
        if _COMPLETED not in _annotations(claim):
            meta.setdefault("annotations", {})[_COMPLETED] = "yes"
            claim = self._store.update(self._claims, (meta["namespace"], meta["name"]), claim)
        told = {name: volume["spec"].get(name) for name in ("accessModes", "capacity")}
        self._write_status(self._claims, claim, {"phase": "Bound", **told})

    # --- volumes ------------------------------------------------------------------------------------

    def _sync_volume(self, volume: Json) -> None:
        reference, name = volume["spec"].get("claimRef"), volume["metadata"]["name"]
        if reference is None or not reference.get("uid"):
            self._write_status(self._volumes, volume, {"phase": "Available"})
            return
        claim = self._find(self._claims, _place(reference))
        if claim is None or claim["metadata"]["uid"] != reference["uid"]:
            self._release(volume)
            return
        held = claim["spec"].get("volumeName")
        if held == name:
            self._write_status(self._volumes, volume, {"phase": "Bound"})
        elif held and _PROVISIONED_BY in _annotations(volume) and _reclaims(volume):
            self._release(volume)
        elif held:
            self._unbind(volume)

    def _unbind(self, volume: Json) -> None:
        """Forget a claim that is bound elsewhere; who reserved the volume for it finds the name still there."""
        if _annotations(volume).pop(_BY_CONTROLLER, None):
            del volume["spec"]["claimRef"]
        else:
            del volume["spec"]["claimRef"]["uid"]
        changed = self._store.update(self._volumes, ("", volume["metadata"]["name"]), volume)
        self._write_status(self._volumes, changed, {"phase": "Available"})

    def _release(self, volume: Json) -> None:
        """The claim is gone: Retain keeps volume and disk; with Delete the driver deletes both, if it made them."""
        phase = (volume.get("status") or {}).get("phase")
        if phase != "Released":
            volume = self._write_status(self._volumes, volume, {"phase": "Released"})
        csi = volume["spec"].get("csi") or {}
        if _reclaims(volume) and csi and _annotations(volume).get(_PROVISIONED_BY) == csi["driver"]:
            self.delete_disk(str(csi["volumeHandle"]))
            self._store.delete(self._volumes, ("", volume["metadata"]["name"]))

    def _write_status(self, resource: Resource, held: Json, status: Json) -> Json:
        before = held.get("status") or {}
        if status.items() <= before.items():
            return held
        metadata = held["metadata"]
        place = (metadata.get("namespace", ""), metadata["name"])
        return self._store.update(resource, place, {**held, "status": before | status}, "status")


def _annotations(raw: Json) -> Json:
    found: Json = raw["metadata"].get("annotations") or {}
    return found


def _place(reference: Json) -> Place:
    return str(reference.get("namespace", "")), str(reference.get("name", ""))


def _is_bound_to(volume: Json, claim: Json) -> bool:
    """Return whether a volume names a claim: its uid too, if it names one."""
    reference = volume["spec"].get("claimRef") or {}
    metadata = claim["metadata"]
    same = _place(reference) == (metadata["namespace"], metadata["name"])
    return bool(same and reference.get("uid") in (None, "", metadata["uid"]))


def _mode(raw: Json) -> str:
    return str(raw["spec"].get("volumeMode") or "Filesystem")


def _is_large_enough(volume: Json, claim: Json) -> bool:
    wanted = (claim["spec"].get("resources") or {}).get("requests", {}).get("storage", "0")
    held = bytes_of(volume["spec"]["capacity"]["storage"])
    return held >= bytes_of(wanted)


def _reclaims(volume: Json) -> bool:
    return str(volume["spec"].get("persistentVolumeReclaimPolicy", "Retain")) == "Delete"
