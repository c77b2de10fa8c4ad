"""What a person can say to every command."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Output(StrEnum):
    """The form of what is written to stdout."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


class Color(StrEnum):
    """When colours are used."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class From(StrEnum):
    """Where restore points are read."""

    AUTO = "auto"
    AZURE = "azure"
    STATUS = "status"


class RetentionRule(StrEnum):
    """A retention rule of a policy."""

    DEFAULT = "Default"
    DAILY = "Daily"
    WEEKLY = "Weekly"


@dataclass(frozen=True, slots=True)
class Options:
    """The options that every command has.

    Attributes:
        namespace: the one to look at; None for that of the context.
        all_namespaces: look at all of them instead.
        context: the context of the kubeconfig; None for the current one.
        kubeconfig: its path; None for KUBECONFIG, or the file in the home folder.
    """

    namespace: str | None = None
    all_namespaces: bool = False
    context: str | None = None
    kubeconfig: str | None = None
    output: Output = Output.TABLE
    color: Color = Color.AUTO
