"""`check`: the installation, the caller's rights, the clocks and Azure; each result with its remediation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from datetime import UTC, datetime

from rich.text import Text

from azdiskbackup import __version__
from azdiskbackup.api.v1alpha1.names import GROUP, VERSION
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.reason_catalog import REASON_CATALOG
from azdiskbackup.core.rules import reasons
from azdiskbackup.errors import AccessDenied, CannotStart, OperatorError
from azdiskbackup.kube import crds as definitions
from azdiskbackup.kube.client import NotFoundError
from azdiskbackup.plugin.cluster.client import POLICIES, VAULTS, Cluster, vault_ids
from azdiskbackup.plugin.cluster.error_sentences import sentence_of
from azdiskbackup.plugin.cluster.installation import operator_of
from azdiskbackup.plugin.output.formatting import State, short
from azdiskbackup.plugin.output.printer import Printer, Shape
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode

_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
# What the commands need, and which of them work without.
_RIGHTS = (
    ("list", GROUP, "protecteddisks", True, "every command"),
    ("create", GROUP, "ondemandbackups", True, "backup"),
    ("create", GROUP, "diskrestores", True, "restore"),
    ("list", "", "persistentvolumeclaims", True, "unprotected, orphans"),
    ("list", "", "persistentvolumes", False, "unprotected, which uses annotations without it"),
    ("list", GROUP, "diskbackuppolicies", False, "timeline and describe, which show no schedules without it"),
    ("list", GROUP, "backupvaults", False, "orphans"),
    ("list", "", "namespaces", False, "orphans"),
    ("list", "apps", "deployments", False, "status, which shows no operator without it"),
    ("list", "coordination.k8s.io", "leases", False, "status, which shows no operator without it"),
)
_MAY = "May "
# More confuses whoever compares times, and breaks tokens.
_SKEW_SECONDS = 60


class CheckResult(Shape, frozen=True, kw_only=True):
    """What was checked, the result, and what to do about it."""

    what: str
    state: State
    detail: str
    remediation: str = ""


async def run(cluster: Cluster, printer: Printer, *, azure: bool, verbose: bool) -> ExitCode:
    """Check everything."""
    found = [finding async for finding in _all(cluster, azure=azure)]
    cluster.hidden.clear()
    if printer.structured:
        printer.data(found)
    else:
        show(found, printer, verbose=verbose)
    return ExitCode.UNHEALTHY if any(each.state == State.ACTION_REQUIRED for each in found) else ExitCode.DONE


async def _all(cluster: Cluster, *, azure: bool) -> AsyncIterator[CheckResult]:
    yield await _api_server(cluster)
    installed = (("Kinds", _kinds(cluster)), ("Operator", _operator(cluster)), ("Clock", _clock(cluster)))
    for finding in await asyncio.gather(*(_result(what, each) for what, each in installed)):
        yield finding
    for finding in await asyncio.gather(*(_right(cluster, *each) for each in _RIGHTS)):
        yield finding
    for kind, what in (("BackupVault", VAULTS), ("DiskBackupPolicy", POLICIES)):
        try:
            objects = await cluster.all_if_allowed(what)
        except CliError as trouble:
            # The other results are shown all the same.
            yield _bad(f"{kind}s", trouble.user_message, "See the result for the kinds above.")
            continue
        for finding in _ready(kind, objects):
            yield finding
        for vault in vault_ids(objects or []) if azure and what is VAULTS else ():
            yield await _vault(vault)


def _good(what: str, detail: str) -> CheckResult:
    return CheckResult(what=what, state=State.GOOD, detail=detail)


def _bad(what: str, detail: str, remediation: str) -> CheckResult:
    return CheckResult(what=what, state=State.ACTION_REQUIRED, detail=detail, remediation=remediation)


def _unknown(what: str, detail: str, remediation: str) -> CheckResult:
    return CheckResult(what=what, state=State.UNKNOWN, detail=detail, remediation=remediation)


async def _result(what: str, check: Awaitable[CheckResult]) -> CheckResult:
    try:
        return await check
    except (OperatorError, CliError) as error:
        return _unknown(what, error.user_message, "Retry.")


async def _api_server(cluster: Cluster) -> CheckResult:
    what = "API server"
    try:
        version = await cluster.kube.get("/version")
    except OperatorError as error:
        return _bad(what, sentence_of(error, cluster.server), "Choose another --context, or check the network.")
    return _good(what, f"{cluster.server} responds, version {version.get('gitVersion', 'unknown')}.")


async def _kinds(cluster: Cluster) -> CheckResult:
    what = "Kinds"
    try:
        await definitions.check(cluster.kube)
    except CannotStart as error:
        return _bad(what, error.user_message, "Install or upgrade the chart with crds.enabled=true.")
    except AccessDenied:
        return await _served(cluster)
    return _good(what, f"All four CustomResourceDefinitions match version {__version__}.")


async def _served(cluster: Cluster) -> CheckResult:
    """Whoever may not read the definitions sees at least whether they are served."""
    try:
        await cluster.kube.get(f"/apis/{GROUP}/{VERSION}")
    except NotFoundError:
        return _bad("Kinds", f"The cluster does not serve {GROUP}/{VERSION}.", "Install the chart.")
    return _good(
        "Kinds", f"{GROUP}/{VERSION} is served; you may not read the version of its CustomResourceDefinitions."
    )


async def _operator(cluster: Cluster) -> CheckResult:
    what = "Operator"
    found = await operator_of(cluster)
    if found is None:
        return _unknown(
            what, "You may not read it.", "Ask a cluster admin for the permission to list deployments and leases."
        )
    detail = f"In the namespace {found.namespace}: {found.summary}." if found.namespace else f"It {found.summary}."
    if found.leads is False:
        pods = f"kubectl get pods -n {found.namespace or 'NAMESPACE'}"
        return _bad(what, detail, f"See `{pods}`: a pod that cannot start reports why in its status.")
    if found.version and found.version != __version__:
        return _unknown(what, f"{detail} This command is version {__version__}.", "Use the same version for both.")
    return _good(what, detail)


async def _clock(cluster: Cluster) -> CheckResult:
    what = "Clock"
    theirs = await cluster.kube.server_time()
    if theirs is None:
        return _unknown(what, "The API server does not report its time.", "No action required.")
    skew = theirs - datetime.now(UTC)
    if abs(skew.total_seconds()) > _SKEW_SECONDS:
        return _bad(what, f"This machine and the API server differ by {short(abs(skew))}.", "Synchronize the clocks.")
    return _good(what, "This machine and the API server agree on the time.")


async def _right(cluster: Cluster, verb: str, group: str, plural: str, home: bool, use: str) -> CheckResult:
    attributes = {"verb": verb, "group": group, "resource": plural} | ({"namespace": cluster.namespace} if home else {})
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    place = f" in {cluster.namespace or 'all namespaces'}" if home else ""
    what = f"{_MAY}{verb} {plural}{place}"
    try:
        allowed = (await cluster.kube.create(_REVIEW, review)).get("status", {}).get("allowed")
    except OperatorError as error:
        return _unknown(what, error.user_message, "Retry.")
    if allowed:
        return _good(what, f"Used by: {use}.")
    remediation = f"Ask a cluster admin for this permission. It is used by: {use}."
    # A team that sees its own namespace only has all that it needs.
    return _bad(what, "No.", remediation) if home else _unknown(what, "No.", remediation)


def _ready(kind: str, objects: list[Resource] | None) -> Iterable[CheckResult]:
    for each in objects or []:
        ready = each.condition(reasons.READY)
        what = f"{kind} {each.name}"
        if ready.get("status") == "True":
            yield _good(what, str(ready.get("message")))
        else:
            reason = str(ready.get("reason", ""))
            remediation = (
                REASON_CATALOG[reason].remediation if reason in REASON_CATALOG else "Check that the operator runs."
            )
            yield _bad(what, f"{reason or 'Not reconciled yet'}: {ready.get('message', '')}", remediation)


async def _vault(vault: ArmId) -> CheckResult:
    from azdiskbackup.core.rules.lookup import NotFound
    from azdiskbackup.plugin.cluster.azure_account import READER, azure_of, unreadable_reason

    what = f"Vault {vault.name} in Azure"
    async with azure_of(vault.subscription) as azure:
        try:
            found = await azure.vaults.get(vault)
        except OperatorError as error:
            remediation = f"Run `az login`, or ask for the role {READER}. Only orphans and restore-points use it."
            return _unknown(what, unreadable_reason(error, str(vault)), remediation)
    if isinstance(found, NotFound):
        return _bad(what, "It does not exist, or you may not read it.", f"Ask for the role {READER} on it.")
    return _good(what, f"You may read it; it is {found.provisioning_state}.")


def show(found: list[CheckResult], printer: Printer, *, verbose: bool) -> None:
    """Write the results, and how many are not good; permissions that are there in one line, unless each is wanted."""
    granted = [each for each in found if each.state is State.GOOD and each.what.startswith(_MAY)]
    for each in found:
        what, detail = each.what, each.detail
        if each in granted and not verbose:
            if each is not granted[0]:
                continue
            what, detail = "Permissions", f"{len(granted)} granted (-v lists them)."
        sign = Text.assemble(each.state.sign(printer.out.encoding), " ")
        printer.paragraph(Text.assemble((f"{what}: ", "bold"), detail), indent=2, label=sign)
        if each.state is not State.GOOD and each.remediation:
            printer.paragraph(Text(each.remediation, style="dim"), indent=2)
    bad = sum(each.state == State.ACTION_REQUIRED for each in found)
    unknown = sum(each.state == State.UNKNOWN for each in found)
    rest = f", {unknown} not known" if unknown else ""
    printer.show(Text(f"\n{len(found) - bad - unknown} good, {bad} bad{rest}.", style="red" if bad else "green"))
