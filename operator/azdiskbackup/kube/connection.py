"""How the API server is reached: a kubeconfig that was named, or the pod's own service account."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kubernetes.client import Configuration
from kubernetes.config import kube_config

from azdiskbackup.errors import InvalidRequest

_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class KubeConnection:
    """Where the API server is and how to prove who we are.

    Attributes:
        namespace: where we are.
        token_file: file with the token; it is read anew, since the kubelet rotates it.
        token_of: returns the token of whoever has no such file; what it is had from may renew it.
        verify: whether the server has to prove who it is.
        server_name: name for which its certificate is, where that is not the host's.
        proxy: URL of a proxy to go through.
    """

    server: str
    namespace: str
    ca_file: Path | None
    token_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    token_of: Callable[[], str | None] = lambda: None
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = None

    def token(self) -> str | None:
        """Return the token as it is now; None where a certificate says who we are."""
        return self.token_file.read_text().strip() if self.token_file else self.token_of()


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
        return from_kubeconfig(str(kubeconfig))
    except InvalidRequest as error:
        raise InvalidRequest("BadKubeconfig", f"The kubeconfig {kubeconfig} cannot be used: {error.message}") from error


def from_kubeconfig(files: str | None = None, context: str | None = None) -> KubeConnection:
    """Return the connection of a kubeconfig, with all ways to log in that it may name, plugins too.

    Args:
        files: paths, as in KUBECONFIG; default: that, or the file in the home folder.
        context: which of its contexts; default: the current one.

    Raises:
        InvalidRequest: why it cannot be used.
    """
    found = Configuration()
    try:
        kube_config.load_kube_config(files, context, found, persist_config=False)  # type: ignore[no-untyped-call] # it has no hints
        contexts, current = kube_config.list_kube_config_contexts(files)  # type: ignore[no-untyped-call] # it has no hints
    except Exception as error:
        # Whatever is wrong in a file that somebody wrote: the library lets each of its own mistakes through.
        raise InvalidRequest("BadKubeconfig", " ".join(str(error).split()) or type(error).__name__) from error
    chosen = current if context is None else next(each for each in contexts if each["name"] == context)
    return KubeConnection(
        server=found.host.rstrip("/"),
        namespace=chosen["context"].get("namespace") or "default",
        ca_file=_path(found.ssl_ca_cert),
        token_file=None,
        client_certificate=_path(found.cert_file),
        client_key=_path(found.key_file),
        token_of=lambda: (found.get_api_key_with_prefix("BearerToken") or "").removeprefix("Bearer ") or None,
        verify=found.verify_ssl,
        server_name=found.tls_server_name,
        proxy=found.proxy,
    )


def contexts(files: str | None) -> list[str]:
    """Return the names of the contexts of a kubeconfig; none if it cannot be read."""
    try:
        found, _ = kube_config.list_kube_config_contexts(files)  # type: ignore[no-untyped-call] # it has no hints
    except Exception:
        return []
    return [str(each["name"]) for each in found]


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
