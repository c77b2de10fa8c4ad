"""Sends the id of the pass with each request, and logs each request with the id by which Azure's support finds it.

Resource Manager hands on ``x-ms-correlation-request-id`` as it came, names it in the Activity Log, and answers with it.
``x-ms-client-request-id`` stays one for each request: of an on-demand backup it comes back in the job.
"""

from __future__ import annotations

from typing import Any

import structlog
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import SansIOHTTPPolicy

from azdiskbackup import correlation
from azdiskbackup.azure.transport.limits import target_of
from azdiskbackup.azure.transport.metrics import operation_of

CORRELATION_HEADER = "x-ms-correlation-request-id"

_WRITES = ("PUT", "PATCH", "POST", "DELETE")
# Asked with a POST, for the length of the question.
_QUESTIONS = ("/providers/microsoft.resourcegraph/resources", "/validateforbackup")

_log = structlog.get_logger("azdiskbackup.azure")


class CorrelationPolicy(SansIOHTTPPolicy[Any, Any]):
    """One line for each request: of a write at level info, of a read at level debug. Bodies are never logged."""

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Name the pass."""
        current = correlation.current()
        if current is not None:
            request.http_request.headers[CORRELATION_HEADER] = current

    def on_response(self, request: PipelineRequest[Any], response: PipelineResponse[Any, Any]) -> None:
        """Log what was asked and what Azure calls it."""
        method, path = target_of(request)
        headers = response.http_response.headers
        changes = method in _WRITES and not path.lower().endswith(_QUESTIONS)
        (_log.info if changes else _log.debug)(
            "written to Azure" if changes else "read from Azure",
            operation=operation_of(method, path),
            path=path,
            status=int(response.http_response.status_code),
            request_id=headers.get("x-ms-request-id"),
            client_request_id=request.http_request.headers.get("x-ms-client-request-id"),
        )
