"""The few calls to the API server: list, get, create, merge, patch status and finalizers, delete."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio.client import ApiClient, ApiException, Configuration

from azdiskbackup.api.v1alpha1 import KINDS
from azdiskbackup.api.v1alpha1.base import GROUP, VERSION
from azdiskbackup.core.resource import FINALIZER, Resource
from azdiskbackup.errors import (
    AccessDenied,
    Conflict,
    InvalidRequest,
    OperatorError,
    Throttled,
    Unavailable,
)
from azdiskbackup.kube.connection import KubeConnection
from azdiskbackup.kube.resources import WatchedResource

Raw = Mapping[str, Any]

_PLURALS = {kind.name: kind.plural for kind in KINDS}
# A page of objects is in memory as a whole, which is more than all that is kept.
_PAGE = 100
_TIMEOUT = 30.0
_CONNECTIONS = 8
_NO_API_SERVER = "what answers there is no API server"
_MERGE = "application/merge-patch+json"


class NotFoundError(OperatorError):
    """The object does not exist any more."""


@dataclass(frozen=True, slots=True)
class _Response:
    content: bytes
    headers: Mapping[str, str]


class KubeClient:
    """The API server; use it as an async context."""

    def __init__(self, connection: KubeConnection) -> None:
        self._connection = connection

    async def __aenter__(self) -> Self:
        """Open the session."""
        connection = self._connection
        configuration = Configuration(
            host=connection.server,
            ssl_ca_cert=str(connection.ca_file) if connection.ca_file else None,
            cert_file=str(connection.client_certificate) if connection.client_certificate else None,
            key_file=str(connection.client_key) if connection.client_key else None,
        )
        configuration.verify_ssl = connection.verify
        configuration.tls_server_name = connection.server_name
        configuration.proxy = connection.proxy
        # Each has a buffer of a quarter of a megabyte.
        configuration.connection_pool_maxsize = _CONNECTIONS
        try:
            self._api = ApiClient(configuration)
        except (OSError, ValueError) as error:
            # Among them those of TLS: a certificate that is none, a key that is another one's.
            raise InvalidRequest("BadCertificate", f"a certificate or key cannot be used: {error}") from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the session."""
        await self._api.close()  # type: ignore[no-untyped-call] # the client has no hints here

    async def list_all(self, resource: WatchedResource, namespace: str = "", **selected: str) -> AsyncIterator[Raw]:
        """Yield all objects of a resource, in pages, trimmed.

        Args:
            resource: which.
            namespace: of this namespace only; empty for all.
            selected: selectors as the API server takes them, such as ``labelSelector``.
        """
        token = ""
        while True:
            query = {**selected, "limit": str(_PAGE)} | ({"continue": token} if token else {})
            page = await self._call("GET", f"{resource.path_in(namespace)}?{urlencode(query)}")
            if "items" not in page:
                raise Unavailable("NotJSON", _NO_API_SERVER)
            for item in page["items"] or ():
                yield resource.trim(item)
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token:
                return

    async def get(self, path: str, seconds: float = _TIMEOUT) -> Raw:
        """Return one object by its path."""
        return await self._call("GET", path, seconds=seconds)

    async def create(self, path: str, body: object) -> Raw:
        """Create an object in the list that a path names; return it."""
        return await self._call("POST", path, body)

    async def server_time(self) -> datetime | None:
        """Return what time it is by the API server's clock; None if it does not say."""
        response = await self._send("GET", "/version", None, "application/json", _TIMEOUT)
        told = response.headers.get("Date")
        return parsedate_to_datetime(told) if told else None

    async def replace(self, path: str, body: object, seconds: float = _TIMEOUT) -> Raw:
        """Replace an object, the very version that the body names; return it."""
        return await self._call("PUT", path, body, seconds=seconds)

    async def merge(self, path: str, body: object) -> Raw:
        """Merge into an object, whichever version it is of; return it."""
        return await self._call("PATCH", path, body, _MERGE)

    async def patch_status(self, resource: Resource, patch: Mapping[str, Any]) -> Raw:
        """Merge into the status of exactly this version of an object; return the object after it."""
        body = {
            "metadata": {"resourceVersion": resource.meta["resourceVersion"], "uid": resource.uid},
            "status": patch,
        }
        return await self._call("PATCH", f"{_path(resource)}/status", body, _MERGE)

    async def add_finalizer(self, resource: Resource) -> Raw:
        """Put our finalizer on; return the object after it."""
        return await self._set_finalizers(resource, [*resource.meta.get("finalizers", ()), FINALIZER])

    async def remove_finalizer(self, resource: Resource) -> Raw:
        """Take our finalizer off; return the object after it."""
        finalizers = resource.meta.get("finalizers", ())
        return await self._set_finalizers(resource, [each for each in finalizers if each != FINALIZER])

    async def _set_finalizers(self, resource: Resource, finalizers: list[str]) -> Raw:
        # Others put finalizers on too: only if the object is still the one that we read. Not as a JSON patch with a
        # test, whose failure the server answers with a 422 that says nothing.
        version = {"resourceVersion": resource.meta["resourceVersion"], "uid": resource.uid}
        return await self._call("PATCH", _path(resource), {"metadata": {**version, "finalizers": finalizers}}, _MERGE)

    async def delete(self, resource: Resource) -> None:
        """Delete exactly this object, not its successor of the same name."""
        body = {"preconditions": {"uid": resource.uid}}
        await self._call("DELETE", _path(resource), body)

    async def _call(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = "application/json",
        seconds: float = _TIMEOUT,
    ) -> Raw:
        response = await self._send(method, path, body, content_type, seconds)
        try:
            answer: Raw = json.loads(response.content)
        except ValueError as error:
            raise Unavailable("NotJSON", _NO_API_SERVER) from error
        if not isinstance(answer, dict):
            raise Unavailable("NotJSON", _NO_API_SERVER)
        return answer

    async def _send(self, method: str, path: str, body: object, content_type: str, seconds: float) -> _Response:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        try:
            token = self._connection.token()
            if token:
                headers["Authorization"] = f"Bearer {token}"
            response = await self._api.call_api(
                method,
                f"{self._connection.server}{path}",
                headers,
                body,
                _request_timeout=seconds,
            )
            content: bytes = await response.read()  # type: ignore[no-untyped-call] # the client has no hints here
        except ApiException as error:
            raise _translate(error.status, str(error.body or error.reason), error.headers) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(type(error).__name__, str(error) or "no answer") from error
        if response.status >= 400:
            raise _translate(response.status, content.decode(errors="replace"), response.headers)
        return _Response(content, response.headers)


