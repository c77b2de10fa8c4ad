"""Terraform's azurerm in front of the simulator, with a vault, a policy and disks of its own."""

from __future__ import annotations

import json
import mmap
import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.fleet import FleetError, Tell, seed
from bench.meter import children_cpu, resident_kib
from harness import objects
from harness.objects import DISK_GROUP, LOCATION, SNAPSHOT_GROUP, SUBSCRIPTION, VAULT_GROUP, Json
from harness.stack import Stack

_CLIENT_ID = "c0ffee00-0000-4000-8000-0000000000ff"
_SECRET = "of-no-worth"
_PROGRAM = "terraform-provider-azurerm"
# What the Go compiler writes into each program: the module that it is made of, and its version.
_MADE_OF = re.compile(rb"mod\tgithub\.com/hashicorp/terraform-provider-azurerm\t([^\t\n]+)")
# What is there before anybody protects a disk.
_SHARED = ("azurerm_data_protection_backup_policy_disk.peer", "azurerm_role_assignment.snapshots")
_LOOK_EVERY_SECONDS = 0.2


@dataclass(frozen=True)
class Cost:
    """What it took to protect a number of disks, and to see that they are.

    Attributes:
        protect_calls: Azure calls a disk, from the apply until all are protected; ``protect_writes`` of them write.
        protect_seconds: how long that took, by the simulator's clock.
        protect_cpu: CPU seconds for that.
        check_calls: Azure calls a disk to see that nothing changed.
        memory_mib: resident memory.
    """

    protect_calls: float
    protect_writes: float
    protect_seconds: float
    protect_cpu: float
    check_calls: float
    memory_mib: float


class Terraform:
    """Two programs.

    Args:
        program: Terraform.
        provider: azurerm.

    Raises:
        FleetError: one of them is not there.
    """

    def __init__(self, program: Path, provider: Path) -> None:
        for each in (program, provider):
            if not each.is_file():
                raise FleetError(f"{each} is not there")
        self._program = program
        self._provider = provider.resolve()

    @property
    def version(self) -> str:
        """Return the version of Terraform."""
        said = subprocess.run([self._program, "version", "-json"], capture_output=True, check=True).stdout
        return str(json.loads(said)["terraform_version"])

    @property
    def provider_version(self) -> str:
        """Return what the provider's program is called, and the version that it was compiled of."""
        with self._provider.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found = _MADE_OF.search(content)
            made_of = found[1].decode() if found is not None else "unknown"
        return f"{self._provider.name} ({made_of})"

    def measure(self, stack: Stack, scope: str, size: int, tell: Tell) -> Cost:
        """Protect as many disks in the Azure of a stack, while its clock runs as a real one, and look at them again."""
        azure, folder = stack.azure, stack.folder / "terraform"
        disks = {f"peer-{number}": objects.disk_id(f"peer-{number}") for number in range(size)}
        seeded = azure.seed(callers=[{"clientID": _CLIENT_ID, "secret": _SECRET}], disks=[seed(each) for each in disks])
        folder.mkdir()
        (folder / "main.tf.json").write_text(json.dumps(_configuration(disks, scope)))
        environment = self._environment(stack, folder, seeded["tenant"])
        azure.set_rate(1)
        tell("terraform apply, of vault and policy")
        before = self._run(folder, environment, "apply", "-auto-approve", *(f"-target={each}" for each in _SHARED))
        since, start, used = azure.request_count(), azure.now, children_cpu()
        tell("terraform apply")
        memory = max(before, self._run(folder, environment, "apply", "-auto-approve"))
        seconds, cpu = (azure.now - start).total_seconds(), children_cpu() - used
        sent = [each for each in azure.requests(since) if each.caller == _CLIENT_ID]
        tell(f"calls: {dict(azure.counts(since))}")
        since = azure.request_count()
        tell("terraform plan")
        memory = max(memory, self._run(folder, environment, "plan", "-detailed-exitcode"))
        checked = [each for each in azure.requests(since) if each.caller == _CLIENT_ID]
        tell(f"calls: {dict(azure.counts(since))}")
        azure.set_rate(0)
        return Cost(
            protect_calls=len(sent) / size,
            protect_writes=sum(each.writes for each in sent) / size,
            protect_seconds=seconds,
            protect_cpu=cpu,
            check_calls=len(checked) / size,
            memory_mib=memory / 1024,
        )

    def _environment(self, stack: Stack, folder: Path, tenant: str) -> dict[str, str]:
        programs = folder / "programs"
        programs.mkdir()
        (programs / _PROGRAM).symlink_to(self._provider)
        settings = folder / "terraform.rc"
        overrides = f'dev_overrides {{\n    "hashicorp/azurerm" = "{programs}"\n  }}'
        settings.write_text(f"provider_installation {{\n  {overrides}\n  direct {{}}\n}}\n")
        return {
            **os.environ,
            "TF_CLI_CONFIG_FILE": str(settings),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            "SSL_CERT_FILE": str(stack.azure.certificate_authority),
            "NO_PROXY": "localhost,127.0.0.1",
            "ARM_METADATA_HOSTNAME": stack.azure.url.removeprefix("https://"),
            "ARM_CLIENT_ID": _CLIENT_ID,
            "ARM_CLIENT_SECRET": _SECRET,
            "ARM_TENANT_ID": tenant,
            "ARM_SUBSCRIPTION_ID": SUBSCRIPTION,
        }

    def _run(self, folder: Path, environment: dict[str, str], *words: str) -> int:
        """Run a command to its end; return the most KiB that its processes had together.

        Raises:
            FleetError: it failed, or found a difference.
        """
        log = folder / f"{words[0]}.log"
        with log.open("wb") as said:
            command = [str(self._program), *words, "-no-color", "-input=false"]
            run = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=said, stderr=said, start_new_session=True
            )
            most = 0
            try:
                while run.poll() is None:
                    most = max(most, _session_kib(run.pid))
                    time.sleep(_LOOK_EVERY_SECONDS)
            finally:
                # Who interrupts this leaves no Terraform behind, nor its provider.
                if run.poll() is None:
                    os.killpg(run.pid, signal.SIGKILL)
                    run.wait()
        if run.returncode != 0:
            raise FleetError(f"terraform {words[0]} ended with {run.returncode}:\n{log.read_text()[-3000:]}")
        return most


