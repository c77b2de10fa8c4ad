"""An answer of Azure in memory, as the SDKs of both generations read one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, MutableMapping
from http import HTTPStatus
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.core.rest import AsyncHttpResponse
from requests.structures import CaseInsensitiveDict


class InMemoryAnswer(AsyncHttpResponse):
    """The whole answer is there at once."""

    def __init__(self, request: Any, status: int, headers: dict[str, str], content: bytes) -> None:
        self._request = request
        self._status = status
        self._headers: CaseInsensitiveDict[str] = CaseInsensitiveDict(headers)
        self._content = content
        self._encoding: str | None = None

    @property
    def request(self) -> Any:
        return self._request

    @property
    def status_code(self) -> int:
        return self._status

    @property
    def headers(self) -> MutableMapping[str, str]:
        return self._headers

    @property
    def reason(self) -> str:
        return HTTPStatus(self._status).phrase

    @property
    def content_type(self) -> str | None:
        return self._headers.get("Content-Type")

    @property
    def is_closed(self) -> bool:
        return True

    @property
    def is_stream_consumed(self) -> bool:
        return True

    @property
    def encoding(self) -> str | None:
        return self._encoding

    @encoding.setter
    def encoding(self, value: str | None) -> None:
        self._encoding = value

    @property
    def url(self) -> str:
        return str(self._request.url)

    @property
    def content(self) -> bytes:
        return self._content

    def json(self) -> Any:
        return json.loads(self._content)

    def text(self, encoding: str | None = None) -> str:
        return self._content.decode(encoding or self._encoding or "utf-8-sig")

    def raise_for_status(self) -> None:
        if self._status >= 400:
            raise HttpResponseError(response=self)

    async def read(self) -> bytes:
        return self._content

    async def iter_bytes(self, **_: Any) -> AsyncIterator[bytes]:
        yield self._content

    async def iter_raw(self, **_: Any) -> AsyncIterator[bytes]:
        yield self._content

    async def close(self) -> None:
        return

    async def __aexit__(self, *_: object) -> None:
        return

    # --- the older generation -----------------------------------------------------------------------

    def body(self) -> bytes:
        return self._content

    async def load_body(self) -> None:
        return

    def stream_download(self, pipeline: Any, **_: Any) -> AsyncIterator[bytes]:
        return self.iter_bytes()
