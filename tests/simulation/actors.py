"""Those who act in a story: what each verb does. What is not possible at that moment is refused, and stays undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from azdiskbackup.core.objects.markers import ABANDON, FOLLOW_PVC
from azdiskbackup.errors import OperatorError
from azure_simulator.client import SimulatorError
from harness import objects
from harness.objects import SUBSCRIPTION, Json
from simulation.action import Action
from simulation.azure_state import vault_tags
from simulation.rule_actors import RuleActors
from world.team import Team

if TYPE_CHECKING:
    from simulation.run import SimulatedWorld

VAULT = "demo"
RESTORED = "velero.io/restore-name"
# The namespaces of the teams.
SERVED = {"matchLabels": {"team": "served"}}
_SUBSCRIPTION = f"/subscriptions/{SUBSCRIPTION}"
_GUARD = f"{_SUBSCRIPTION}/resourceGroups/guards/providers/Microsoft.DataProtection/resourceGuards/guard"


class Actors(RuleActors):
    """Everybody but the operator.

    Args:
        world: where they act.
        teams: whose namespaces there are.
        role_scope: where the vault gives the right to read disks.
    """

    def __init__(self, world: SimulatedWorld, teams: list[Team], role_scope: str) -> None:
        self.world = world
        self.teams = teams
        self.role_scope = role_scope
        # What others have put on the vault, and nobody else may take off.
        self.foreign_tags: dict[str, str] = {"owner": "platform"}
        # How many PVCs were made.
        self.made = 0
        self.acknowledged = world.monitor.rules.acknowledged

    async def act(self, action: Action) -> str:
        """Do it; return what came of it."""
        verb: Callable[..., Any] = getattr(self, action.verb)
        try:
            await verb(**action.how)
        except (OperatorError, SimulatorError) as refusal:
            return str(refusal)[:80]
        except KeyError as missing:
            # Nobody can act on what no status names yet.
            return f"nothing has {missing} yet"
        return "done"

    def vault_id(self) -> str:
        found: str = self.teams[0].get("BackupVault", VAULT)["status"]["vaultID"]
        return found

    def _shown(self, path: str) -> Json:
        """Return what the portal shows of something; a fault may have struck that request, too."""
        found = self.teams[0].portal("GET", path)
        if not isinstance(found, dict):
            raise KeyError(path.rsplit("/", 1)[-1])
        return found

    def _instance(self, team: int, claim: int) -> str:
        return self.teams[team].instance(f"disk-{claim}")

    # --- teams ----------------------------------------------------------------------------------------------

    async def protect(self, team: int, claim: int, deletion: str, protection: str, policy: str = "gold") -> None:
        self._claim(team, claim)
        spec = {"deletionPolicy": deletion, "protection": protection}
        await self.teams[team].protect(f"disk-{claim}", f"data-{claim}", policy, **spec)

    def _claim(self, team: int, claim: int) -> None:
        if not self.teams[team].exists("PersistentVolumeClaim", f"data-{claim}"):
            self.made += 1
            shop = self.teams[team]
            disk = f"{shop.namespace}-data-{claim}-{self.made}"
            where = {"subscription": SUBSCRIPTION, "group": objects.DISK_GROUP, "location": objects.LOCATION}
            self.world.azure.seed(disks=[{**where, "name": disk, "sizeGiB": 32}])
            shop.bind(f"data-{claim}", disk, objects.disk_id(disk))

    async def edit(self, team: int, claim: int, deletion: str, protection: str) -> None:
        spec = {"deletionPolicy": deletion, "protection": protection}
        await self.teams[team].patch("ProtectedDisk", f"disk-{claim}", {"spec": spec})

    async def unprotect(self, team: int, claim: int) -> None:
        await self.teams[team].delete("ProtectedDisk", f"disk-{claim}")

    async def back_up(self, team: int, claim: int, name: str, restored: bool) -> None:
        wanted = objects.backup(f"{name}-{claim}", self.teams[team].namespace, f"disk-{claim}")
        if restored:
            wanted["metadata"]["labels"] = {RESTORED: "yesterday"}
        if not self.teams[team].exists("OnDemandBackup", f"{name}-{claim}"):
            await self.teams[team].apply(wanted)

    async def forget_backup(self, team: int, claim: int, name: str, restored: bool) -> None:
        await self.teams[team].delete("OnDemandBackup", f"{name}-{claim}")

    async def restore(self, team: int, claim: int, name: str, restored: bool) -> None:
        shop, name = self.teams[team], f"{name}-{claim}"
        # One of them is to become a PVC that is there, with data of its own.
        claimed = f"data-{claim}" if name == "back-1-2" else name
        target = {"persistentVolumeClaim": {"name": claimed, "fsType": "ext4", "storageClassName": "managed-csi"}}
        wanted = objects.restore(name, shop.namespace, f"disk-{claim}", target=target)
        if restored:
            wanted["metadata"]["labels"] = {RESTORED: "yesterday"}
        if not shop.exists("DiskRestore", name):
            await shop.apply(wanted)

    async def forget_restore(self, team: int, claim: int, name: str, restored: bool) -> None:
        await self.teams[team].delete("DiskRestore", f"{name}-{claim}")

    async def drop_restored_claim(self, team: int, claim: int, name: str, restored: bool) -> None:
        await self.teams[team].delete("PersistentVolumeClaim", f"{name}-{claim}")

    async def drop_claim(self, team: int, claim: int) -> None:
        volume = self.teams[team].get("PersistentVolumeClaim", f"data-{claim}")["spec"]["volumeName"]
        await self.teams[team].delete("PersistentVolumeClaim", f"data-{claim}")
        await self.teams[team].delete("PersistentVolume", volume)

    async def recreate_claim(self, team: int, claim: int) -> None:
        await self.drop_claim(team, claim)
        self._claim(team, claim)

    async def follow(self, team: int, claim: int) -> None:
        """A person has the object protect the disk that its claim has by now."""
        uid = self.teams[team].get("PersistentVolumeClaim", f"data-{claim}")["metadata"]["uid"]
        annotations = {FOLLOW_PVC: uid}
        await self.teams[team].patch("ProtectedDisk", f"disk-{claim}", {"metadata": {"annotations": annotations}})

    async def wipe_status(self, team: int, claim: int) -> None:
        """As a restore of manifests does."""
        await self.teams[team].patch("ProtectedDisk", f"disk-{claim}", {"status": None}, "status")

    async def delete_namespace(self, team: int) -> None:
        shop = self.teams[team]
        await shop.delete("Namespace", shop.namespace)
        await self.world.advance(minutes=5)
        if not shop.exists("Namespace", shop.namespace):
            self.world.make("Namespace", objects.namespace(shop.namespace, team="served"))

    async def let_go(self, team: int, claim: int) -> None:
        """A person gives up on a deletion."""
        held = self.teams[team].get("ProtectedDisk", f"disk-{claim}")
        if "deletionTimestamp" in held["metadata"]:
            annotations = {ABANDON: held["metadata"]["uid"]}
            await self.teams[team].patch("ProtectedDisk", f"disk-{claim}", {"metadata": {"annotations": annotations}})

    # --- the platform team -------------------------------------------------------------------------------------

    async def make_policy(self, policy: str, hours: int, days: int) -> None:
        schedule = {"frequency": "Hourly", "intervalHours": hours}
        wanted = objects.policy(policy, VAULT, schedule=schedule, retention={"default": {"days": days}})
        await self.teams[0].apply(wanted)

    edit_policy = make_policy

    async def delete_policy(self, policy: str, hours: int, days: int) -> None:
        await self.teams[0].delete("DiskBackupPolicy", policy)

    async def edit_vault(self, days: int, tag: str, deletion: bool, serves: bool) -> None:
        nobody = {"matchLabels": {"team": "nobody"}}
        access = {"namespaces": SERVED if serves else nobody, "restoreNamespaces": {}}
        access |= {"deletionNamespaces": {}} if deletion else {}
        groups = [{"name": objects.RESTORE_GROUP}]
        soft = {"state": "On", "retentionDays": days}
        spec = {"access": access, "softDelete": soft, "tags": {"env": tag}, "restoreResourceGroups": groups}
        spec |= {"diskRoleScope": self.role_scope}
        await self.teams[0].apply(objects.vault(VAULT, **spec))

    # --- people in the portal, and other tools ------------------------------------------------------------------

    async def set_mode(self, team: int, claim: int, action: str) -> None:
        self.teams[team].portal("POST", f"{self._instance(team, claim)}/{action}", {})

    async def delete_instance(self, team: int, claim: int) -> None:
        self.teams[team].portal("DELETE", self._instance(team, claim))

    async def other_policy(self, team: int, claim: int) -> None:
        instance = self._instance(team, claim)
        body = self._shown(instance)
        other = self.teams[team].get("DiskBackupPolicy", "silver")["status"]["policyID"]
        body["properties"]["policyInfo"]["policyId"] = other
        self.teams[team].portal("PUT", instance, {"tags": body.get("tags"), "properties": body["properties"]})

    async def take_role(self, team: int, claim: int) -> None:
        shop = self.teams[team]
        disk = shop.get("ProtectedDisk", f"disk-{claim}")["status"]["disk"]["id"]
        principal = shop.get("BackupVault", VAULT)["status"]["principalID"]
        for each in shop.assignments(disk, principal):
            shop.portal("DELETE", each, version="2022-04-01")

    async def start_backup(self, team: int, claim: int) -> None:
        options = {"ruleName": "BackupHourly", "triggerOption": {"retentionTagOverride": "Default"}}
        self.teams[team].portal("POST", f"{self._instance(team, claim)}/backup", {"backupRuleOptions": options})

    async def tag_vault(self, tag: str, **_: Any) -> None:
        vault = self.vault_id()
        tags = self._shown(vault).get("tags") or {}
        try:
            self.teams[0].portal("PATCH", vault, {"tags": {**tags, "costCenter": tag}})
        finally:
            # An answer that got lost does not tell whether the request arrived.
            if (vault_tags(self.world, VAULT) or {}).get("costcenter") == tag:
                self.foreign_tags["costCenter"] = tag

    async def apply_vault(self, env: str) -> None:
        """Terraform knows some tags, and takes all others away: those by which the operator knows its vault as well."""
        tags = {**self.foreign_tags, **({"env": env} if env else {})}
        self.teams[0].portal("PATCH", self.vault_id(), {"tags": tags})

    async def soften_vault(self, state: str, days: float) -> None:
        vault = self.vault_id()
        held = self._shown(vault)["properties"]["securitySettings"]
        soft = {"state": state, "retentionDurationInDays": days}
        changed = {"properties": {"securitySettings": {**held, "softDeleteSettings": soft}}}
        self.teams[0].portal("PATCH", vault, changed)

    async def delete_disk(self, team: int, claim: int) -> None:
        disk = self.teams[team].get("ProtectedDisk", f"disk-{claim}")["status"]["disk"]["id"]
        self.world.azure.remove(disk)

    async def protect_elsewhere(self, team: int, claim: int) -> None:
        """Another cluster protects a disk that is not protected yet, in the same vault."""
        names = ("azdiskbackup.io.cluster", "azdiskbackup.io.namespace", "azdiskbackup.io.protecteddisk")
        self._protect_in_azure(team, claim, "far", dict(zip(names, ("another", "far", "away"), strict=True)))

    async def protect_by_hand(self, team: int, claim: int) -> None:
        """A person protects a disk that is not protected yet, and says nothing of whom it is for."""
        self._protect_in_azure(team, claim, "by-hand", {})

    def _protect_in_azure(self, team: int, claim: int, prefix: str, tags: dict[str, str]) -> None:
        shop = self.teams[team]
        self._claim(team, claim)
        volume = shop.get("PersistentVolumeClaim", f"data-{claim}")["spec"]["volumeName"]
        handle = shop.get("PersistentVolume", volume)["spec"]["csi"]["volumeHandle"]
        policy = shop.get("DiskBackupPolicy", "gold")["status"]["policyID"]
        instance = f"{self.vault_id()}/backupInstances/{prefix}-{volume}"
        shop.portal("PUT", instance, objects.instance_by_hand(volume, handle, policy, tags))

    # --- Azure -------------------------------------------------------------------------------------------------

    async def plant(self, **fault: Any) -> None:
        self.world.azure.plant(**fault)

    async def throttle(self, route: str, seconds: int) -> None:
        headers = {"Retry-After": str(seconds)}
        self.world.azure.plant(route, status=429, code="TooManyRequests", message="Slow down.", headers=headers)

    async def flap(self, route: str, skip: int) -> None:
        """Resource Manager does not find once what exists, as is reported of it."""
        fault = {"status": 404, "code": "ResourceNotFound", "message": "It was not found."}
        self.world.azure.plant(rf"^{route}\.get$", skip=skip, **fault)

    async def fail_backups(self, on: bool) -> None:
        self.world.azure.fail_backups(*(("UserErrorDiskNotThere", "It failed.", "Try again.") if on else ()))

    async def end_restores(self, status: str, disk: bool) -> None:
        why = {"code": "UserErrorSomething", "message": "It went wrong.", "action": "Try again."}
        self.world.azure.turn("restores", status=status, disk=disk, **(why if status else {}))

    async def lose_rows(self, on: bool) -> None:
        self.world.azure.lose_rows("backupInstances" if on else "")

    async def lag(self, on: bool) -> None:
        self.world.azure.knobs(graph_lag=3600 if on else 60)

    async def stale(self, on: bool) -> None:
        route = r"\.list|resourceGraph"
        self.world.azure.turn("replica", name="behind", route=route, every=2, behind=on)

    async def lock(self, on: bool) -> None:
        scope = f"{_SUBSCRIPTION}/resourceGroups/{objects.VAULT_GROUP}"
        self.world.azure.turn("lock", name="keep", **({"scope": scope, "level": "CanNotDelete"} if on else {}))

    async def guard(self, on: bool) -> None:
        self.world.azure.turn("guard", vault=self.vault_id(), **({"guard": _GUARD} if on else {}))

    async def modify_tag(self, on: bool) -> None:
        rule = {"effect": "modify", "scope": _SUBSCRIPTION, "tag": "env", "value": "theirs"}
        self.world.azure.turn("policy", name="tags", **(rule if on else {}))

    async def disable(self, on: bool) -> None:
        self.world.azure.turn("subscription", subscription=SUBSCRIPTION, state="Disabled" if on else "Enabled")

    def end_of_faults(self) -> None:
        """Let Azure be well again, and people let the operator work; what they changed stays."""
        azure = self.world.azure
        azure.clear_faults()
        azure.fail_backups()
        azure.turn("restores")
        azure.lose_rows()
        azure.knobs(graph_lag=60)
        azure.turn("replica", name="behind", behind=False)
        azure.turn("lock", name="keep")
        azure.turn("guard", vault=self.vault_id_or_none())
        azure.turn("policy", name="tags")
        azure.turn("subscription", subscription=SUBSCRIPTION, state="Enabled")

    def vault_id_or_none(self) -> str:
        return str(self.teams[0].get("BackupVault", VAULT).get("status", {}).get("vaultID", ""))

    # --- the operator's own life ---------------------------------------------------------------------------------

    async def crash(self, seconds: float) -> None:
        await self.world.kill_operator()
        # Whoever led before cannot be heard any more when the next one leads: the Lease sees to that.
        await self.world.advance(seconds=max(seconds, 15))
        await self.world.start_operator()

    async def hand_over(self, seconds: float) -> None:
        """Another replica leads, while the one that was held up is still at work: it must not write to Azure."""
        before = self.world.operator
        before.leads = False
        await self.world.start_operator(unsettled=self.world.longest_request)
        await self.world.advance(seconds=seconds)
        await before.kill()

    async def restart(self, seconds: float) -> None:
        await self.world.stop_operator()
        await self.world.advance(seconds=max(seconds, 15))
        await self.world.start_operator()

    async def lose_watches(self, seconds: float) -> None:
        """Nothing that happens is heard; then all is listed anew, as Kopf does after a gap."""
        operator = self.world.operator
        operator.hears = False
        await self.world.advance(seconds=seconds)
        operator.hears = True
        if operator.is_alive:
            await operator.list_again()

    async def api_server_away(self, seconds: float) -> None:
        operator = self.world.operator
        operator.server_is_away = True
        await self.world.advance(seconds=seconds)
        operator.server_is_away = False
