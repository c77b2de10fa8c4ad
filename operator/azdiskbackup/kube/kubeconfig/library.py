"""A kubeconfig as the client library reads it: with every way to log in."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kubernetes.client import Configuration
from kubernetes.config import kube_config

from azdiskbackup.errors import InvalidRequest
from azdiskbackup.kube.kubeconfig.connection import KubeConnection
from azdiskbackup.kube.kubeconfig.plain import refuse_unusable
from azdiskbackup.kube.kubeconfig.proxy import beside_the_proxy


def read(files: str | None, context: str | None) -> KubeConnection:
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
    refuse_unusable(str(chosen["context"].get("namespace") or ""), user, cluster, token or "")
    # NO_PROXY has a say in what the environment says of proxies, not in what the kubeconfig does; as with kubectl.
    proxy = None if not cluster.get("proxy-url") and beside_the_proxy(found.host) else found.proxy
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


def contexts(files: str | None) -> list[str]:
    """Return the names of the contexts; none if it cannot be read."""
    try:
        found, _ = kube_config.list_kube_config_contexts(files)  # type: ignore[no-untyped-call] # it has no hints
    except Exception:
        return []
    return [str(each["name"]) for each in found]


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
