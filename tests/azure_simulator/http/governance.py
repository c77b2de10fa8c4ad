"""What forbids or changes a request, whoever sends it: disabled subscription, locks, Azure Policy, Resource Guard."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from azure_simulator.http.call import Call
from azure_simulator.http.routes import Route, find
from azure_simulator.model.faults import AzureFault

_SUBSCRIPTION = re.compile(r"/subscriptions/([^/]+)", re.IGNORECASE)
_TAGGABLE = {"resourceGroups", "backupVaults", "backupInstances", "disks", "userAssignedIdentities"}


def admitted(call: Call, route: Route) -> Call:
    """Return a request as the resource provider gets it.

    Raises:
        AzureFault: it is forbidden.
    """
    if not call.request.mutates:
        return call
    cloud, path = call.azure.cloud, call.request.path
    match = _SUBSCRIPTION.match(path)
    if match is not None and match[1].lower() in cloud.disabled:
        # [I: microsoft/vscode-azureappservice 1424]
        raise AzureFault(
            "ReadOnlyDisabledSubscription",
            f"The subscription '{match[1]}' is disabled and therefore marked as read only. You cannot perform any "
            "write actions on this subscription until it is re-enabled.",
        )
    cloud.locks.check(call.request.method, path)
    call = _in_case(_by_policy(call, route))
    _check_guard(call, route)
    return call


def _by_policy(call: Call, route: Route) -> Call:
    kind = _type_of(call.request.path)
    policy = call.azure.cloud.azure_policy
    if call.request.method not in ("PUT", "PATCH") or not policy.applies(call.request.path, kind):
        return call
    thing = route.name.partition(".")[0]
    body = call.request.json
    tags = body.get("tags")
    if tags is None and call.request.method == "PATCH":
        tags = _tags_of(call)
    found = policy.applied(call.request.path, kind, tags or {}, taggable=thing in _TAGGABLE)
    if found == (tags or {}):
        return call
    return replace(call, request=replace(call.request, body=json.dumps(body | {"tags": found})))


def _in_case(call: Call) -> Call:
    body = call.request.json
    tags = body.get("tags")
    if not isinstance(tags, dict) or call.azure.cloud.tag_case is str:
        return call
    found = {call.azure.cloud.tag_case(name): value for name, value in tags.items()}
    return replace(call, request=replace(call.request, body=json.dumps(body | {"tags": found})))


def _tags_of(call: Call) -> dict[str, str] | None:
    """Return the tags that a resource has by now, which a PATCH without tags leaves as they are."""
    request = replace(call.request, method="GET", body="")
    route, parts = find(request)
    assert route is not None, "what can be changed can be read"
    return (route.answer(replace(call, request=request, parts=parts)).body or {}).get("tags")


def _check_guard(call: Call, route: Route) -> None:
    if "v" not in call.parts:
        return
    cloud, request, parts = call.azure.cloud, call.request, call.parts
    vault_id = (
        f"/subscriptions/{parts['s']}/resourceGroups/{parts['g']}"
        f"/providers/Microsoft.DataProtection/backupVaults/{parts['v']}"
    )
    cloud.guards.check(vault_id, route.name, request.path, request.json, cloud.now)
    if route.name in ("backupVaults.put", "backupVaults.patch") and cloud.guards.of(vault_id) is not None:
        cloud.guards.check_settings(vault_id, call.vault.properties, request.json.get("properties") or {})


def _type_of(path: str) -> str:
    """Return the type of the resource that a path is about."""
    _, found, provided = path.rpartition("/providers/")
    if not found:
        return "Microsoft.Resources/subscriptions/resourceGroups"
    parts = provided.split("/")
    return "/".join([parts[0], *parts[1::2]])