def _path(resource: Resource) -> str:
    plural = _PLURALS[str(resource.raw["kind"])]
    place = f"namespaces/{quote(resource.namespace, safe='')}/" if resource.namespace else ""
    return f"/apis/{GROUP}/{VERSION}/{place}{plural}/{quote(resource.name, safe='')}"


_BY_STATUS: dict[int, type[OperatorError]] = {
    401: AccessDenied,
    403: AccessDenied,
    404: NotFoundError,
    409: Conflict,
}


# What stands between us and the API server may answer with a page.
_TAG = re.compile(r"<[^>]*>")


def _translate(status: int | None, body: str, headers: Any) -> OperatorError:
    try:
        answer = json.loads(body)
        code, message = str(answer.get("reason")), str(answer.get("message"))
    except (ValueError, AttributeError):
        code, message = str(status), " ".join(_TAG.sub(" ", body).split())[:200]
    if status == 401:
        code = "Unauthorized"
    if status == 429:
        after = str((headers or {}).get("Retry-After", "1"))
        return Throttled(code, message, retry_after=timedelta(seconds=int(after) if after.isdigit() else 1))
    if status in _BY_STATUS:
        return _BY_STATUS[status](code, message)
    return (Unavailable if status is None or status >= 500 else InvalidRequest)(code, message)
