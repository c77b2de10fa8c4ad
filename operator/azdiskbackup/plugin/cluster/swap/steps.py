"""The steps of a swap, and of undoing it: each looks first at what is there, so that all of them may be repeated."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec

from azdiskbackup.core.objects.quantity import is_smaller
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.plugin.cluster.client import Cluster
from azdiskbackup.plugin.cluster.restore_checks import known
from azdiskbackup.plugin.cluster.swap.objects import ATTACHMENTS, PODS, ObjectClient
from azdiskbackup.plugin.cluster.swap.preflight import using
from azdiskbackup.plugin.cluster.swap.protection import follow
from azdiskbackup.plugin.cluster.swap.record import ANNOTATION, Record
from azdiskbackup.plugin.output.formatting import duration
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode

LOOK_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Swap:
    """A swap that is carried out.

    Attributes:
        tell: is told each step as it is done.
        within: seconds to wait for pods, attachments and bindings, each.
    """

    cluster: Cluster
    record: Record
    tell: Callable[[str], None]
    within: float

    @property
    def _objects(self) -> ObjectClient:
        return ObjectClient(self.cluster)

    async def carry_out(self) -> None:
        """Put the restored volume in the place of the old one.

        Raises:
            CliError: something stands in the way; what was done so far is kept, and can be undone.
        """
        record = self.record
        wanted = {record.claim: record.new}
        if not await self._is_placed(wanted):
            await self._begin()
            await self._place(wanted)
        await self._set_policy(record.new, record.policies[record.new])
        await self._scale_up()
        await self._follow(record.old)
        done = msgspec.structs.replace(record, is_done=True)
        for each in record.volumes:
            await self._write(each, {"metadata": {"annotations": {ANNOTATION: done.annotation()}}})

    async def undo(self) -> None:
        """Put everything back, whichever step was the last.

        Raises:
            CliError: something stands in the way.
        """
        record = self.record
        wanted = {record.claim: record.old, record.restored: record.new}
        if not await self._is_placed(wanted):
            await self._begin()
            await self._place(wanted)
        for each in record.volumes:
            await self._set_policy(each, record.policies[each])
        await self._scale_up()
        await self._follow(record.new)
        for each in record.volumes:
            await self._write(each, {"metadata": {"annotations": {ANNOTATION: None}}})

    async def _begin(self) -> None:
        """Record the swap, before anything else; then nobody deletes the disks, and nobody uses them any more."""
        record = msgspec.structs.replace(self.record, is_done=False)
        for each in record.volumes:
            await self._write(each, {"metadata": {"annotations": {ANNOTATION: record.annotation()}}})
        # First: what is scaled down may delete its PVCs, and those their disks.
        for each in record.volumes:
            await self._set_policy(each, "Retain")
        if record.workload is not None:
            found = await self._objects.workload(*record.workload)
            if found.spec.get("replicas", 1):
                await self._objects.scale(*record.workload, 0)
                self.tell(f"Scaled {'/'.join(record.workload)} to 0.")
        await self._until("no pod uses the PVCs and no node has the disks attached", self._users)

    async def _is_placed(self, wanted: Mapping[str, str]) -> bool:
        """Return whether each PVC has the volume that it is to have: what is left then disturbs nobody."""
        for name in (self.record.claim, self.record.restored):
            claim = await self._objects.claim(name)
            is_bound = claim is not None and claim.status.get("phase") == "Bound" and not claim.deleting
            held = claim.spec.get("volumeName") if claim is not None and is_bound else None
            if held != wanted.get(name) or (claim is not None and name not in wanted):
                return False
        return True

    async def _users(self) -> str:
        record = self.record
        pods = [each.name for each in using(await self.cluster.all(PODS, record.namespace), record.claims)]
        # Who may not see the attachments relies on the driver: no volume is attached twice.
        _, attachments = await known(self.cluster.all(ATTACHMENTS))
        nodes = [
            str(each.spec.get("nodeName"))
            for each in attachments or ()
            if (each.spec.get("source") or {}).get("persistentVolumeName") in record.volumes
        ]
        return ", ".join([f"pod {each}" for each in pods] + [f"node {each}" for each in nodes])

    async def _set_policy(self, volume: str, policy: str) -> None:
        found = await self._volume(volume)
        if found.spec.get("persistentVolumeReclaimPolicy") != policy:
            await self._write(volume, {"spec": {"persistentVolumeReclaimPolicy": policy}})
            self.tell(f"Set the reclaim policy of {volume} to {policy}.")

    async def _place(self, wanted: Mapping[str, str]) -> None:
        """Let PVCs have the volumes that they are to have, and no others of the two exist."""
        record = self.record
        for name in (record.claim, record.restored):
            await self._remove(name, wanted.get(name))
        for name, volume in wanted.items():
            await self._bind(name, volume)

    async def _remove(self, name: str, volume: str | None) -> None:
        claim = await self._objects.claim(name)
        if claim is None or (claim.spec.get("volumeName") == volume and not claim.deleting):
            return
        if claim.spec.get("volumeName") not in self.record.volumes:
            raise CliError(
                f"PVC {name!r} was created by another client meanwhile, with another volume. Stop what creates it "
                "and delete that PVC."
            )
        if not claim.deleting:
            await self._objects.delete_claim(claim)

        async def is_there() -> str:
            found = await self._objects.claim(name)
            return f"PVC {name}" if found is not None and found.uid == claim.uid else ""

        await self._until(f"PVC {name} is deleted", is_there)
        self.tell(f"Deleted PVC {name}; its volume {claim.spec.get('volumeName')} stays.")

    async def _bind(self, name: str, volume: str) -> None:
        claim, found = await self._objects.claim(name), await self._volume(volume)
        reference = found.spec.get("claimRef") or {}
        is_for_it = (reference.get("namespace"), reference.get("name")) == (self.record.namespace, name)
        uid = claim.uid if claim is not None else None
        if not is_for_it or reference.get("uid") not in (None, uid):
            # Without a uid, since the PVC is made next: without a volume of its own it would be given another one.
            about: dict[str, object] = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": name}
            about |= {"namespace": self.record.namespace, "uid": None, "resourceVersion": None}
            await self._write(volume, {"spec": {"claimRef": about}})
            self.tell(f"Reserved the volume {volume} for PVC {name}.")
        if claim is None:
            await self._objects.create_claim(self.record.manifest(name, volume, _smaller(self.record, name, found)))
            self.tell(f"Created PVC {name} with the volume {volume}.")

        async def is_unbound() -> str:
            now = await self._objects.claim(name)
            return "" if now is not None and now.status.get("phase") == "Bound" else f"PVC {name}"

        await self._until(f"PVC {name} is bound", is_unbound)

    async def _scale_up(self) -> None:
        record = self.record
        if record.workload is None or not record.replicas:
            return
        found = await self._objects.workload(*record.workload)
        if not found.spec.get("replicas", 1):
            await self._objects.scale(*record.workload, record.replicas)
            self.tell(f"Scaled {'/'.join(record.workload)} to {record.replicas}.")

    async def _follow(self, left: str) -> None:
        """Let the protection follow, last: the pods run by then, and only a person can say that it should."""
        claim = await self._objects.claim(self.record.claim)
        if claim is not None:
            volume = await self._volume(str(claim.spec.get("volumeName") or ""))
            line = await follow(self.cluster, claim, volume, left)
            if line is not None:
                self.tell(line)

    async def _volume(self, name: str) -> Resource:
        found = await self._objects.volume(name)
        if found is None:
            raise CliError(f"PersistentVolume {name} does not exist any more, so its data cannot be reached here.")
        return found

    async def _write(self, volume: str, patch: Mapping[str, object]) -> None:
        await self._objects.change_volume(volume, patch)

    async def _until(self, what: str, who: Callable[[], Awaitable[str]]) -> None:
        """Wait until nobody is in the way any more."""
        began, is_told = time.monotonic(), False
        while in_the_way := await who():
            waited = time.monotonic() - began
            if waited > self.within:
                raise CliError(
                    f"Waited {duration(waited)} until {what}; in the way: {in_the_way}.",
                    ExitCode.TIMED_OUT,
                )
            if not is_told:
                self.tell(f"Waiting until {what}: {in_the_way}.")
                is_told = True
            await asyncio.sleep(LOOK_EVERY_SECONDS)


def _smaller(record: Record, claim: str, volume: Resource) -> str | None:
    """Return the size to ask for where the volume is smaller than the PVC was; None for that of the PVC."""
    held = str((volume.spec.get("capacity") or {}).get("storage") or "")
    requests = (record.claims[claim]["spec"].get("resources") or {}).get("requests") or {}
    return held if held and is_smaller(held, str(requests.get("storage") or "0")) else None
