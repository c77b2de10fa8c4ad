"""Bugs in the vault, and in what all passes have in common: requests, waiting, waking, telling."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

from azdiskbackup.azure.gateways import encode
from azdiskbackup.azure.transport.throttle_gate import ThrottleGate
from azdiskbackup.core.backup_vault import rules as vault_rules
from azdiskbackup.core.protected_disk.steps import DeleteInstance, Stop, Suspend
from azdiskbackup.core.rules import reasons as names
from azdiskbackup.core.rules.verdicts import satisfied
from azdiskbackup.reconcilers.backup_vault import controller as vaults_controller
from azdiskbackup.reconcilers.common.status_writer import StatusWriter
from azdiskbackup.reconcilers.common.step_runner import StepRunner
from azdiskbackup.reconcilers.protected_disk import controller as disks_controller
from azdiskbackup.reconcilers.watch import triggers
from simulation.mutants.plant import Patch, another_rule

_OWNER = ("azdiskbackup.io.cluster", "azdiskbackup.io.backupvault")


def _tags_of_others_are_lost() -> Any:
    def changes(settings: Any) -> Any:
        tags = {name: value for name, value in settings.tags.items() if name in ("env", *_OWNER)}
        return {"tags": tags, "properties": {"securitySettings": encode._security(settings)}}

    return mock.patch.object(encode, "vault_changes", changes)


def _status_is_written_each_time() -> Any:
    write = StatusWriter.write

    async def always(self: StatusWriter, resource: Any, status: Any) -> None:
        stamped = status.model_copy(update={"observed_generation": resource.generation})
        ready = [each for each in stamped.conditions if each.type == "Ready"]
        if ready:
            message = f"{ready[0].message} ({self._clock.now().isoformat()})"
            others = [each for each in stamped.conditions if each.type != "Ready"]
            changed = ready[0].model_copy(update={"message": message})
            stamped = stamped.model_copy(update={"conditions": [*others, changed]})
        await write(self, resource, stamped)

    return mock.patch.object(StatusWriter, "write", always)


def _drift_of_the_vault_is_overlooked() -> Any:
    def in_sync(desired: Any, observed: Any, now: datetime) -> Any:
        return satisfied(names.IN_SYNC, "The vault in Azure matches the spec.")

    return another_rule(vault_rules.settings_in_sync, in_sync, "PROVISIONING_RULES", vaults_controller)


def _retry_after_is_ignored() -> Any:
    return mock.patch.object(ThrottleGate, "close", lambda *_, **__: None)


def _what_failed_once_is_not_tried_again() -> Any:
    def pause_after(self: StepRunner, error: Any, now: datetime, jitter: float) -> None:
        self.failures, self.failing_since = self.failures + 1, self.failing_since or now
        self.not_before = now + timedelta(days=30)

    return mock.patch.object(StepRunner, "_pause_after", pause_after)


def _who_is_refused_lets_go() -> Any:
    known = disks_controller.ProtectedDiskKind.harmless_leftovers
    return mock.patch.object(
        disks_controller.ProtectedDiskKind, "harmless_leftovers", (*known, Stop, Suspend, DeleteInstance)
    )


def _a_claim_wakes_nobody() -> Any:
    claims = ("PersistentVolumeClaim", "PersistentVolume")
    edges = [edge for edge in triggers.TRIGGERS if edge.kind not in claims]
    assert len(edges) < len(triggers.TRIGGERS)
    return mock.patch.object(triggers, "TRIGGERS", tuple(edges))


MUTANTS: Mapping[str, Patch] = {
    "tags of others on the vault are lost": _tags_of_others_are_lost,
    "drift of the vault is overlooked": _drift_of_the_vault_is_overlooked,
    "status is written at each pass": _status_is_written_each_time,
    "Retry-After is ignored": _retry_after_is_ignored,
    "what failed once is not tried again": _what_failed_once_is_not_tried_again,
    "who is refused lets go": _who_is_refused_lets_go,
    "a PVC wakes nobody": _a_claim_wakes_nobody,
}
