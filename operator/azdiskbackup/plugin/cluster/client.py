"""The cluster as the caller may see it; what goes wrong is said in a sentence that tells what to do."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from azdiskbackup.api.v1alpha1.names import GROUP
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.resource import Invalid, Resource, parse_spec
from azdiskbackup.errors import AccessDenied, InvalidRequest, OperatorError
from azdiskbackup.kube.client import KubeClient, NotFoundError
from azdiskbackup.kube.kubeconfig.connection import KubeConnection
from azdiskbackup.kube.kubeconfig.reading import connection, contexts, from_kubeconfig
from azdiskbackup.kube.threaded_exchange import ThreadedExchange
from azdiskbackup.kube.watched import CLAIM, NAMESPACE, OURS, WatchedResource
from azdiskbackup.plugin.cluster.error_sentences import sentence_of
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode, suggest
from azdiskbackup.plugin.runtime.options import Options

if TYPE_CHECKING:
    from azdiskbackup.api.v1alpha1.disk_backup_policy import DiskBackupPolicySpec

AnswerT = TypeVar("AnswerT")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")

VAULTS, POLICIES, DISKS, BACKUPS, RESTORES, RULES = OURS
# What may stand before the name of a disk, as kubectl prints it or takes it.
_TYPES = {
    *("pdisk", DISKS.plural, DISKS.kind.lower(), f"{DISKS.kind.lower()}.{GROUP}", f"{DISKS.plural}.{GROUP}"),
    *("pvc", CLAIM.plural, CLAIM.kind.lower()),
}
LEASES = WatchedResource("Lease", "coordination.k8s.io", "v1", "leases", lambda raw: raw)
DEPLOYMENTS = WatchedResource("Deployment", "apps", "v1", "deployments", lambda raw: raw)
EVENTS = WatchedResource("Event", "events.k8s.io", "v1", "events", lambda raw: raw)
# The claims with what a person wants to know of them.
WHOLE_CLAIMS = WatchedResource("PersistentVolumeClaim", "", "v1", CLAIM.plural, lambda raw: raw)


class ProtectedVolume(NamedTuple):
    """The disk that an object protects, in lower case, and the volume by which it came to it; empty for none."""

    disk_id: str
    volume: str


class Cluster:
    """The API server, asked as the caller; use it as an async context.

    Attributes:
        hidden: what could not be read for want of a right, in the API server's words.
    """

    def __init__(self, options: Options) -> None:
        if options.namespace is not None and not _NAMESPACE.fullmatch(options.namespace):
            raise CliError(f"invalid namespace name {options.namespace!r}", ExitCode.USAGE)
        self._options = options
        self._connection = _connect(options)
        self.kube = KubeClient(ThreadedExchange(self._connection))
        self.hidden: list[str] = []

    async def __aenter__(self) -> Self:
        """Open the session."""
        try:
            await self.kube.__aenter__()
        except OperatorError as error:
            raise CliError(_of_kubeconfig(error, self._options)) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session."""
        await self.kube.__aexit__(kind, error, trace)

    @property
    def server(self) -> str:
        """Return the address of the API server."""
        return self._connection.server

    @property
    def namespace(self) -> str:
        """Return the namespace that is looked at; empty for all."""
        return "" if self._options.all_namespaces else self.home

    @property
    def home(self) -> str:
        """Return the namespace that was named, or that of the context."""
        return self._options.namespace or self._connection.namespace

    @property
    def where(self) -> str:
        """Return where it is looked, for a sentence: ``in the namespace shop``, ``in any namespace``."""
        return f"in the namespace {self.namespace}" if self.namespace else "in any namespace"

    @property
    def now(self) -> datetime:
        """Return the time from which ages are told.

        ``AZDISKBACKUP_NOW`` overrides it, for whoever looks at objects of another time.
        """
        given = os.environ.get("AZDISKBACKUP_NOW")
        return datetime.fromisoformat(given) if given else datetime.now(UTC)

    async def all(self, what: WatchedResource, namespace: str = "", **selected: str) -> list[Resource]:
        """Return all objects of a resource.

        Raises:
            CliError: they cannot be read.
        """
        return [each async for each in self.each(what, namespace, **selected)]

    async def each(self, what: WatchedResource, namespace: str = "", **selected: str) -> AsyncIterator[Resource]:
        """Yield all objects of a resource, one after the other: there may be more than should be in memory.

        Raises:
            CliError: they cannot be read.
        """
        try:
            async for raw in self.kube.list_all(what, namespace, **selected):
                yield Resource(raw)
        except OperatorError as error:
            raise self._trouble(error, what) from error

    async def all_if_allowed(
        self, what: WatchedResource, namespace: str = "", **selected: str
    ) -> list[Resource] | None:
        """Return all objects of a resource; None, and a note, where the caller may not read them."""
        return await self.if_allowed(self.all(what, namespace, **selected))

    async def list_visible(
        self, what: WatchedResource, show: Callable[[Resource], AnswerT]
    ) -> tuple[list[AnswerT], str]:
        """Return what is told of each object of the cluster, or of the one namespace that the caller may see; which."""

        async def shown(place: str) -> list[AnswerT]:
            return [show(each) async for each in self.each(what, place)]

        named = self._options.namespace is not None and not self._options.all_namespaces
        everywhere = await self.if_allowed(shown("")) if not named else None
        return (everywhere, "") if everywhere is not None else (await shown(self.home), self.home)

    async def disk(self, name: str) -> Resource:
        """Return a ProtectedDisk of the namespace, by its name or by that of its PVC.

        Raises:
            CliError: there is none; the sentence suggests others.
        """
        name = self.named(name)
        found = await self.get_or_none(DISKS, self.home, name)
        if found is not None:
            return found
        disks = await self.all(DISKS, self.home)
        of_claim = [each for each in disks if name and claim_of(each) == name]
        if len(of_claim) == 1:
            return of_claim[0]
        if of_claim:
            both = ", ".join(each.name for each in of_claim)
            raise CliError(f"Several ProtectedDisks name the PVC {name!r}: {both}. Name one of them.")
        if not disks:
            await self.namespace_is_there()
        if await self.if_allowed(self.get_or_none(CLAIM, self.home, name), is_noted=False) is not None:
            raise CliError(
                f"PVC {name!r} in the namespace {self.home!r} is not protected. Backups of it may exist: `kubectl "
                f"azdiskbackup orphans -n {self.home}`. To protect it: `kubectl azdiskbackup unprotected -n "
                f"{self.home} --apply-policy POLICY | kubectl apply -f -`."
            )
        known = [each.name for each in disks] + [claim_of(each) for each in disks]
        elsewhere = "" if known else " Is it in another namespace (-n)?"
        raise CliError(
            f"ProtectedDisk {name!r} does not exist in the namespace {self.home!r}."
            f"{suggest(name, [each for each in known if each], carefully=True)}{elsewhere}"
        )

    def named(self, text: str) -> str:
        """Return the name of what was typed as TYPE/NAME or NAMESPACE/NAME; that namespace is looked at from now on.

        Raises:
            CliError: of the kind of a usage error, if another namespace was named as well.
        """
        place, slash, name = text.partition("/")
        if not slash or place.lower() in _TYPES:
            return name if slash else text
        if not _NAMESPACE.fullmatch(place) or "/" in name:
            return text
        if self._options.namespace not in (None, place):
            raise CliError(f"{text!r} is not in the namespace {self._options.namespace!r}", ExitCode.USAGE)
        self._options = replace(self._options, namespace=place)
        return name

    async def namespace_is_there(self) -> None:
        """Make sure that the namespace that was named exists, as far as the caller may see that.

        Raises:
            CliError: it does not; the sentence suggests others.
        """
        if self._options.namespace is None or self._options.all_namespaces:
            return
        try:
            names = [each.name for each in await self.all(NAMESPACE)]
        except CliError:
            return
        if self.home not in names:
            raise CliError(f"Namespace {self.home!r} does not exist.{suggest(self.home, names)}")

    async def policy_is_there(self, policy: str) -> None:
        """Make sure that a policy that was named exists, as far as the caller may see that.

        Raises:
            CliError: it does not; the sentence suggests others.
        """
        known = await self.all_if_allowed(POLICIES)
        names = [each.name for each in known or []]
        if known is not None and policy not in names:
            raise CliError(f"DiskBackupPolicy {policy!r} does not exist.{suggest(policy, names)}")

    async def policy_of(self, disk: Resource) -> DiskBackupPolicySpec | None:
        """Return what the policy of a disk says; None where it cannot be read."""
        # Completion lists names, and does without the models.
        from azdiskbackup.api.v1alpha1.disk_backup_policy import DiskBackupPolicySpec

        policy = await self.get_if_allowed(POLICIES, "", policy_name(disk))
        spec = parse_spec(DiskBackupPolicySpec, policy) if policy is not None else None
        return None if isinstance(spec, Invalid) else spec

    async def get_or_none(self, what: WatchedResource, namespace: str, name: str) -> Resource | None:
        """Return an object; None if it does not exist."""
        # What is no name would be another path.
        if not OBJECT_NAME.fullmatch(name):
            return None
        try:
            return Resource(await self.kube.get(f"{what.path_in(namespace)}/{name}"))
        except NotFoundError:
            return None
        except OperatorError as error:
            raise self._trouble(error, what) from error

    async def get_if_allowed(self, what: WatchedResource, namespace: str, name: str) -> Resource | None:
        """Return an object; None if it does not exist, or, with a note, where the caller may not read it."""
        return await self.if_allowed(self.get_or_none(what, namespace, name))

    async def if_allowed(self, asked: Awaitable[AnswerT], *, is_noted: bool = True) -> AnswerT | None:
        """Return an answer; None where the caller may not have it.

        Args:
            asked: asks for it.
            is_noted: whether that is said at the end; not where nothing is lost by it.
        """
        try:
            return await asked
        except CliError as trouble:
            if not isinstance(trouble.__cause__, AccessDenied):
                raise
            if is_noted:
                self.hidden.append(trouble.__cause__.message)
            return None

    async def create(self, what: WatchedResource, body: Mapping[str, Any], namespace: str) -> Resource:
        """Create an object; return it."""
        try:
            return Resource(await self.kube.create(what.path_in(namespace), body))
        except OperatorError as error:
            raise self._trouble(error, what) from error

    def _trouble(self, error: OperatorError, what: WatchedResource) -> CliError:
        return CliError(sentence_of(error, self.server, what))


