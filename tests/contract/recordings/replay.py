"""Recorded traffic of disks, and a simulator that it is replayed to, request by request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import yaml

from azure_simulator.http import tokens
from azure_simulator.http.messages import Request, Response
from azure_simulator.http.service import Service
from azure_simulator.model.azure import Azure
from azure_simulator.model.roles import DISK_BACKUP_READER, DISK_RESTORE_OPERATOR, DISK_SNAPSHOT_CONTRIBUTOR
from harness.openapi import DATA

RECORDINGS = DATA / "recordings"
ZERO = "00000000-0000-0000-0000-000000000000"
GROUP = "clitest-dpp-rg"
HOST = "https://management.azure.com"
RECORDED_SUBSCRIPTION = "38304e13-357e-405e-9e9a-220351dcce8c"
# Not about disks: named, so that nothing is left out silently.
NOT_COMPARED = {
    "blobpolicy": "a policy for blobs",
    "osspolicy": "a policy for PostgreSQL",
    "akspolicy": "a policy for AKS",
    "fetchCrossRegionRestoreJobs": "cross-region restore is not for disks",
    "fetchSecondaryRecoveryPoints": "cross-region restore is not for disks",
}


@dataclass(frozen=True)
class Recorded:
    """One recorded request and its answer."""

    method: str
    uri: str
    body: str
    status: int
    headers: dict[str, str]
    answer: Any

    @property
    def when(self) -> datetime:
        return parsedate_to_datetime(self.headers["date"])


def recorded(name: str) -> Iterator[Recorded]:
    """Yield the calls of a recording that are compared, without the queries."""
    return (call for call in everything(name) if "Microsoft.ResourceGraph" not in call.uri)


def queries(name: str) -> Iterator[Recorded]:
    """Yield the queries to Resource Graph of a recording."""
    return (call for call in everything(name) if "Microsoft.ResourceGraph" in call.uri)


def everything(name: str) -> Iterator[Recorded]:
    """Yield the calls of a recording that are compared."""
    path = RECORDINGS / f"test_dataprotection_{name.removeprefix('test_dataprotection_')}.yaml"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for call in yaml.load(path.read_text(), Loader=loader)["interactions"]:  # noqa: S506 - a safe loader
        request, response = call["request"], call["response"]
        if any(mark in request["uri"] for mark in NOT_COMPARED):
            continue
        text = response["body"]["string"]
        yield Recorded(
            request["method"],
            request["uri"],
            request["body"] or "",
            response["status"]["code"],
            {key.lower(): values[0] for key, values in response["headers"].items()},
            json.loads(text) if text else None,
        )


class Replay:
    """A simulator in the state in which the recording began, and the ids that stand for the recorded ones."""

    def __init__(self, start: datetime) -> None:
        self.azure = Azure(start)
        self.service = Service(self.azure)
        self.service.base = HOST
        self.service.callers.seed({"clientID": "someone"})
        self.azure.cloud.add_subscription(ZERO)
        self._ids: dict[str, str] = {}

    def ask(self, method: str, path: str, body: Any = None, version: str = "2024-04-01") -> Response:
        joint = "&" if "?" in path else "?"
        url = path if "api-version" in path else f"{path}{joint}api-version={version}"
        text = body if isinstance(body, str) else json.dumps(body) if body is not None else ""
        headers = {"authorization": f"Bearer {tokens.token_for('someone')}", "x-ms-client-request-id": ZERO}
        return self.service.handle(Request(method, url, headers, text))

    def protected_world(
        self, vault: str, disk: str, instance: str | None = None, policy: str = "diskpolicy", soft_delete: str = "On"
    ) -> None:
        """Make a vault with rights, a policy and a disk; with an instance, if it was there before."""
        cloud = self.azure.cloud
        cloud.knobs.set(
            {"role_propagation": 0, "validation": 41, "restore_validation": 41, "configuration": 45, "backup": 216.03}
        )
        cloud.put_group(ZERO, GROUP, "centraluseuap")
        group = f"/subscriptions/{ZERO}/resourceGroups/{GROUP}"
        source = cloud.find_disk(f"{group}/providers/Microsoft.Compute/disks/{disk}") or cloud.add_disk(
            ZERO, GROUP, disk, "centraluseuap", 4, "Standard_LRS"
        )
        root = f"{group}/providers/Microsoft.DataProtection/backupVaults/{vault}"
        soft = {"softDeleteSettings": {"state": soft_delete, "retentionDurationInDays": 14.0}}
        store = {"datastoreType": "VaultStore", "type": "LocallyRedundant"}
        given = {
            "location": "centraluseuap",
            "identity": {"type": "SystemAssigned"},
            "properties": {"storageSettings": [store], "securitySettings": soft},
        }
        principal = (self.ask("PUT", root, given).body or {})["identity"]["principalId"]
        put = next(call for call in recorded("backup_policy_create_and_delete") if call.uri.count("diskpolicy"))
        assert self.ask("PUT", f"{root}/backupPolicies/{policy}", put.body).status == 200
        definition = f"/subscriptions/{ZERO}/providers/Microsoft.Authorization/roleDefinitions"
        for role, scope in (
            (DISK_BACKUP_READER, source.id),
            (DISK_SNAPSHOT_CONTRIBUTOR, group),
            (DISK_RESTORE_OPERATOR, group),
        ):
            name = cloud.timeline.new_id()
            cloud.access.assign(scope, name, f"{definition}/{role}", principal, "ServicePrincipal")
        if instance:
            body = next(
                call.body for call in recorded("backup_instance_create_backup_delete_disk") if call.method == "PUT"
            )
            body = body.replace("clitest-bkp-vault-donotdelete", vault).replace("clitest-disk-donotdelete", disk)
            # It was made in the portal, without tags.
            given = json.loads(body.replace("/diskpolicy", f"/{policy}"))
            del given["tags"]
            assert self.ask("PUT", f"{root}/backupInstances/{instance}", given).status == 201

    def answer(self, call: Recorded) -> Response:
        """Answer a recorded request at its time, with our ids in the place of the recorded ones."""
        self.azure.cloud.timeline.advance(call.when)
        url = call.uri.removeprefix(HOST)
        for theirs, ours in self._ids.items():
            url = url.replace(theirs, quote(ours)).replace(quote(theirs, safe=""), quote(ours))
        body = call.body.replace(RECORDED_SUBSCRIPTION, ZERO)
        for theirs, ours in self._ids.items():
            body = body.replace(theirs, ours)
        response = self.ask(call.method, url, body)
        self._learn(call, response)
        return response

    def _learn(self, call: Recorded, response: Response) -> None:
        ours = {name.lower(): value for name, value in response.headers.items()}
        for name in ("azure-asyncoperation", "location"):
            if name in call.headers and name in ours:
                self._ids[_last(call.headers[name])] = _last(ours[name])
        if "/recoveryPoints" in call.uri and isinstance(call.answer, dict) and "value" in call.answer:
            for theirs, mine in zip(call.answer["value"], (response.body or {})["value"], strict=False):
                self._ids[theirs["name"]] = mine["name"]
        theirs_job, our_job = _job(call.answer), _job(response.body)
        if theirs_job and our_job:
            self._ids[theirs_job] = our_job

    def run(self, name: str) -> str:
        """Replay a whole recording; return how much of it was answered alike, which is all.

        How long an operation took was Azure's affair: it takes as long here.
        """
        calls = list(everything(name))
        spans = _spans(calls)
        for number, call in enumerate(calls):
            if number in spans:
                takes = ("change", "validation", "restore_validation", "vault_provisioning")
                self.azure.cloud.knobs.set(dict.fromkeys(takes, spans[number]))
            response = self.answer(call)
            if "Microsoft.ResourceGraph" in call.uri:
                compare_query(call, response)
            else:
                compare(call, response)
        return f"{len(calls)} of {len(calls)} requests of {name} are answered as recorded"


def _spans(calls: list[Recorded]) -> dict[int, float]:
    """Return how long the operations took that a recording follows to their end, in seconds, by who started them."""
    found = {}
    for number, call in enumerate(calls):
        if "azure-asyncoperation" not in call.headers or call.method == "GET":
            continue
        name = _last(call.headers["azure-asyncoperation"])
        ended = next(
            (
                each
                for each in calls[number:]
                if unquote(each.uri).split("?")[0].endswith(name) and (each.answer or {}).get("status") == "Succeeded"
            ),
            None,
        )
        if ended is not None:
            end = min(datetime.fromisoformat(ended.answer["endTime"]), ended.when)
            found[number] = max(0.0, (end - call.when).total_seconds())
    return found


def _last(url: str) -> str:
    return unquote(urlsplit(url).path.rsplit("/", 1)[1])


def _job(body: Any) -> str | None:
    found = ((body or {}).get("properties") or {}).get("jobId") if isinstance(body, dict) else None
    return str(found).rsplit("/", 1)[1] if found else None


def shape(value: Any) -> Any:
    """Return the members of a value with their JSON types; of a list what its elements have."""
    if isinstance(value, dict):
        return {key: shape(member) for key, member in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "null" if value is None else type(value).__name__


STATES = {"status", "currentProtectionState", "provisioningState", "taskStatus", "objectType", "state", "operation"}


def states(value: Any) -> list[tuple[str, str]]:
    """Return what a value says of states, wherever it stands."""
    found = []
    if isinstance(value, dict):
        for key, member in sorted(value.items()):
            if key in STATES and isinstance(member, str):
                found.append((key, member))
            found += states(member)
    if isinstance(value, list):
        for member in value:
            found += states(member)
    return found


def polling(headers: dict[str, str]) -> dict[str, str]:
    """Return the polling headers with their ids blotted out."""
    found = {name.lower(): value for name, value in headers.items()}
    return {
        name: re.sub(r"/[^/]+$", "/*", urlsplit(found[name]).path).lower()
        for name in ("azure-asyncoperation", "location")
        if name in found
    }


def compare(call: Recorded, response: Response) -> None:
    """Assert that an answer is as recorded; of lists the first row counts."""
    where = f"{call.method} {urlsplit(call.uri).path}"
    assert response.status == call.status, (where, response.body)
    assert polling(response.headers) == polling(call.headers), where
    ours = {name.lower() for name in response.headers}
    assert {name for name in call.headers if name.startswith("x-ms-ratelimit")} <= ours, where
    assert shape(response.body) == shape(call.answer), where
    assert states(_first(response.body)) == states(_first(call.answer)), where
    if response.status >= 400:
        assert _error(response.body) == _error(call.answer), where


def _first(body: Any) -> Any:
    return body["value"][:1] if isinstance(body, dict) and "value" in body else body


def _error(body: Any) -> tuple[str, str, Any]:
    error = body["error"]
    info = [each["info"] for each in error.get("additionalInfo") or ()]
    flags = [(each["recommendedAction"], each["isRetryable"], each["isUserError"], each["target"]) for each in info]
    return error["code"], error["message"], flags


ENVELOPE = {"totalRecords", "count", "data", "facets", "resultTruncated"}


def compare_query(call: Recorded, response: Response) -> None:
    """Assert that an answer of Resource Graph is as recorded, its first row column by column."""
    assert response.status == call.status and response.body is not None
    assert response.body.keys() == call.answer.keys() == ENVELOPE
    assert {name for name in call.headers if name.startswith(("x-ms-user-quota", "x-ms-ratelimit"))} <= {
        name.lower() for name in response.headers
    }
    for ours, theirs in list(zip(response.body["data"], call.answer["data"], strict=False))[:1]:
        assert list(ours) == list(theirs), "the columns, in their order"
        for column in theirs.keys() - {"properties", "tags", "identity"}:
            assert shape(ours[column]) == shape(theirs[column]), column
        # What is null in one may have a value in the other; the members are the same.
        assert members(ours["properties"]) == members(theirs["properties"])


def members(value: Any) -> Any:
    """Return the names of the members of a value, those of nulls left out on both sides."""
    if isinstance(value, dict):
        return {key: members(member) for key, member in value.items() if key not in OPTIONAL}
    return None


# Written by the client or not, or only of vaults with what is not simulated.
OPTIONAL = {"dataSourceSetInfo", "identityDetails", "featureSettings", "replicatedRegions", "immutabilitySettings"}
