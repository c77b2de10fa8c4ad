"""`check`: the installation, the caller's rights, the clocks and Azure; each finding with its cure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from importlib.metadata import version

from rich.padding import Padding
from rich.text import Text

from azdiskbackup.api.v1alpha1.base import GROUP, VERSION
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.reason_catalog import REASON_CATALOG
from azdiskbackup.core.rules import reasons
from azdiskbackup.errors import AccessDenied, CannotStart, OperatorError
from azdiskbackup.kube import crds as definitions
from azdiskbackup.kube.client import NotFoundError
from azdiskbackup.plugin.cluster.client import POLICIES, VAULTS, Cluster, arm_id_of, sentence_of
from azdiskbackup.plugin.cluster.installation import operator_of
from azdiskbackup.plugin.output.formatting import State, short
from azdiskbackup.plugin.output.printer import Printer, Shape
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode

_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
# What the commands need, and which of them do without.
_RIGHTS = (
    ("list", GROUP, "protecteddisks", True, "every command"),
    ("create", GROUP, "ondemandbackups", True, "backup"),
    ("list", "", "persistentvolumeclaims", True, "unprotected, orphans"),
    ("list", "", "persistentvolumes", False, "unprotected, which goes by annotations without it"),
    ("list", GROUP, "diskbackuppolicies", False, "timeline and describe, which do without schedules"),
    ("list", GROUP, "backupvaults", False, "orphans"),
    ("list", "", "namespaces", False, "orphans"),
    ("list", "apps", "deployments", False, "status, which does without the operator's state"),
    ("list", "coordination.k8s.io", "leases", False, "status, which does without the operator's state"),
)
VERSION_HERE = version("azdiskbackup")
# More confuses whoever compares times, and breaks tokens.
_SKEW_SECONDS = 60


class Finding(Shape, frozen=True, kw_only=True):
    """What was looked at, how it is, and what to do about it."""

    what: str
    state: str
    detail: str
    remediation: str = ""


async def run(cluster: Cluster, printer: Printer, *, azure: bool) -> ExitCode:
    """Look at everything."""
    found = [finding async for finding in _all(cluster, azure=azure)]
    cluster.hidden.clear()
    if printer.structured:
        printer.data(found)
    else:
        show(found, printer)
    return ExitCode.NOT_WELL if any(each.state == State.ACTION_REQUIRED.name for each in found) else ExitCode.DONE


async def _all(cluster: Cluster, *, azure: bool) -> AsyncIterator[Finding]:
    yield await _api_server(cluster)
    for finding in await asyncio.gather(_kinds(cluster), _operator(cluster), _clock(cluster)):
        yield finding
    for finding in await _rights(cluster):
        yield finding
    for kind, what in (("BackupVault", VAULTS), ("DiskBackupPolicy", POLICIES)):
        try:
            objects = await cluster.all_if_allowed(what)
        except CliError as trouble:
            # What else there is to be found is told all the same.
            yield _bad(f"{kind}s", trouble.user_message, "See what is said of the kinds above.")
            continue
        for finding in _ready(kind, objects):
            yield finding
        for vault in _ids(objects) if azure and what is VAULTS else ():
            yield await _vault(vault)


def _good(what: str, detail: str) -> Finding:
    return Finding(what=what, state=State.GOOD.name, detail=detail)


def _bad(what: str, detail: str, remediation: str) -> Finding:
    return Finding(what=what, state=State.ACTION_REQUIRED.name, detail=detail, remediation=remediation)


def _unknown(what: str, detail: str, remediation: str) -> Finding:
    return Finding(what=what, state=State.UNKNOWN.name, detail=detail, remediation=remediation)


async def _api_server(cluster: Cluster) -> Finding:
    what = "API server"
    try:
        version = await cluster.kube.get("/version")
    except OperatorError as error:
        return _bad(what, sentence_of(error, cluster.server), "Choose another --context, or look at the network.")
    return _good(what, f"{cluster.server} answers, version {version.get('gitVersion', 'unknown')}.")


async def _kinds(cluster: Cluster) -> Finding:
    what = "Kinds"
    try:
        await definitions.check(cluster.kube)
    except CannotStart as error:
        return _bad(what, error.user_message, "Install or upgrade the chart with crds.enabled=true.")
    except AccessDenied:
        return await _served(cluster)
    except OperatorError as error:
        return _unknown(what, error.user_message, "Try again.")
    return _good(what, f"All four CustomResourceDefinitions are as version {VERSION_HERE} needs them.")


async def _served(cluster: Cluster) -> Finding:
    """Whoever may not read the definitions sees at least whether they are served."""
    try:
        await cluster.kube.get(f"/apis/{GROUP}/{VERSION}")
    except NotFoundError:
        return _bad("Kinds", f"The cluster does not serve {GROUP}/{VERSION}.", "Install the chart.")
    except OperatorError as error:
        return _unknown("Kinds", error.user_message, "Try again.")
    return _good("Kinds", f"{GROUP}/{VERSION} is served; you may not see of which version the definitions are.")


async def _operator(cluster: Cluster) -> Finding:
    what = "Operator"
    try:
        found = await operator_of(cluster)
    except CliError as trouble:
        return _unknown(what, trouble.user_message, "Try again.")
    if found is None:
        return _unknown(what, "You may not see it.", "Ask somebody who may list deployments and leases.")
    detail = (
        f"In the namespace {found.namespace}: {found.user_message}." if found.namespace else f"It {found.user_message}."
    )
    if found.leads is False:
        pods = f"kubectl get pods -n {found.namespace or 'NAMESPACE'}"
        return _bad(what, detail, f"`{pods}` shows why: a pod that cannot start says it in its status.")
    if found.version and found.version != VERSION_HERE:
        return _unknown(what, f"{detail} This command is version {VERSION_HERE}.", "Use the same version of both.")
    return _good(what, detail)


async def _clock(cluster: Cluster) -> Finding:
    what = "Clock"
    try:
        theirs = await cluster.kube.server_time()
    except OperatorError as error:
        return _unknown(what, error.user_message, "Try again.")
    if theirs is None:
        return _unknown(what, "The API server does not say what time it is.", "Nothing is to be done.")
    skew = theirs - datetime.now(UTC)
    if abs(skew.total_seconds()) > _SKEW_SECONDS:
        return _bad(what, f"This machine and the API server differ by {short(abs(skew))}.", "Set the clock.")
    return _good(what, "This machine and the API server agree on the time.")


async def _rights(cluster: Cluster) -> list[Finding]:
    return list(
        await asyncio.gather(
            *(_right(cluster, verb, group, plural, home, use) for verb, group, plural, home, use in _RIGHTS)
        )
    )


async def _right(cluster: Cluster, verb: str, group: str, plural: str, home: bool, use: str) -> Finding:
    attributes = {"verb": verb, "group": group, "resource": plural} | ({"namespace": cluster.namespace} if home else {})
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    place = f" in {cluster.namespace or 'all namespaces'}" if home else ""
    what = f"May {verb} {plural}{place}"
    try:
        allowed = (await cluster.kube.create(_REVIEW, review)).get("status", {}).get("allowed")
    except OperatorError as error:
        return _unknown(what, error.user_message, "Try again.")
    if allowed:
        return _good(what, f"For {use}.")
    remediation = f"Ask for the right, for: {use}."
    # A team that sees its own namespace only has all that it needs.
    return _bad(what, "No.", remediation) if home else _unknown(what, "No.", remediation)


def _ready(kind: str, objects: list[Resource] | None) -> Iterable[Finding]:
    for each in objects or []:
        ready = each.condition(reasons.READY)
        what = f"{kind} {each.name}"
        if ready.get("status") == "True":
            yield _good(what, str(ready.get("message")))
        else:
            reason = str(ready.get("reason", ""))
            remediation = (
                REASON_CATALOG[reason].remediation if reason in REASON_CATALOG else "Look whether the operator runs."
            )
            yield _bad(what, f"{reason or 'Not looked at yet'}: {ready.get('message', '')}", remediation)


def _ids(vaults: list[Resource] | None) -> list[ArmId]:
    known = (arm_id_of(each.status.get("vaultID")) for each in vaults or [])
    return [each for each in known if each is not None]


async def _vault(vault: ArmId) -> Finding:
    from azdiskbackup.core.rules.lookup import NotFound
    from azdiskbackup.plugin.cluster.azure_account import READER, azure_of, not_ready_reason

    what = f"Vault {vault.name} in Azure"
    async with azure_of(vault.subscription) as azure:
        try:
            found = await azure.vaults.get(vault)
        except OperatorError as error:
            remediation = (
                f"`az login`, or the role {READER}: for orphans and all restore points, nothing else needs it."
            )
            return _unknown(what, not_ready_reason(error, str(vault)), remediation)
    if isinstance(found, NotFound):
        return _bad(what, "It does not exist, or you may not see it.", f"Ask for the role {READER} on it.")
    return _good(what, f"You may read it; it is {found.provisioning_state}.")


def show(found: list[Finding], printer: Printer) -> None:
    """Write the findings, and how many are not good."""
    for each in found:
        state = State[each.state]
        printer.show(Text.assemble(state.sign(printer.out.encoding), " ", (f"{each.what}: ", "bold"), each.detail))
        if state is not State.GOOD and each.remediation:
            printer.show(Padding(Text(each.remediation, style="dim"), (0, 0, 0, 2)))
    bad = sum(each.state == State.ACTION_REQUIRED.name for each in found)
    unknown = sum(each.state == State.UNKNOWN.name for each in found)
    rest = f", {unknown} not known" if unknown else ""
    printer.show(Text(f"\n{len(found) - bad - unknown} good, {bad} bad{rest}.", style="red" if bad else "green"))
