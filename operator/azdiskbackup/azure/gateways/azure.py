"""One gateway for each thing of Azure: what the reconcilers may ask, and nothing more.

Verbs: ``get`` and ``list`` read, ``submit_…`` sends one write and does not await its end, ``check`` looks how far an
operation got. A missing thing is ``NotFound``, everything else that goes wrong is raised as one of ``errors``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from azdiskbackup.azure.client.connection import AzureConnection
from azdiskbackup.azure.client.error_codes import GROUP_MISSING, MISSING
from azdiskbackup.azure.gateways.backups import Backups
from azdiskbackup.azure.gateways.gateway import AnswerT
from azdiskbackup.azure.gateways.instances import Instances
from azdiskbackup.azure.gateways.operations import Operations
from azdiskbackup.azure.gateways.resource_graph import Graph
from azdiskbackup.azure.gateways.resources import Resources, RoleAssignments
from azdiskbackup.azure.gateways.restores import Restores
from azdiskbackup.azure.gateways.vaults import Policies, Vaults
from azdiskbackup.azure.transport.request_scope import best_effort
from azdiskbackup.core.identity.arm_ids import ArmId, same_id
from azdiskbackup.core.rules.lookup import NOT_FETCHED, NOT_FOUND, FetchFailed, NotFetched, NotFound
from azdiskbackup.errors import OperatorError, RateLimited


class Listed(Protocol):
    """What a list shows, with its ARM id."""

    @property
    def id(self) -> ArmId:
        """Return the ARM id."""


ListedT = TypeVar("ListedT", bound=Listed)


class Azure:
    """All gateways, over one connection."""

    def __init__(self, connection: AzureConnection) -> None:
        self.vaults = Vaults(connection)
        self.policies = Policies(connection)
        self.instances = Instances(connection)
        self.backups = Backups(connection)
        self.restores = Restores(connection)
        self.roles = RoleAssignments(connection)
        self.resources = Resources(connection)
        self.operations = Operations(connection)
        self.graph = Graph(connection)


async def capture_error(answer: Awaitable[AnswerT]) -> AnswerT | FetchFailed:
    """Return an answer of Azure, or its error as a value: rules see errors, they do not catch them."""
    try:
        return await answer
    except OperatorError as error:
        return FetchFailed(error)


async def find_listed(
    listed: Awaitable[Iterable[ListedT]], id_: ArmId, parents: Callable[[], Awaitable[Iterable[Listed]]] | None = None
) -> ListedT | NotFound | FetchFailed:
    """Return what two GETs did not find, if a list shows it, which is another source; or the list's error.

    Two GETs may fail alike: Resource Manager answers both from one place. So may the list: only where not even its
    resource group exists, or another list shows that its vault does not, nothing in it does.

    Args:
        listed: what there is in that group or vault.
        id_: which of it.
        parents: reads the list in which the vault would be, where the first is one of a vault.
    """
    found = await capture_error(listed)
    if not isinstance(found, FetchFailed):
        return next((each for each in found if same_id(each.id, id_)), NOT_FOUND)
    if found.error.code == GROUP_MISSING:
        return NOT_FOUND
    if found.error.code in MISSING and parents is not None:
        parent = await find_listed(parents(), id_.parent)
        return NOT_FOUND if isinstance(parent, NotFound) else found
    return found


async def capture_if_allowed(answer: Awaitable[AnswerT]) -> AnswerT | FetchFailed | NotFetched:
    """Return an answer of Azure or its error; NotFetched, without waiting for it, if it is not our turn to ask."""
    try:
        with best_effort():
            return await capture_error(answer)
    except RateLimited:
        return NOT_FETCHED
