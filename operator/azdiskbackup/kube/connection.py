"""How the API server is reached: a kubeconfig that was named, or the pod's own service account."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from azdiskbackup.errors import InvalidRequest

_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class KubeConnection:
    """Where the API server is and how to prove who we are.

    Attributes:
        namespace: where we are.
        token_file: file with the token; it is read anew, since the kubelet rotates it.
    """

    server: str
    namespace: str
    ca_file: Path | None
    token_file: Path | None
    client_certificate: Path | None = None
    client_key: Path | None = None

    def token(self) -> str | None:
        """Return the token as it is now."""
        return self.token_file.read_text().strip() if self.token_file else None


def connection(kubeconfig: Path | None) -> KubeConnection:
    """Return the connection that the settings name.

    Raises:
        InvalidRequest: a sentence that says what is missing.
    """
    if kubeconfig is None:
        if not (_POD / "token").exists():
            raise InvalidRequest(
                "NotInCluster",
                "There is no service account token at /var/run/secrets; outside of a pod name a "
                "kubeconfig with AZDISKBACKUP_KUBECONFIG",
            )
        # As every client in a cluster does: by address, so that no name server stands between.
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        if host is None:
            raise InvalidRequest("NotInCluster", "KUBERNETES_SERVICE_HOST is not set, as it is in every pod")
        server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        return KubeConnection(server, (_POD / "namespace").read_text().strip(), _POD / "ca.crt", _POD / "token")
    try:
        return _from_file(yaml.safe_load(kubeconfig.read_text()))
    except (OSError, ValueError, yaml.YAMLError, LookupError, StopIteration, TypeError, AttributeError) as error:
        raise InvalidRequest("BadKubeconfig", f"The kubeconfig {kubeconfig} cannot be used: {error!r}") from error


def _from_file(config: dict[str, Any]) -> KubeConnection:
    """Read the current context; it must name files, since this is for development and tests only."""
    context = _named(config, "contexts", config["current-context"])["context"]
    cluster = _named(config, "clusters", context["cluster"])["cluster"]
    user = _named(config, "users", context["user"])["user"]
    return KubeConnection(
        server=cluster["server"],
        namespace=context.get("namespace") or "default",
        ca_file=_path(cluster.get("certificate-authority")),
        token_file=_path(user.get("tokenFile")),
        client_certificate=_path(user.get("client-certificate")),
        client_key=_path(user.get("client-key")),
    )


def _named(config: dict[str, Any], section: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in config[section] if each["name"] == name)
    return found


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
