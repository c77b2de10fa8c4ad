"""What whoever has the token of the operator's service account could do."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request

from harness.installation import OPERATOR_USER
from harness.stack import Stack


def as_the_operator(stack: Stack, method: str, path: str, body: object = None) -> tuple[int, str]:
    """Ask for something with the rights of the operator's service account; return status and message.

    As an admin who impersonates it, so that what is refused does not count as what the operator lacks.
    """
    plane = stack.plane
    context = ssl.create_default_context(cafile=str(plane.authority.certificate))
    context.load_cert_chain(plane.admin.certificate, plane.admin.key)
    request = urllib.request.Request(  # noqa: S310 - our own API server
        f"{plane.server}{path}",
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={
            "Content-Type": "application/merge-patch+json" if method == "PATCH" else "application/json",
            "Impersonate-User": OPERATOR_USER,
        },
    )
    try:
        with urllib.request.urlopen(request, context=context) as answer:  # noqa: S310 - our own API server
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())["message"]
