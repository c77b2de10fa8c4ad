"""From a request to an answer: authentication, api-version, planted faults, the route, the log.

Pure in the sense that matters: no socket, no real clock. Given the same requests at the same virtual times it gives
the same answers, which is what the journal relies on.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace
from typing import Any

from azure_simulator.graph.index import Index
from azure_simulator.graph.quota import Quota
from azure_simulator.graph.tables import Tables
from azure_simulator.http import node_metadata, tokens, versions, wire
from azure_simulator.http.call import Call
from azure_simulator.http.governance import admitted
from azure_simulator.http.limits import Limits
from azure_simulator.http.messages import Request, Response
from azure_simulator.http.planted import PlantedFault
from azure_simulator.http.replicas import Replica
from azure_simulator.http.rights import Caller, Callers, assignment_attributes
from azure_simulator.http.routes import Route, find
from azure_simulator.model.azure import Azure
from azure_simulator.model.faults import AzureFault, OperationFault, invalid

_GUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)

_STATUS = {
    "ResourceNotFound": 404,
    "ResourceGroupNotFound": 404,
    "SubscriptionNotFound": 404,
    "UserErrorGenericResourceNotFound": 404,
    "RoleAssignmentNotFound": 404,
    "OperationNotFound": 404,
    "InvalidResourceType": 404,
    "RoleAssignmentExists": 409,
    "InvalidResourceGroupLocation": 409,
    "AuthorizationFailed": 403,
    "LinkedAuthorizationFailed": 403,
    "RoleDefinitionDoesNotExist": 404,
    "ResourceGroupDeletionBlocked": 409,
    "ScopeLocked": 409,
    "ReadOnlyDisabledSubscription": 409,
    "RequestDisallowedByPolicy": 403,
    "AuthenticationFailed": 401,
}


@dataclass(frozen=True)
class LogEntry:
    """One request as the log keeps it."""

    number: int
    time: str
    route: str
    method: str
    path: str
    api_version: str
    status: int
    client_request_id: str
    correlation_id: str
    request_id: str
    caller: str
    body: Any


class Service:
    """Azure Resource Manager, the way a client sees it."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.base = ""
        self.callers = Callers()
        self.faults: list[PlantedFault] = []
        self.replicas: dict[str, Replica] = {}
        self.log: list[LogEntry] = []
        cloud = azure.cloud
        self.tables = Tables(azure)
        self._index = Index(self.tables, lambda: cloud.now, lambda: cloud.knobs.span("graph_lag"))
        self._quota = Quota()
        self.limits = Limits(lambda: cloud.now, lambda: cloud.knobs.span("limit_window"))

    def handle(self, request: Request) -> Response:
        """Answer a request. A status of 0 means that the connection breaks without an answer."""
        route, parts = find(request)
        response = self._answer(request, route, parts)
        self._finish(request, response, route)
        return response

    def _answer(self, request: Request, route: Route | None, parts: dict[str, str]) -> Response:
        try:
            caller = self._authenticate(request)
            if route is None:
                raise AzureFault("InvalidResourceType", f"No route for {request.path}.")
            versions.check(request.query.get("api-version"), route.provider)
            if "s" in parts:
                # What is in no tenant at all is not there, whoever asks.
                self.azure.cloud.check_subscription(parts["s"])
            caller.check(request, route, self._assigned(route, parts))
            if request.mutates:
                caller.check_linked(request, route.action)
            fault = self._strikes(request, route.name)
            if fault is not None and not fault.after:
                return _planted(fault)
            refusal, left = self.limits.take(caller.client, request, route)
            if refusal is not None:
                return refusal
            activity = _request_id(request)
            call = Call(self.azure, request, parts, self.base, activity, caller, self._index, self._quota)
            response = self._carried_out(route, admitted(self._read_from(route, call), route))
            self._index.note()
            response.headers |= {name: value for name, value in left.items() if name not in response.headers}
            return _planted(fault, response) if fault is not None else response
        except AzureFault as fault:
            return refused(fault)
        except (AttributeError, KeyError, TypeError, ValueError) as problem:
            return refused(invalid(f"The request is invalid: {problem!r}"))

    def _assigned(self, route: Route, parts: dict[str, str]) -> dict[str, str]:
        """Return the attributes of the role assignment that a request is about, none if it is about none."""
        if route.name not in ("roleAssignments.put", "roleAssignments.delete"):
            return {}
        found = self.azure.cloud.access.assignments.get(f"{parts['scope']}/{parts['n']}".lower())
        if found is None:
            return {}
        return assignment_attributes(found.role_definition_id, found.principal, found.principal_type)

    def _read_from(self, route: Route, call: Call) -> Call:
        """Return a request with what it reads from: what there is, or a replica that is behind."""
        stale = next((each for each in self.replicas.values() if each.answers(call.request, route.name)), None)
        return call if stale is None else replace(call, azure=stale.azure, index=stale.index)

    def _carried_out(self, route: Route, call: Call) -> Response:
        try:
            return route.answer(call)
        except AzureFault as refusal:
            return refused(refusal)

    def _authenticate(self, request: Request) -> Caller:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        caller = self.callers.get(tokens.client_of(token, self.base or None) if scheme == "Bearer" else None)
        if caller is None:
            raise AzureFault("AuthenticationFailed", "Authentication failed.")
        return caller

    def token(self, request: Request) -> Response:
        """Answer a request for a token."""
        fault = self._strikes(request, "tokens.post")
        if fault is not None:
            return _planted(fault)
        if request.path == node_metadata.PATH:
            return node_metadata.exchange(request, self.callers, self.azure.cloud.tenant)
        return tokens.exchange(request.body, self.callers, self.azure.cloud.tenant)

    def _strikes(self, request: Request, route: str) -> PlantedFault | None:
        operations = self.azure.cloud.operations
        # Meant for the operation that the very request starts: one that starts none leaves nothing to a later one.
        operations.next_fault, operations.next_endless = None, False
        fault = next((each for each in self.faults if each.strikes(request, route)), None)
        if fault is None or not (fault.at_end or fault.endless):
            return fault
        operations.next_endless = fault.endless
        if fault.at_end:
            operations.next_fault = OperationFault(fault.code, fault.message, is_user_error=fault.is_user_error)
        return None

    def _finish(self, request: Request, response: Response, route: Route | None) -> None:
        identity = self.azure.cloud.timeline.new_id() if request.mutates else _read_id(len(self.log))
        named = request.headers.get("x-ms-correlation-request-id", "")
        response.headers |= {
            "x-ms-request-id": identity,
            "x-ms-correlation-request-id": named if _GUID.match(named) else identity,
            "Cache-Control": "no-cache",
            "Pragma": "no-cache",
            "Expires": "-1",
            "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
            "X-Content-Type-Options": "nosniff",
        }
        if response.status == 401:
            authority = f"{self.base}/{self.azure.cloud.tenant}"
            response.headers["WWW-Authenticate"] = f'Bearer authorization_uri="{authority}"'
        _, _, token = request.headers.get("authorization", "").partition(" ")
        self.log.append(
            LogEntry(
                number=len(self.log) + 1,
                time=wire.time(self.azure.cloud.now),
                route=route.name if route else "unknown",
                method=request.method,
                path=request.path,
                api_version=request.query.get("api-version", ""),
                status=response.status,
                client_request_id=request.headers.get("x-ms-client-request-id", ""),
                correlation_id=response.headers["x-ms-correlation-request-id"],
                request_id=identity,
                caller=tokens.client_of(token) or "",
                body=request.json or None,
            )
        )

    def entries(self, since: int) -> list[dict[str, Any]]:
        """Return the log after a number."""
        return [dict(vars(entry)) for entry in self.log[since:]]


def _request_id(request: Request) -> str:
    return request.headers.get("x-ms-client-request-id", "00000000-0000-0000-0000-000000000000")


def _planted(fault: PlantedFault, real: Response | None = None) -> Response:
    if fault.status <= 0:
        return Response(fault.status, real.body if real is not None else None)
    return Response(
        fault.status,
        {"error": {"code": fault.code, "message": fault.message}},
        dict(fault.headers),
    )


def refused(fault: AzureFault) -> Response:
    """Return a refusal in Resource Manager's envelope."""
    return Response(_STATUS.get(fault.code, 400), {"error": wire.refusal(fault)})


def _read_id(number: int) -> str:
    """Return the id of a request that leaves no trace: the journal, which counts ids, does not know of it."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"read {number}"))
