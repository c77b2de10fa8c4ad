"""The connection to the API server: of the pod's own service account, or of a kubeconfig."""

from __future__ import annotations

import os
from pathlib import Path

from azdiskbackup.errors import InvalidRequest
from azdiskbackup.kube.kubeconfig import plain
from azdiskbackup.kube.kubeconfig.connection import KubeConnection

_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_PROXY_VARIABLES = {"http_proxy", "https_proxy", "all_proxy"}


def connection(kubeconfig: Path | None) -> KubeConnection:
    """Return the connection that the settings name.

    Raises:
        InvalidRequest: a sentence that says what is missing.
    """
    if kubeconfig is None:
        if not (_POD / "token").exists():
            raise InvalidRequest(
                "NotInCluster",
                "No service account token at /var/run/secrets; outside of a pod name a "
                "kubeconfig with AZDISKBACKUP_KUBECONFIG",
            )
        # As every client in a cluster does: by address, so that no name server stands between.
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        if host is None:
            raise InvalidRequest("NotInCluster", "KUBERNETES_SERVICE_HOST is not set, as it is in every pod")
        server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        if _is_proxy_set():
            from azdiskbackup.kube.kubeconfig.proxy import beside_the_proxy

            beside_the_proxy(server)
        return KubeConnection(server, (_POD / "namespace").read_text().strip(), str(_POD / "ca.crt"), _POD / "token")
    try:
        return from_kubeconfig(str(kubeconfig))
    except InvalidRequest as error:
        raise InvalidRequest("BadKubeconfig", f"invalid kubeconfig {kubeconfig}: {error.message}") from error


def from_kubeconfig(files: str | None = None, context: str | None = None) -> KubeConnection:
    """Return the connection of a kubeconfig, with all ways to log in that it may name, plugins too.

    Args:
        files: paths, as in KUBECONFIG; default: that, or the file in the home folder.
        context: which of its contexts; default: the current one.

    Raises:
        InvalidRequest: why it cannot be used.
    """
    if not _is_proxy_set():
        found = plain.read(files, context)
        if found is not None:
            return found
    # What is imported here takes longer than all that a command does.
    from azdiskbackup.kube.kubeconfig import library

    return library.read(files, context)


def _is_proxy_set() -> bool:
    """Return whether the environment has a say in the way to a server."""
    return any(name.lower() in _PROXY_VARIABLES and value for name, value in os.environ.items())


def contexts(files: str | None) -> list[str]:
    """Return the names of the contexts of a kubeconfig; none if it cannot be read."""
    found = plain.contexts(files)
    if found is None:
        from azdiskbackup.kube.kubeconfig import library

        found = library.contexts(files)
    return found
