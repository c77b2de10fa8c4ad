"""The few calls to the API server: list, get, create, merge, patch status and finalizers, delete."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from azdiskbackup.api.v1alpha1.names import GROUP, KIND_NAMES, VERSION
from azdiskbackup.core.objects.markers import FINALIZER
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.errors import (
    AccessDenied,
    AdmissionDenied,
    Conflict,
    InvalidRequest,
    NamespaceQuotaExceeded,
    OperatorError,
    Throttled,
    Unavailable,
    retry_after,
)
from azdiskbackup.kube.exchange import Answer, Exchange
from azdiskbackup.kube.watched import OURS, Raw, WatchedResource

DecodedT = TypeVar("DecodedT")

_PLURALS = {kind.name: kind.plural for kind in KIND_NAMES}
_OURS = {each.kind: each for each in OURS}
# A page of objects is in memory as a whole, each as large as etcd takes one. It begins small, and grows to so many
# objects, or so many bytes if those that come next are like those before.
_FIRST_PAGE, _LARGEST_PAGE, _PAGE_BYTES = 10, 50, 2_000_000
_TIMEOUT = 30.0
_NO_API_SERVER = "what answers there is no API server"
_MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"


class NotFoundError(OperatorError):
    """The object does not exist any more."""


class KubeClient:
    """The API server; use it as an async context.

    Args:
        exchange: carries the requests.

    Attributes:
        listed_at: at which resource version each resource was listed last as a whole, by group and plural.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.listed_at: dict[tuple[str, str], str] = {}

    async def __aenter__(self) -> Self:
        """Open the exchange."""
        await self._exchange.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        """Close the exchange."""
        await self._exchange.__aexit__(*error)

    async def list_all(self, resource: WatchedResource, namespace: str = "", **selected: str) -> AsyncIterator[Raw]:
        """Yield all objects of a resource, in pages, trimmed.

        Args:
            resource: which.
            namespace: of this namespace only; empty for all.
            selected: selectors as the API server takes them, such as ``labelSelector``.
        """
        token, limit = "", _FIRST_PAGE
        while True:
            query = {**selected, "limit": str(limit)} | ({"continue": token} if token else {})
            path = f"{resource.path_in(namespace)}?{urlencode(query)}"
            answer = await self._send("GET", path, None, "application/json", _TIMEOUT)
            page = _decoded(answer.content, _Page)
            version = page.metadata.get("resourceVersion")
            if version and not token and not namespace and not selected:
                self.listed_at[resource.group, resource.plural] = str(version)
            # Each by itself: one character in one of them would make four bytes of each in all of them.
            size = sum(len(memoryview(item)) for item in page.items or ()) // max(1, len(page.items or ()))
            for item in page.items or ():
                yield resource.trim(_decoded(item, dict[str, Any]))
            token = page.metadata.get("continue") or ""
            if not token:
                return
            limit = min(_LARGEST_PAGE, max(1, _PAGE_BYTES // max(1, size)))

    async def get(self, path: str, seconds: float = _TIMEOUT) -> Raw:
        """Return one object by its path."""
        return await self._call("GET", path, seconds=seconds)

    async def create(self, path: str, body: object, seconds: float = _TIMEOUT) -> Raw:
        """Create an object in the list that a path names; return it."""
        return await self._call("POST", path, body, seconds=seconds)

    async def service_account(self) -> tuple[str, str] | None:
        """Return name and uid of the service account that we are, None for anybody else."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        found = await self.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
        user = found["status"]["userInfo"]
        is_account = user["username"].startswith("system:serviceaccount:")
        return (user["username"].rpartition(":")[2], user["uid"]) if is_account else None

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

    async def apply(self, path: str, manifest: Mapping[str, Any], manager: str) -> tuple[Raw, bool]:
        """Apply what a field manager says of an object, whole as the server has it after that, with its managers.

        Args:
            path: of the object.
            manifest: all that the manager says of it; what it said before and does not say any more, it lets go.
            manager: name of the field manager.

        Returns:
            The object, and whether this made it.

        Raises:
            Conflict: another manager says something else of a field.
        """
        query = urlencode({"fieldManager": manager, "fieldValidation": "Strict"})
        answer = await self._send("PATCH", f"{path}?{query}", manifest, _APPLY, _TIMEOUT)
        return _decoded(answer.content, dict[str, Any]), answer.status == 201

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
        await self.delete_at(_path(resource), resource.uid)

    async def delete_unchanged(self, resource: Resource) -> Raw:
        """Delete exactly this version of an object; return it as it is then, or what the server says of its end."""
        version = {"uid": resource.uid, "resourceVersion": resource.meta["resourceVersion"]}
        return await self._call("DELETE", _path(resource), {"preconditions": version})

    async def delete_at(self, path: str, uid: str) -> None:
        """Delete the object of a uid by its path, not its successor of the same name."""
        await self._call("DELETE", path, {"preconditions": {"uid": uid}})

    async def _call(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = "application/json",
        seconds: float = _TIMEOUT,
    ) -> Raw:
        answer = await self._send(method, path, body, content_type, seconds)
        found = _decoded(answer.content, dict[str, Any])
        # What is kept of an answer to a write is what is kept of a list.
        kept = _OURS.get(str(found.get("kind")))
        return kept.trim(found) if kept is not None and "metadata" in found else found

    async def _send(self, method: str, path: str, body: object, content_type: str, seconds: float) -> Answer:
        answer = await self._exchange.send(method, path, body, content_type, seconds)
        if answer.status >= 400:
            raise _translate(answer.status, answer.content.decode(errors="replace"), answer.headers)
        return answer


class _Page(msgspec.Struct):
    """A page of a list; its objects are read one at a time."""

    items: list[msgspec.Raw] | None
    metadata: dict[str, Any] = {}


def _decoded(content: bytes | msgspec.Raw, type_: type[DecodedT]) -> DecodedT:
    try:
        return msgspec.json.decode(content, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unavailable("NotJSON", _NO_API_SERVER) from error


def _path(resource: Resource) -> str:
    return path_of(str(resource.raw["kind"]), resource.namespace, resource.name)


def path_of(kind: str, namespace: str, name: str) -> str:
    """Return the path of an object of ours."""
    place = f"namespaces/{quote(namespace, safe='')}/" if namespace else ""
    return f"/apis/{GROUP}/{VERSION}/{place}{_PLURALS[kind]}/{quote(name, safe='')}"


_BY_STATUS: dict[int, type[OperatorError]] = {
    401: AccessDenied,
    403: AccessDenied,
    404: NotFoundError,
    409: Conflict,
}


# What quotas and what admission say, which have no code of their own (apiserver: pkg/admission/plugin).
_QUOTA = "exceeded quota"
_ADMISSION = re.compile(r"^admission webhook .* denied the request|ValidatingAdmissionPolicy '.*' .*denied request")
# What stands between us and the API server may answer with a page.
_TAG = re.compile(r"<[^>]*>")


def _translate(status: int, body: str, headers: Any) -> OperatorError:
    try:
        answer = json.loads(body)
        code, message = str(answer.get("reason")), str(answer.get("message"))
    except (ValueError, AttributeError):
        code, message = str(status), " ".join(_TAG.sub(" ", body).split())[:200]
    if status == 401:
        code = "Unauthorized"
    if status == 429:
        pause = retry_after((headers or {}).get("Retry-After")) or timedelta(seconds=1)
        return Throttled(code, message, retry_after=pause)
    if status == 403 and _QUOTA in message:
        return NamespaceQuotaExceeded(code, message)
    if _ADMISSION.search(message):
        return AdmissionDenied(code, message)
    if status in _BY_STATUS:
        return _BY_STATUS[status](code, message)
    return (Unavailable if status >= 500 else InvalidRequest)(code, message)
