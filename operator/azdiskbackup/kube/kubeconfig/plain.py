"""A kubeconfig that says all by itself: certificates or a token. Everything else is for the client library."""

from __future__ import annotations

import atexit
import base64
import binascii
import functools
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from azdiskbackup.errors import InvalidRequest
from azdiskbackup.kube.kubeconfig.connection import KubeConnection

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_USER = {"client-certificate", "client-certificate-data", "client-key", "client-key-data", "token", "tokenFile"}
_CLUSTER = {
    *("server", "certificate-authority", "certificate-authority-data"),
    *("insecure-skip-tls-verify", "tls-server-name", "extensions"),
}
# Safe, and ten times as fast as what is written in Python.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(files: str | None, context: str | None) -> KubeConnection | None:
    """Return the connection of a kubeconfig; None if there is anything about it that this does not know.

    Raises:
        InvalidRequest: it would end in something else than what was asked for.
    """
    path = _path(files)
    try:
        config = _parsed(path)
        entry = _named(config["contexts"], context or config["current-context"])["context"]
        cluster = _named(config["clusters"], entry["cluster"])["cluster"]
        user = _named(config["users"], entry["user"])["user"]
        if not cluster.keys() <= _CLUSTER or not user.keys() <= _USER or {"token", "tokenFile"} <= user.keys():
            return None
        refuse_unusable(str(entry.get("namespace") or ""), user, cluster, str(user.get("token") or ""))
        found = KubeConnection(
            server=str(cluster["server"]).rstrip("/"),
            namespace=str(entry.get("namespace") or "default"),
            ca_file=_file(path, cluster, "certificate-authority"),
            token_file=path.parent / user["tokenFile"] if "tokenFile" in user else None,
            client_certificate=_file(path, user, "client-certificate"),
            client_key=_file(path, user, "client-key"),
            token_of=functools.partial(user.get, "token"),
            verify=not cluster.get("insecure-skip-tls-verify"),
            server_name=cluster.get("tls-server-name"),
        )
    except (OSError, ValueError, LookupError, AttributeError, TypeError, yaml.YAMLError):
        # What is wrong with it, the library says.
        return None
    has_login = (found.client_certificate and found.client_key) or user.get("token") or found.token_file
    return found if has_login else None


def contexts(files: str | None) -> list[str] | None:
    """Return the names of the contexts; None if there is anything about the file that this does not know."""
    try:
        return [str(each["name"]) for each in _parsed(_path(files))["contexts"]]
    except (OSError, ValueError, LookupError, AttributeError, TypeError, yaml.YAMLError):
        return None


def _path(files: str | None) -> Path:
    # Several files, which would have to be merged, are no file.
    return Path(files or os.environ.get("KUBECONFIG") or "~/.kube/config").expanduser()


def _parsed(path: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.load(path.read_text(), _LOADER)  # noqa: S506 - it is a safe one
    return found


def _named(entries: list[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    (found,) = [each for each in entries if each["name"] == name]
    return found


def _file(path: Path, entry: Mapping[str, Any], key: str) -> str | None:
    """Return the file that an entry names, or one with the data that it has."""
    data = entry.get(f"{key}-data")
    if data:
        try:
            return _with_content(base64.b64decode(data, validate=True))
        except binascii.Error as error:
            raise ValueError(f"{key}-data") from error
    return str(path.parent / entry[key]) if entry.get(key) else None


@functools.lru_cache
def _with_content(content: bytes) -> str:
    """Return a file that only we can read, with some content, until the process ends."""
    handle, name = tempfile.mkstemp()
    atexit.register(Path(name).unlink, missing_ok=True)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return name


def refuse_unusable(namespace: str, user: Mapping[str, Any], cluster: Mapping[str, Any], token: str) -> None:
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
