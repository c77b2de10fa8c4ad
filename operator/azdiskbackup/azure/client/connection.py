"""One session, one credential, one pipeline for everything that is asked of Azure.

The pipeline has no retries (the engine decides when to ask again) and no automatic registration of providers (which
would block a worker without bound).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from azure.core.pipeline import policies
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.mgmt.authorization.aio import AuthorizationManagementClient
from azure.mgmt.core import AsyncARMPipelineClient
from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy
from azure.mgmt.dataprotection.aio import DataProtectionMgmtClient

from azdiskbackup.azure.client.credential import Credential, Login
from azdiskbackup.azure.client.error_table import of_response, translated
from azdiskbackup.azure.transport.correlation import CorrelationPolicy
from azdiskbackup.azure.transport.fence import Fence, FencePolicy
from azdiskbackup.azure.transport.metrics import Asked, MeterPolicy
from azdiskbackup.azure.transport.network import Network
from azdiskbackup.azure.transport.rate_limiter import RateLimiter
from azdiskbackup.azure.transport.throttle_gate import GatePolicy, OnThrottled, ThrottleGate
from azdiskbackup.errors import InvalidRequest
from azdiskbackup.settings import Settings

# From 2025-09-01 on the service refuses a vault whose soft delete is On instead of AlwaysOn, which can never be undone.
DATA_PROTECTION_API = "2025-07-01"

ClientT = TypeVar("ClientT")


class AzureConnection:
    """Clients that share a session; use it as an async context.

    Args:
        settings: where Azure is.
        now: the time.
        network: carries the requests.
        login: proves who we are.
        budget: what may be spent; without one, whatever Azure allows.
        fence: whether writes may be sent; without one, always.
        asked: is told of each request.
        throttled: is told when Azure asks to wait.

    Attributes:
        credential: what proves to Azure who we are, while the network is open.
    """

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], datetime],
        network: Network,
        login: Login,
        budget: RateLimiter | None = None,
        fence: Fence | None = None,
        *,
        asked: Asked = lambda operation, status, seconds: None,
        throttled: OnThrottled = lambda subscription, operation, seconds: None,
    ) -> None:
        self._settings = settings
        self._network = network
        self._login = login
        self._gate = ThrottleGate(now, throttled)
        self._asked = asked
        self._budget = budget or RateLimiter(now, share=1)
        self._fence = fence or Fence()
        self._clients: dict[tuple[Callable[..., Any], str], Any] = {}

    async def __aenter__(self) -> Self:
        """Open the network."""
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(self._network)
            self.credential = Credential(self._login(self._settings, self._network.transport()))
            opened.push_async_callback(self.credential.close)
            self._opened = opened.pop_all()
        self._arm: AsyncARMPipelineClient[HttpRequest, AsyncHttpResponse] = AsyncARMPipelineClient(
            base_url=self._settings.arm_endpoint,
            policies=self._policies(parse=False),
            transport=self._network.transport(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the network."""
        await self._opened.aclose()

    def _policies(self, *, parse: bool = True) -> list[Any]:
        """Return the steps of a request; whoever parses the answer itself does not want it parsed before."""
        return [
            policies.RequestIdPolicy(),
            policies.HeadersPolicy(),
            policies.UserAgentPolicy(base_user_agent="azdiskbackup"),
            policies.ProxyPolicy(),
            # Before the budget: what may not be written costs nothing.
            FencePolicy(self._fence, timedelta(seconds=self._settings.request_timeout_seconds)),
            GatePolicy(self._gate, self._budget),
            *([policies.ContentDecodePolicy()] if parse else []),
            AsyncARMChallengeAuthenticationPolicy(self.credential, self._settings.arm_scope),
            policies.CustomHookPolicy(),
            CorrelationPolicy(),
            MeterPolicy(self._asked),
        ]

    def data_protection(self, subscription: str) -> DataProtectionMgmtClient:
        """Return the client of Azure Backup for a subscription."""
        return self._client(DataProtectionMgmtClient, subscription, api_version=DATA_PROTECTION_API)

    def authorization(self, subscription: str) -> AuthorizationManagementClient:
        """Return the client of role assignments for a subscription."""
        return self._client(AuthorizationManagementClient, subscription)

    def _client(self, kind: Callable[..., ClientT], subscription: str, **options: str) -> ClientT:
        """Return the SDK's one client of a kind for a subscription."""
        key = kind, subscription.lower()
        if key not in self._clients:
            self._clients[key] = kind(
                self.credential,
                subscription,
                base_url=self._settings.arm_endpoint,
                credential_scopes=[self._settings.arm_scope],
                policies=self._policies(),
                transport=self._network.transport(),
                **options,
            )
        client: ClientT = self._clients[key]
        return client

    async def send(
        self, method: str, path: str, api_version: str, body: Mapping[str, Any] | None = None
    ) -> AsyncHttpResponse:
        """Send a request to Resource Manager; raise for an answer of 400 or more."""
        request = HttpRequest(
            method, f"{self._settings.arm_endpoint}{path}", params={"api-version": api_version}, json=body
        )
        return await self._exchange(request)

    async def get_operation(self, url: str) -> AsyncHttpResponse:
        """Read an operation by the URL that Azure gave, which must lead to Azure: it gets our token."""
        if urlsplit(url).netloc.lower() != urlsplit(self._settings.arm_endpoint).netloc.lower():
            raise InvalidRequest("ForeignOperation", f"Azure named an operation on another host: {url[:200]}")
        return await self._exchange(HttpRequest("GET", url))

    async def _exchange(self, request: HttpRequest) -> AsyncHttpResponse:
        with translated():
            response = await self._arm.send_request(request)
            if response.status_code >= 400:
                await response.read()
        # The bare pipeline raises nothing for an answer, whatever its status.
        if response.status_code >= 400:
            raise of_response(response.status_code, json_object(response), response.headers)
        return response


def json_object(response: AsyncHttpResponse) -> Mapping[str, Any]:
    """Return the body of an answer; an empty one where it is no object, or no JSON at all."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, Mapping) else {}
