"""The settings, from the environment and from flags; every one documented here and nowhere else."""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, HttpUrl, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


@dataclass(frozen=True, slots=True)
class _Cloud:
    endpoint: str
    audience: str
    authority: str


_VERIFY_EVERY = timedelta(hours=1)
# From azure-mgmt-core's get_arm_endpoints; the government's audience is no mistake.
_CLOUDS = {
    "AzureCloud": _Cloud(
        "https://management.azure.com", "https://management.azure.com", "https://login.microsoftonline.com"
    ),
    "AzureChinaCloud": _Cloud(
        "https://management.chinacloudapi.cn",
        "https://management.chinacloudapi.cn",
        "https://login.chinacloudapi.cn",
    ),
    "AzureUSGovernment": _Cloud(
        "https://management.usgovcloudapi.net",
        "https://management.core.usgovcloudapi.net",
        "https://login.microsoftonline.us",
    ),
}


class Settings(BaseSettings):
    """What can be set, as ``AZDISKBACKUP_<NAME>`` or ``--name``."""

    model_config = SettingsConfigDict(
        env_prefix="AZDISKBACKUP_",
        frozen=True,
        extra="ignore",
        cli_prog_name="azdiskbackup",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        use_attribute_docstrings=True,
        # A wrong argument is told as every other mistake is.
        cli_exit_on_error=False,
    )

    subscription_id: str
    """Subscription of vaults that name none. Required."""
    cloud: Literal["AzureCloud", "AzureChinaCloud", "AzureUSGovernment"] = "AzureCloud"
    """The cloud, by the name that `az cloud list` has for it; its endpoints follow from it."""
    resource_manager_endpoint: HttpUrl | None = None
    """Azure Resource Manager; default: the cloud's."""
    resource_manager_audience: str | None = None
    """Audience of the tokens; default: the cloud's, or the resource manager endpoint if given."""
    authority_host: HttpUrl | None = None
    """Authority host for tokens; default: AZURE_AUTHORITY_HOST, then the cloud's."""
    identity: Literal["Any", "WorkloadIdentity", "ManagedIdentity"] = "Any"
    """How the operator authenticates to Azure: the federated token of its service account, the identity of the node, or
    any credential of the environment."""
    ca_file: Path | None = None
    """PEM file of certificate authorities to trust for Azure, in addition to the system's."""
    kubeconfig: Path | None = None
    """Kubeconfig to use; default: the pod's service account."""
    leader_election: bool = True
    """Whether a Lease decides which of several replicas is the leader. Without it, run one replica."""
    lease_namespace: str | None = None
    """Namespace of the Lease; default: the pod's, or the kubeconfig's."""
    lease_name: Annotated[str, Field(min_length=1)] = "azdiskbackup"
    """Name of the Lease."""
    pod_name: str | None = None
    """Name by which this replica holds the Lease; default: the host's name."""
    clock: str = "system"
    """Where time comes from: `system`, or `simulated:<url>`, which follows the clock of the Azure simulator and is for
    that alone."""
    workers: Annotated[int, Field(ge=1, le=256)] = 16
    """Objects that are reconciled at the same time."""
    resync_minutes: Annotated[int, Field(ge=1, le=1440)] = 10
    """Minutes between two full lists of the watched resources."""
    observe_minutes: Annotated[int, Field(ge=1, le=1440)] = 10
    """Minutes between two sweeps, which detect changes of all disks, and between two reads of an unchanged vault in
    Azure. Its role assignments and resource groups, and policies, are read once an hour at most, and as often as the
    vault while one of them is missing, or Azure refuses a disk that uses them."""
    azure_share_percent: Annotated[int, Field(ge=5, le=100)] = 40
    """Share of a subscription's request limits that the operator may use, in percent; the rest is for other clients."""
    policy_migrations_per_minute: Annotated[int, Field(ge=1, le=600)] = 30
    """Disks that are migrated per minute when a policy is edited."""
    restore_point_limit: Annotated[int, Field(ge=1, le=500)] = 450
    """Restore points of a disk that a policy may lead to."""
    snapshot_limit: Annotated[int, Field(ge=1, le=500)] = 500
    """Snapshots that Azure keeps of one disk."""
    restore_enabled: bool = True
    """Whether disks are restored: the operator then creates PVCs and PersistentVolumes for them."""
    request_timeout_seconds: Annotated[int, Field(ge=1, le=300)] = 30
    """Timeout of a request to Azure, in seconds."""
    check_wait_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    """Seconds for which `azdiskbackup check` waits for role assignments to propagate."""
    bind_address: str | None = None
    """Address on which probes and metrics are served; default: all."""
    probe_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of /healthz and /readyz; 0 serves none."""
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 8081
    """Port of /metrics; 0 serves none."""
    metrics_disks: Literal["All", "NeedingAttention"] = "All"
    """Which disks have series of their own; the sums over each namespace, policy and vault always count all."""
    log_format: Literal["json", "console"] = "json"
    """Format of the log on stdout."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Log level."""
    termination_log: Path = Path("/dev/termination-log")
    """File for the termination message, which the pod's status shows."""

    @field_validator("subscription_id")
    @classmethod
    def _is_guid(cls, value: str) -> str:
        if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
            raise ValueError("must be the GUID of a subscription")
        return value.lower()

    @field_validator("clock")
    @classmethod
    def _is_clock(cls, value: str) -> str:
        if value != "system" and not value.startswith("simulated:https://"):
            raise ValueError("must be `system` or `simulated:https://…`")
        return value

    @field_validator("ca_file")
    @classmethod
    def _is_there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"there is no file {value}")
        if value is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=str(value))
            except (OSError, ssl.SSLError) as error:
                raise ValueError(f"{value} has no certificates in the form PEM: {error}") from error
        return value

    @field_validator("resource_manager_endpoint", "authority_host")
    @classmethod
    def _is_https(cls, value: HttpUrl | None) -> HttpUrl | None:
        if value is not None and value.scheme != "https":
            raise ValueError("must be an https:// URL: tokens are sent there")
        return value

    @property
    def arm_endpoint(self) -> str:
        """Return the endpoint of Resource Manager without a slash at its end."""
        return str(self.resource_manager_endpoint or _CLOUDS[self.cloud].endpoint).rstrip("/")

    @property
    def arm_scope(self) -> str:
        """Return the scope that tokens are asked for."""
        own = str(self.resource_manager_endpoint) if self.resource_manager_endpoint else None
        audience = self.resource_manager_audience or own or _CLOUDS[self.cloud].audience
        return f"{audience.rstrip('/')}/.default"

    @property
    def authority(self) -> str:
        """Return where tokens are had."""
        given = str(self.authority_host) if self.authority_host else os.environ.get("AZURE_AUTHORITY_HOST")
        return given or _CLOUDS[self.cloud].authority

    @property
    def has_public_authority(self) -> bool:
        """Return whether tokens are had where everybody's are."""
        return self.authority.rstrip("/") in {cloud.authority for cloud in _CLOUDS.values()}

    @property
    def migration_interval(self) -> timedelta:
        """Return the time between two disks that move to an edited policy."""
        return timedelta(minutes=1) / self.policy_migrations_per_minute

    @property
    def observe_every(self) -> timedelta:
        """Return the time between two sweeps, and between two looks at an unchanging vault in Azure."""
        return timedelta(minutes=self.observe_minutes)

    def verify_every(self, *, is_doubted: bool) -> timedelta:
        """Return the time between two looks at what hardly ever changes: policies, role assignments, resource groups.

        Args:
            is_doubted: whether one of them was missing, or Azure refuses a disk that uses them, which may be because
                somebody deleted them.
        """
        return self.observe_every if is_doubted else max(self.observe_every, _VERIFY_EVERY)

    @property
    def snapshot_max_age(self) -> timedelta:
        """Return how old what the sweep showed may be for a disk that looks between two of them."""
        return 1.5 * self.observe_every
