"""What went wrong with the API server, in a sentence that says what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable

from azdiskbackup.api.v1alpha1.names import GROUP, KIND_NAMES, VERSION
from azdiskbackup.errors import AccessDenied, OperatorError, Unavailable
from azdiskbackup.kube.client import NotFoundError
from azdiskbackup.kube.watched import CLAIM, WatchedResource

_NAMESPACED = {CLAIM.plural, *(kind.plural for kind in KIND_NAMES if kind.namespaced)}


_MAY_NOT = re.compile(r'cannot (\w+) resource "([^"]+)".*?(at the cluster scope)?$')


def sentence_of(error: OperatorError, server: str, what: WatchedResource | None = None) -> str:
    """Return what went wrong with the API server, and what to do about it."""
    ours = what is not None and what.group == GROUP
    if isinstance(error, AccessDenied) and error.code == "Unauthorized":
        return f"The API server {server} does not accept your credentials. Log in again, or choose another --context."
    if isinstance(error, AccessDenied):
        remediation = (
            "Ask for the ClusterRole view in the namespace, or name another with -n"
            if ours
            else "Ask a cluster admin for it, or name one namespace with -n"
        )
        return f"Permission denied: {error.message}. {remediation}."
    if isinstance(error, NotFoundError) and ours and not error.message.startswith("namespaces "):
        # In JSON or as plain text, as old and new API servers have it for a group that they do not know.
        return (
            f"The cluster {server} does not have azdiskbackup ({GROUP}/{VERSION}): install it, or choose another "
            "--context."
        )
    if isinstance(error, Unavailable):
        return (
            f"The API server {server} does not respond: {error.message.rstrip('.')}. Check --context and the network."
        )
    return error.user_message


def missing(hidden: Iterable[str]) -> str:
    """Return what the caller may not do, from the API server's sentences, such as ``list leases, namespaces``."""
    verbs: dict[str, list[str]] = {}
    others = []
    for sentence in dict.fromkeys(hidden):
        found = _MAY_NOT.search(sentence)
        if found is None:
            others.append(sentence)
            continue
        everywhere = " in all namespaces" if found[3] and found[2] in _NAMESPACED else ""
        verbs.setdefault(found[1], []).append(f"{found[2]}{everywhere}")
    return ", ".join([*(f"{verb} {', '.join(dict.fromkeys(what))}" for verb, what in verbs.items()), *others])
