"""How the API server is reached: a kubeconfig that was named, or the pod's own service account."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kubernetes.client import Configuration
from kubernetes.config import kube_config
from requests.utils import should_bypass_proxies

from azdiskbackup.errors import InvalidRequest

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
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
    ca_file: str | None
    token_file: Path | None = None
    client_certificate: str | None = None
    client_key: str | None = None
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
                "No service account token at /var/run/secrets; outside of a pod name a "
                "kubeconfig with AZDISKBACKUP_KUBECONFIG",
            )
        # As every client in a cluster does: by address, so that no name server stands between.
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        if host is None:
            raise InvalidRequest("NotInCluster", "KUBERNETES_SERVICE_HOST is not set, as it is in every pod")
        server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        _beside_the_proxy(server)
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
    found = Configuration()
    try:
        with _complaints() as said:
            kube_config.load_kube_config(files, context, found, persist_config=False)  # type: ignore[no-untyped-call] # it has no hints
        contexts, current = kube_config.list_kube_config_contexts(files)  # type: ignore[no-untyped-call] # it has no hints
        chosen = current if context is None else next(each for each in contexts if each["name"] == context)
        cluster, user = _entries(files, chosen["context"])
    except Exception as error:
        # Whatever is wrong in a file that somebody wrote: the library lets each of its own mistakes through.
        raise InvalidRequest("BadKubeconfig", " ".join(str(error).split()) or type(error).__name__) from error
    token = found.get_api_key_with_prefix("BearerToken")
    if "exec" in user and not token and not found.cert_file:
        # The library goes on without credentials, and the API server would say that it does not know us.
        words = " ".join(said) or "it gave none"
        raise InvalidRequest("NoCredentials", f"the plugin that the kubeconfig names for credentials failed: {words}")
    _usable(str(chosen["context"].get("namespace") or ""), user, cluster, token or "")
    # NO_PROXY has a say in what the environment says of proxies, not in what the kubeconfig does; as with kubectl.
    proxy = None if not cluster.get("proxy-url") and _beside_the_proxy(found.host) else found.proxy
    return KubeConnection(
        server=found.host.rstrip("/"),
        namespace=str(chosen["context"].get("namespace") or "default"),
        ca_file=found.ssl_ca_cert or None,
        token_file=None,
        client_certificate=found.cert_file or None,
        client_key=found.key_file or None,
        token_of=lambda: (found.get_api_key_with_prefix("BearerToken") or "").removeprefix("Bearer ") or None,
        verify=found.verify_ssl,
        server_name=found.tls_server_name,
        proxy=proxy,
    )


def _beside_the_proxy(server: str) -> bool:
    """Return whether NO_PROXY says to go straight to a server, and have the HTTP library believe it.

    That asks the environment itself, and does not know ranges of addresses, which name the API server as a rule.
    """
    if not should_bypass_proxies(server, no_proxy=None):
        return False
    host = urlsplit(server).hostname or ""
    for name in ("NO_PROXY", "no_proxy"):
        known = os.environ.get(name)
        if known and host not in known.split(","):
            os.environ[name] = f"{known},{host}"
    return True


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect what the library only logs, and keep it from being written anywhere."""
    messages: list[str] = []
    collector = logging.Handler(logging.ERROR)
    collector.emit = lambda record: messages.append(" ".join(record.getMessage().split()))  # type: ignore[method-assign] # it is ours
    root = logging.getLogger()
    root.addHandler(collector)
    try:
        yield messages
    finally:
        root.removeHandler(collector)


def _entries(files: str | None, context: Mapping[str, str]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the cluster and the user of a context, as the files have them."""
    merged = kube_config.KubeConfigMerger(files or kube_config.KUBE_CONFIG_DEFAULT_LOCATION).config  # type: ignore[no-untyped-call] # it has no hints
    users = merged["users"] if "users" in merged else ()  # noqa: SIM401 - it is no dict, and has no get
    user = next((each["user"] for each in users if each["name"] == context.get("user")), None)
    cluster = next(each["cluster"] for each in merged["clusters"] if each["name"] == context["cluster"])
    return dict(cluster.value), dict(user.value) if user is not None else {}


def _usable(namespace: str, user: Mapping[str, Any], cluster: Mapping[str, Any], token: str) -> None:
    """Refuse what would end in something else than what was asked for."""
    impersonated = [key for key in user if key == "as" or key.startswith("as-")]
    if impersonated:
        raise InvalidRequest("Impersonates", "its user impersonates another one (`as`), which only kubectl supports")
    proxy = str(cluster.get("proxy-url") or "http:")
    if not proxy.startswith(("http:", "https:")):
        raise InvalidRequest("BadProxy", f"the proxy {proxy} is neither http nor https")
    if namespace and not _NAME.fullmatch(namespace):
        raise InvalidRequest("BadNamespace", f"its namespace {namespace!r} is not a valid namespace name")
    if any(each.isspace() for each in token.removeprefix("Bearer ")):
        raise InvalidRequest("BadToken", "its token has blanks or line breaks in it")


def contexts(files: str | None) -> list[str]:
    """Return the names of the contexts of a kubeconfig; none if it cannot be read."""
    try:
        found, _ = kube_config.list_kube_config_contexts(files)  # type: ignore[no-untyped-call] # it has no hints
    except Exception:
        return []
    return [str(each["name"]) for each in found]
