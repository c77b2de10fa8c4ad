"""A request on its way to an answer: the parts of its path, pages, and the headers by which operations are followed."""

from __future__ import annotations

from dataclasses import dataclass

from azure_simulator.graph.index import Index
from azure_simulator.graph.quota import Quota
from azure_simulator.http import wire
from azure_simulator.http.messages import Request, Response
from azure_simulator.http.rights import Caller
from azure_simulator.http.versions import known_versions
from azure_simulator.model.azure import Azure
from azure_simulator.model.instance import Instance
from azure_simulator.model.operations import Operation
from azure_simulator.model.vaults import Vault

PAGE = 200
# What a caller would have to keep and send back: the real ones are some 3,300 characters long.
SIGNATURE = "&t=638772786972628059&c=" + "MIIHhzCCBm" * 290 + "&s=" + "x" * 340 + "&h=simulated"


@dataclass(frozen=True)
class Call:
    """A request on its way to an answer, with the parts of its path."""

    azure: Azure
    request: Request
    parts: dict[str, str]
    base: str
    activity: str
    caller: Caller
    index: Index
    quota: Quota

    @property
    def vault(self) -> Vault:
        return self.azure.vaults.get(self.parts["s"], self.parts["g"], self.parts["v"])

    @property
    def instance(self) -> Instance:
        return self.azure.instances.get(self.vault, self.parts["i"])

    def versions(self, provider: str) -> set[str]:
        """Return the api-versions of a provider."""
        return known_versions(provider)

    def version(self) -> str:
        return self.request.query.get("api-version", "")

    def polling(self, operation: Operation, vault: Vault, *, place: str = "vault") -> dict[str, str]:
        """Return the headers by which an operation is followed."""
        tail = f"?api-version={self.version()}{SIGNATURE}"
        provider = "providers/Microsoft.DataProtection"
        location = f"{self.base}/subscriptions/{vault.subscription}/{provider}/locations/{vault.location}"
        status = f"{self.base}{vault.id}/operationStatus/{operation.id}{tail}"
        if place == "location":
            group = f"{self.base}/subscriptions/{vault.subscription}/resourceGroups/{vault.group}"
            status = f"{group}/{provider}/locations/{vault.location}/operationStatus/{operation.id}{tail}"
        headers = {"Azure-AsyncOperation": status, "Retry-After": "10"}
        if operation.carries_result or place in ("location", "both"):
            headers["Location"] = f"{location}/operationResults/{operation.id}{tail}"
        return headers


def paged(call: Call, items: list[wire.Json]) -> Response:
    skip = int(call.request.query.get("$skipToken", "0") or 0)
    body: wire.Json = {"value": items[skip : skip + PAGE]}
    if len(items) > skip + PAGE:
        body["nextLink"] = f"{call.base}{call.request.path}?api-version={call.version()}&$skipToken={skip + PAGE}"
    return Response(200, body)
