"""The settings, from the environment and from flags; every one documented here and nowhere else."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, HttpUrl, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What can be set, as ``AZDISKBACKUP_<NAME>`` or ``--name``."""

    model_config = SettingsConfigDict(
        env_prefix="AZDISKBACKUP_",
        frozen=True,
        extra="ignore",
        cli_prog_name="azdiskbackup",
        cli_kebab_case=True,
        cli_implicit_flags=True,
    )

    subscription_id: Annotated[str, Field(description="Subscription of vaults that name none. Required.")]
    resource_manager_endpoint: Annotated[
        HttpUrl, Field(description="Azure Resource Manager; another one for a sovereign cloud.")
    ] = HttpUrl("https://management.azure.com")
    resource_manager_audience: Annotated[
        str | None,
        Field(description="Audience of the tokens; default: the resource manager endpoint."),
    ] = None
    azure_ca_file: Annotated[
        Path | None,
        Field(description="PEM file of the authority to trust for Azure, instead of the system's."),
    ] = None
    kubeconfig: Annotated[
        Path | None,
        Field(description="Kubeconfig to use; default: the pod's service account."),
    ] = None
    clock: Annotated[
        str,
        Field(
            description="Where time comes from: `system`, or `simulated:<url>`, which follows the "
            "clock of the Azure simulator and is for that alone."
        ),
    ] = "system"
    workers: Annotated[int, Field(ge=1, le=256, description="Objects that are reconciled at the same time.")] = 16
    resync_minutes: Annotated[
        int,
        Field(ge=1, le=1440, description="Minutes between two full lists of what is watched."),
    ] = 10
    observe_minutes: Annotated[
        int,
        Field(
            ge=1,
            le=1440,
            description="Minutes between two sweeps, which show what changed of all disks, and between two looks at "
            "an unchanging vault or policy in Azure.",
        ),
    ] = 10
    azure_share_percent: Annotated[
        int,
        Field(
            ge=5,
            le=100,
            description="Percent of what Azure allows in a subscription that may be used; others work there too.",
        ),
    ] = 40
    moves_per_minute: Annotated[
        int,
        Field(ge=1, le=600, description="Disks that are moved in a minute when a policy is edited."),
    ] = 30
    restore_point_limit: Annotated[
        int,
        Field(ge=1, le=500, description="Restore points that a policy may lead to, a disk."),
    ] = 450
    snapshot_limit: Annotated[int, Field(ge=1, le=500, description="Snapshots that Azure keeps of one disk.")] = 500
    request_timeout_seconds: Annotated[
        int, Field(ge=1, le=300, description="Seconds to wait for an answer of Azure.")
    ] = 30
    probe_port: Annotated[int, Field(ge=0, le=65535, description="Port of /healthz; 0 serves none.")] = 8080
    metrics_port: Annotated[int, Field(ge=0, le=65535, description="Port of /metrics; 0 serves none.")] = 8081
    log_format: Annotated[Literal["json", "console"], Field(description="Form of the log on stdout.")] = "json"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="Least level that is logged."),
    ] = "info"

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

    @property
    def arm_endpoint(self) -> str:
        """Return the endpoint of Resource Manager without a slash at its end."""
        return str(self.resource_manager_endpoint).rstrip("/")

    @property
    def arm_scope(self) -> str:
        """Return the scope that tokens are asked for."""
        return f"{(self.resource_manager_audience or self.arm_endpoint).rstrip('/')}/.default"

    @property
    def move_every(self) -> timedelta:
        """Return the time between two disks that move to an edited policy."""
        return timedelta(minutes=1) / self.moves_per_minute

    @property
    def observe_every(self) -> timedelta:
        """Return the time between two sweeps, and between two looks at an unchanging vault or policy in Azure."""
        return timedelta(minutes=self.observe_minutes)

    @property
    def picture_stays(self) -> timedelta:
        """Return how old what the sweep showed may be for a disk that looks between two of them."""
        return 1.5 * self.observe_every
