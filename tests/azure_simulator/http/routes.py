"""Which path means what: a table of method, path, name and what answers it.

A name such as ``backupInstances.backup`` is what the log of requests counts by.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from azure_simulator.http import (
    about_backups,
    about_graph,
    about_guards,
    about_instances,
    about_resources,
    about_snapshots,
    about_subscriptions,
    about_vaults,
)
from azure_simulator.http.actions import action_of
from azure_simulator.http.call import Call
from azure_simulator.http.messages import Request, Response

_RG = r"/subscriptions/(?P<s>[^/]+)/resourcegroups/(?P<g>[^/]+)"
_DP = _RG + r"/providers/microsoft\.dataprotection"
_V = _DP + r"/backupvaults/(?P<v>[^/]+)"
_I = _V + r"/backupinstances/(?P<i>[^/]+)"
# Of what stands above or at something: the tenant's root, a management group, a subscription and all in it.
_SCOPE = r"(?P<scope>|/providers/microsoft\.management/managementgroups/[^/]+|/subscriptions/.+)"
_PROXY = _V + r"/backupresourceguardproxies/(?P<n>[^/]+)"
_RA = (
    _SCOPE + r"/providers/microsoft\.authorization"
    r"/roleassignments/(?P<n>[^/]+)"
)
_LOC = (
    r"/subscriptions/(?P<s>[^/]+)(?:/resourcegroups/[^/]+)?/providers/microsoft\.dataprotection"
    r"/locations/(?P<l>[^/]+)"
)


@dataclass(frozen=True)
class Route:
    """One kind of request.

    Attributes:
        budget: what the service says remains before the first request of a client.
        action: what the caller must be allowed to do.
    """

    method: str
    pattern: re.Pattern[str]
    name: str
    provider: str
    budget: int
    answer: Callable[[Call], Response]

    @property
    def action(self) -> str:
        return action_of(self.name)


_DATA_PROTECTION = "Microsoft.DataProtection"
_AUTHORIZATION = "Microsoft.Authorization"
_RESOURCES = "Microsoft.Resources"
_S = r"/subscriptions/(?P<s>[^/]+)"
_DISK = _RG + r"/providers/microsoft\.compute/disks/(?P<d>[^/]+)"
_SNAPSHOT = _RG + r"/providers/microsoft\.compute/snapshots/(?P<n>[^/]+)"
_IDENTITIES = "Microsoft.ManagedIdentity"
_IDENTITY = _RG + r"/providers/microsoft\.managedidentity/userassignedidentities/(?P<u>[^/]+)"
_ROLES = r"/providers/microsoft\.authorization/roledefinitions"
_TABLE: list[tuple[str, str, str, str, int, Callable[[Call], Response]]] = [
    # What other clients than the operator ask.
    *(
        (method, pattern, name, provider, 11999, answer)
        for method, pattern, name, provider, answer in (
            ("GET", r"/tenants", "tenants.list", _RESOURCES, about_subscriptions.list_tenants),
            ("GET", r"/subscriptions", "subscriptions.list", _RESOURCES, about_subscriptions.list_subscriptions),
            ("GET", _S, "subscriptions.get", _RESOURCES, about_subscriptions.get_subscription),
            ("GET", _S + r"/providers", "providers.list", _RESOURCES, about_subscriptions.list_providers),
            ("GET", _S + r"/providers/(?P<n>[^/]+)", "providers.get", _RESOURCES, about_subscriptions.get_provider),
            (
                "POST",
                _S + r"/providers/(?P<n>[^/]+)/register",
                "providers.register",
                _RESOURCES,
                about_subscriptions.get_provider,
            ),
            ("GET", _S + r"/resourcegroups", "resourceGroups.list", _RESOURCES, about_resources.list_groups),
            ("HEAD", _RG, "resourceGroups.head", _RESOURCES, about_resources.head_group),
            ("PATCH", _RG, "resourceGroups.patch", _RESOURCES, about_resources.patch_group),
            ("DELETE", _RG, "resourceGroups.delete", _RESOURCES, about_resources.delete_group),
            (
                "GET",
                _S + r"/operationresults/(?P<o>[^/]+)",
                "subscriptions.operationresults",
                _RESOURCES,
                about_resources.deletion_result,
            ),
            (
                "GET",
                _S + r"/providers/microsoft\.compute/locations/(?P<l>[^/]+)/diskoperations/(?P<o>[^/]+)",
                "disks.operation",
                "Microsoft.Compute",
                about_resources.disk_operation,
            ),
            ("GET", _RG + r"/resources", "resources.list", _RESOURCES, about_subscriptions.list_resources),
            ("PUT", _IDENTITY, "userAssignedIdentities.put", _IDENTITIES, about_resources.put_identity),
            ("GET", _IDENTITY, "userAssignedIdentities.get", _IDENTITIES, about_resources.get_identity),
            ("DELETE", _IDENTITY, "userAssignedIdentities.delete", _IDENTITIES, about_resources.delete_identity),
            ("PUT", _DISK, "disks.put", "Microsoft.Compute", about_resources.put_disk),
            ("PATCH", _DISK, "disks.patch", "Microsoft.Compute", about_resources.patch_disk),
            ("PUT", _SNAPSHOT, "snapshots.put", "Microsoft.Compute", about_snapshots.put_snapshot),
            ("DELETE", _SNAPSHOT, "snapshots.delete", "Microsoft.Compute", about_snapshots.delete_snapshot),
            ("DELETE", _DISK, "disks.delete", "Microsoft.Compute", about_resources.delete_disk),
            (
                "GET",
                _RG + r"/providers/microsoft\.compute/disks",
                "disks.list",
                "Microsoft.Compute",
                about_resources.list_disks,
            ),
            (
                "GET",
                _S + r"/providers/microsoft\.compute/disks",
                "disks.list",
                "Microsoft.Compute",
                about_resources.list_all_disks,
            ),
            (
                "GET",
                _SCOPE + _ROLES,
                "roleDefinitions.list",
                _AUTHORIZATION,
                about_subscriptions.list_role_definitions,
            ),
            (
                "GET",
                _SCOPE + _ROLES + r"/(?P<n>[^/]+)",
                "roleDefinitions.get",
                _AUTHORIZATION,
                about_subscriptions.get_role_definition,
            ),
        )
    ),
    (
        "POST",
        r"/providers/microsoft\.resourcegraph/resources",
        "resourceGraph.query",
        "Microsoft.ResourceGraph",
        0,
        about_graph.query,
    ),
    ("GET", _RG, "resourceGroups.get", "Microsoft.Resources", 11999, about_resources.get_group),
    ("PUT", _RG, "resourceGroups.put", "Microsoft.Resources", 11999, about_resources.put_group),
    (
        "GET",
        _RG + r"/providers/microsoft\.compute/disks/(?P<d>[^/]+)",
        "disks.get",
        "Microsoft.Compute",
        11999,
        about_resources.get_disk,
    ),
    ("PUT", _RA, "roleAssignments.put", "Microsoft.Authorization", 11999, about_resources.put_assignment),
    ("GET", _RA, "roleAssignments.get", "Microsoft.Authorization", 11999, about_resources.get_assignment),
    (
        "GET",
        _SCOPE + r"/providers/microsoft\.authorization/roleassignments",
        "roleAssignments.list",
        "Microsoft.Authorization",
        11999,
        about_resources.list_assignments,
    ),
    ("DELETE", _RA, "roleAssignments.delete", "Microsoft.Authorization", 11999, about_resources.delete_assignment),
    *(
        (method, pattern, name, _DATA_PROTECTION, budget, answer)
        for method, pattern, name, budget, answer in (
            ("PUT", _V, "backupVaults.put", 100, about_vaults.put_vault),
            ("PATCH", _V, "backupVaults.patch", 100, about_vaults.patch_vault),
            ("GET", _V, "backupVaults.get", 500, about_vaults.get_vault),
            ("DELETE", _V, "backupVaults.delete", 100, about_vaults.delete_vault),
            ("GET", _DP + r"/backupvaults", "backupVaults.list", 500, about_vaults.list_vaults),
            (
                "GET",
                _S + r"/providers/microsoft\.dataprotection/backupvaults",
                "backupVaults.list",
                500,
                about_vaults.list_all_vaults,
            ),
            ("PUT", _V + r"/backuppolicies/(?P<p>[^/]+)", "backupPolicies.put", 200, about_vaults.put_policy),
            ("GET", _V + r"/backuppolicies/(?P<p>[^/]+)", "backupPolicies.get", 200, about_vaults.get_policy),
            ("GET", _V + r"/backuppolicies", "backupPolicies.list", 200, about_vaults.list_policies),
            (
                "DELETE",
                _V + r"/backuppolicies/(?P<p>[^/]+)",
                "backupPolicies.delete",
                50,
                about_vaults.delete_policy,
            ),
            ("PUT", _PROXY, "backupResourceGuardProxies.put", 1000, about_guards.put_proxy),
            ("GET", _PROXY, "backupResourceGuardProxies.get", 1000, about_guards.get_proxy),
            ("DELETE", _PROXY, "backupResourceGuardProxies.delete", 1000, about_guards.delete_proxy),
            ("POST", _PROXY + r"/unlockdelete", "backupResourceGuardProxies.unlockDelete", 0, about_guards.unlock),
            (
                "GET",
                _V + r"/backupresourceguardproxies",
                "backupResourceGuardProxies.list",
                1000,
                about_guards.list_proxies,
            ),
            ("POST", _V + r"/validateforbackup", "backupVaults.validateForBackup", 0, about_instances.validate),
            ("PUT", _I, "backupInstances.put", 200, about_instances.put_instance),
            ("GET", _I, "backupInstances.get", 2000, about_instances.get_instance),
            ("GET", _V + r"/backupinstances", "backupInstances.list", 2000, about_instances.list_instances),
            ("DELETE", _I, "backupInstances.delete", 200, about_instances.delete_instance),
            ("POST", _I + r"/backup", "backupInstances.backup", 0, about_backups.backup),
            ("POST", _I + r"/restore", "backupInstances.restore", 0, about_backups.restore),
            ("POST", _I + r"/validaterestore", "backupInstances.validateRestore", 0, about_backups.validate_restore),
            ("POST", _I + r"/stopprotection", "backupInstances.stopProtection", 0, about_instances.stop),
            ("POST", _I + r"/suspendbackups", "backupInstances.suspendBackups", 0, about_instances.suspend),
            ("POST", _I + r"/resumeprotection", "backupInstances.resumeProtection", 0, about_instances.resume),
            ("POST", _I + r"/sync", "backupInstances.sync", 0, about_instances.sync),
            (
                "GET",
                r"(?P<disk>" + _RG + r"/providers/microsoft\.compute/disks/[^/]+)"
                r"/providers/microsoft\.dataprotection/backupinstances",
                "backupInstances.ofDisk",
                2000,
                about_instances.list_of_disk,
            ),
            ("GET", _I + r"/recoverypoints", "recoveryPoints.list", 100, about_backups.list_points),
            ("GET", _I + r"/recoverypoints/(?P<r>[^/]+)", "recoveryPoints.get", 100, about_backups.get_point),
            ("GET", _V + r"/backupjobs", "backupJobs.list", 200, about_backups.list_jobs),
            ("GET", _V + r"/backupjobs/(?P<j>[^/]+)", "backupJobs.get", 200, about_backups.get_job),
            (
                "GET",
                _V + r"/deletedbackupinstances",
                "deletedBackupInstances.list",
                2000,
                about_instances.list_deleted,
            ),
            (
                "GET",
                _V + r"/deletedbackupinstances/(?P<i>[^/]+)",
                "deletedBackupInstances.get",
                2000,
                about_instances.get_deleted,
            ),
            (
                "POST",
                _V + r"/deletedbackupinstances/(?P<i>[^/]+)/undelete",
                "deletedBackupInstances.undelete",
                2000,
                about_instances.undelete,
            ),
            (
                "GET",
                _V + r"/operationstatus/(?P<o>[^/]+)",
                "operations.status",
                1000,
                about_backups.operation_status,
            ),
            (
                "GET",
                _LOC + r"/operationstatus/(?P<o>[^/]+)",
                "locations.operationStatus",
                15000,
                about_backups.operation_status,
            ),
            (
                "GET",
                _LOC + r"/operationresults/(?P<o>[^/]+)",
                "locations.operationResults",
                200,
                about_backups.operation_result,
            ),
        )
    ),
]
ROUTES = [
    Route(method, re.compile(pattern, re.IGNORECASE), name, provider, budget, answer)
    for method, pattern, name, provider, budget, answer in _TABLE
]


def find(request: Request) -> tuple[Route | None, dict[str, str]]:
    """Return the route of a request and the parts of its path."""
    for route in ROUTES:
        if route.method == request.method:
            match = route.pattern.fullmatch(request.path)
            if match:
                return route, match.groupdict()
    return None, {}