def labelled(selector: str | None) -> dict[str, str]:
    """Return how the API server selects by labels."""
    return {"labelSelector": selector} if selector else {}


def vault_ids(vaults: Iterable[Resource]) -> list[ArmId]:
    """Return the ids of those vaults that exist in Azure."""
    known = (arm_id_of(each.status.get("vaultID")) for each in vaults)
    return [each for each in known if each is not None]


def arm_id_of(known: object) -> ArmId | None:
    """Return an ARM id that a status has; None where somebody wrote something else there."""
    try:
        return ArmId.parse(str(known)) if known else None
    except ValueError:
        return None


def policy_name(disk: Resource) -> str:
    """Return the name of the policy of a ProtectedDisk."""
    return str((disk.spec.get("policyRef") or {}).get("name", ""))


def claim_of(disk: Resource) -> str:
    """Return the name of the PVC that a ProtectedDisk protects; empty if it names a disk."""
    source = disk.spec.get("source") or {}
    return str((source.get("persistentVolumeClaim") or {}).get("name", ""))


def protected_of(disk: Resource) -> ProtectedVolume | None:
    """Return what a ProtectedDisk protects, by its status; None as long as it says nothing."""
    known = disk.status.get("disk")
    if not isinstance(known, dict) or not known.get("id"):
        return None
    return ProtectedVolume(str(known["id"]).lower(), str(known.get("persistentVolume") or ""))


async def gather_in_order(*asked: Any) -> Any:
    """Return the answers to several questions that were asked at the same time.

    Of several that fail the first one in order is raised: whichever failed first would differ each time.
    """
    answers = await asyncio.gather(*asked, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers


def _connect(options: Options) -> KubeConnection:
    try:
        return from_kubeconfig(options.kubeconfig, options.context)
    except InvalidRequest as error:
        if options.context is None and options.kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ:
            return connection(None)
        raise CliError(_of_kubeconfig(error, options)) from error


def _of_kubeconfig(error: OperatorError, options: Options) -> str:
    known = contexts(options.kubeconfig)
    if options.context is not None and known and options.context not in known:
        return f"Context {options.context!r} does not exist in the kubeconfig.{suggest(options.context, known)}"
    remediation = " Name a kubeconfig with --kubeconfig or KUBECONFIG." if error.code == "BadKubeconfig" else ""
    return f"No cluster: {error.message.rstrip('.')}.{remediation}"