def _session_kib(session: int) -> int:
    """Return the resident memory of all processes of a session."""
    found = 0
    for place in Path("/proc").glob("[0-9]*"):
        # Each may end meanwhile.
        with suppress(OSError, ValueError):
            if os.getsid(int(place.name)) == session:
                found += resident_kib(int(place.name))
    return found


def _configuration(disks: dict[str, str], scope: str) -> Json:
    """Return what a person writes for the disks, with the role on each of them, or on their group."""
    vault, policy = "azurerm_data_protection_backup_vault.peer", "azurerm_data_protection_backup_policy_disk.peer"
    principal = f"${{{vault}.identity[0].principal_id}}"
    groups = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
    reader: Json = {"role_definition_name": "Disk Backup Reader", "principal_id": principal}
    if scope == "Disk":
        reader |= {"for_each": disks, "scope": "${each.value}"}
    else:
        reader |= {"scope": f"{groups}/{DISK_GROUP}"}
    resources: dict[str, Any] = {
        "azurerm_data_protection_backup_vault": {
            "peer": {
                "name": "peer",
                "resource_group_name": VAULT_GROUP,
                "location": LOCATION,
                "datastore_type": "OperationalStore",
                "redundancy": "LocallyRedundant",
                "identity": {"type": "SystemAssigned"},
            }
        },
        "azurerm_data_protection_backup_policy_disk": {
            "peer": {
                "name": "peer",
                "vault_id": f"${{{vault}.id}}",
                "backup_repeating_time_intervals": ["R/2026-01-05T02:00:00+00:00/PT4H"],
                "default_retention_duration": "P7D",
            }
        },
        "azurerm_role_assignment": {
            "snapshots": {
                "scope": f"{groups}/{SNAPSHOT_GROUP}",
                "role_definition_name": "Disk Snapshot Contributor",
                "principal_id": principal,
            },
            "disk": reader,
        },
        "azurerm_data_protection_backup_instance_disk": {
            "peer": {
                "for_each": disks,
                "name": "${each.key}",
                "location": LOCATION,
                "vault_id": f"${{{vault}.id}}",
                "disk_id": "${each.value}",
                "snapshot_resource_group_name": SNAPSHOT_GROUP,
                "backup_policy_id": f"${{{policy}.id}}",
                "depends_on": ["azurerm_role_assignment.snapshots", "azurerm_role_assignment.disk"],
            }
        },
    }
    return {
        "terraform": {"required_providers": {"azurerm": {"source": "hashicorp/azurerm"}}},
        "provider": {"azurerm": {"features": {}, "resource_provider_registrations": "none"}},
        "resource": resources,
    }
