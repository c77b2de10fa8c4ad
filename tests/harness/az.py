"""The Azure CLI as far as the documentation uses it, in front of the simulator: what the real one refuses, it refuses.

Commands and options are those of the references of the CLI and of its extension ``dataprotection``, which can be had no
more than Azure itself where the tests run. Only those that a page names are there.
"""

from __future__ import annotations

import argparse
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jmespath

from azure_simulator.http import tokens
from azure_simulator.model.roles import BUILT_IN

# Who is logged in.
PERSON = "a-person"
_DP = "2025-07-01"
_AUTHORIZATION = "2022-04-01"
_COMPUTE = "2024-03-02"
_POLL_SECONDS = 0.1

Given = argparse.Namespace
Command = Callable[[Given], Any]


class AzError(Exception):
    """A command failed; the message is what the CLI prints after ``ERROR:``."""


def _send(method: str, path: str, body: Any = None) -> tuple[Any, dict[str, str]]:
    url = path if path.startswith("https://") else os.environ["AZ_ENDPOINT"] + path
    request = urllib.request.Request(  # noqa: S310 - the simulator's
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {tokens.token_for(PERSON)}"},
    )
    context = ssl.create_default_context(cafile=os.environ["AZ_CA_FILE"])
    try:
        with urllib.request.urlopen(request, context=context, timeout=60) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null"), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            fault = json.loads(error.read())["error"]
        raise AzError(f"({fault['code']}) {fault['message']}") from error


def _follow(method: str, path: str, body: Any = None) -> Any:
    """Send what is done later, wait for its end, and return what its status carries."""
    _, headers = _send(method, path, body)
    while True:
        found, _ = _send("GET", headers["Azure-AsyncOperation"])
        if found["status"] != "Inprogress":
            break
        # Virtual time passes while this waits.
        time.sleep(_POLL_SECONDS)
    if found["status"] != "Succeeded":
        raise AzError(f"({found['error']['code']}) {found['error']['message']}")
    return found.get("properties")


def _vault(given: Given) -> str:
    group = f"/subscriptions/{given.subscription}/resourceGroups/{given.resource_group}"
    return f"{group}/providers/Microsoft.DataProtection/backupVaults/{given.vault_name}"


def _instance(given: Given) -> str:
    return f"{_vault(given)}/backupInstances/{given.backup_instance_name}"


# --- the commands ------------------------------------------------------------------------------------


def _access_token(given: Given) -> Any:
    ends = time.time() + 3600
    return {"accessToken": tokens.token_for(PERSON), "expires_on": int(ends), "tokenType": "Bearer"}


def _assign(given: Given) -> Any:
    role = next((each.guid for each in BUILT_IN if each.name == given.role), None)
    if role is None:
        raise AzError(f"Role '{given.role}' doesn't exist.")
    body = {
        "properties": {
            "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{role}",
            "principalId": given.assignee_object_id,
            "principalType": given.assignee_principal_type,
        }
    }
    path = f"{given.scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    try:
        return _send("PUT", f"{path}?api-version={_AUTHORIZATION}", body)[0]
    except AzError as error:
        # As the real one: what is there already is no error.
        if "RoleAssignmentExists" in str(error):
            return None
        raise


def _unassign(given: Given) -> Any:
    role = next((each.guid for each in BUILT_IN if each.name == given.role), "")
    path = f"{given.scope}/providers/Microsoft.Authorization/roleAssignments"
    query = f"?$filter=principalId%20eq%20'{given.assignee}'&api-version={_AUTHORIZATION}"
    for each in _send("GET", path + query)[0]["value"]:
        if each["properties"]["roleDefinitionId"].endswith(role) and each["properties"]["scope"] == given.scope:
            _send("DELETE", f"{each['id']}?api-version={_AUTHORIZATION}")


def _disk(given: Given) -> Any:
    found = _send("GET", f"{given.ids}?api-version={_COMPUTE}")[0]
    # As the real one: what Azure has under `properties` stands beside the rest.
    return {**found.pop("properties"), **found}


def _show_vault(given: Given) -> Any:
    return _send("GET", f"{_vault(given)}?api-version={_DP}")[0]


def _add_extension(given: Given) -> Any:
    if given.name != "dataprotection":
        raise AzError(f"No matching extensions for '{given.name}'.")


def _instances(given: Given) -> Any:
    return _send("GET", f"{_vault(given)}/backupInstances?api-version={_DP}")[0]["value"]


def _points(given: Given) -> Any:
    return _send("GET", f"{_instance(given)}/recoveryPoints?api-version={_DP}")[0]["value"]


def _job(given: Given) -> Any:
    return _send("GET", f"{_vault(given)}/backupJobs/{given.job_id}?api-version={_DP}")[0]


def _restore_request(given: Given) -> Any:
    name, location = given.target_resource_id.rpartition("/")[2], given.restore_location
    disks = "Microsoft.Compute/disks"
    datasource = {
        "objectType": "Datasource",
        "datasourceType": disks,
        "resourceType": disks,
        "resourceID": given.target_resource_id,
        "resourceUri": given.target_resource_id,
        "resourceName": name,
        "resourceLocation": location,
    }
    return {
        "objectType": "AzureBackupRecoveryPointBasedRestoreRequest",
        "recoveryPointId": given.recovery_point_id,
        "sourceDataStoreType": given.source_datastore,
        "restoreTargetInfo": {
            "objectType": "RestoreTargetInfo",
            "recoveryOption": "FailIfExists",
            "restoreLocation": location,
            "datasourceInfo": datasource,
        },
    }


def _validate(given: Given) -> Any:
    request = json.loads(Path(given.restore_request_object).read_text())
    return _follow("POST", f"{_instance(given)}/validateRestore?api-version={_DP}", {"restoreRequestObject": request})


def _restore(given: Given) -> Any:
    request = json.loads(Path(given.restore_request_object).read_text())
    return _follow("POST", f"{_instance(given)}/restore?api-version={_DP}", request)


def _undelete(given: Given) -> Any:
    path = f"{_vault(given)}/deletedBackupInstances/{given.backup_instance_name}/undelete"
    # Over at once: there is nothing to follow.
    return _send("POST", f"{path}?api-version={_DP}", {})[0]


_GROUP = "--resource-group/-g"
_NAME = "--backup-instance-name/--name/-n"
_IN_VAULT = ("--subscription", _GROUP, "--vault-name/-v")
_TARGET = "--target-resource-id"
_RESTORE = "dataprotection backup-instance restore"
# What a command must be given, in the CLI's names.
_COMMANDS: dict[str, tuple[Command, tuple[str, ...]]] = {
    "account get-access-token": (_access_token, ("--scope",)),
    "role assignment create": (
        _assign,
        ("--assignee-object-id", "--assignee-principal-type", "--role", "--scope"),
    ),
    "role assignment delete": (_unassign, ("--assignee", "--role", "--scope")),
    "disk show": (_disk, ("--ids",)),
    "extension add": (_add_extension, ("--name/-n",)),
    "dataprotection backup-vault show": (_show_vault, _IN_VAULT),
    "dataprotection backup-instance list": (_instances, _IN_VAULT),
    "dataprotection recovery-point list": (_points, (*_IN_VAULT, "--backup-instance-name")),
    "dataprotection job show": (_job, (*_IN_VAULT, "--job-id")),
    f"{_RESTORE} initialize-for-data-recovery": (
        _restore_request,
        (
            "--datasource-type",
            "--source-datastore",
            "--restore-location",
            "--recovery-point-id",
            "--target-resource-id",
        ),
    ),
    "dataprotection backup-instance validate-for-restore": (
        _validate,
        (*_IN_VAULT, _NAME, "--restore-request-object"),
    ),
    f"{_RESTORE} trigger": (_restore, (*_IN_VAULT, _NAME, "--restore-request-object")),
    "dataprotection backup-instance deleted-backup-instance undelete": (_undelete, (*_IN_VAULT, _NAME)),
}
_CHOICES = {
    "--datasource-type": ("AzureDisk", "AzureKubernetesService"),
    "--source-datastore": ("ArchiveStore", "OperationalStore", "VaultStore"),
    "--assignee-principal-type": ("User", "Group", "ServicePrincipal"),
}


def main(words: list[str]) -> int:
    """Do what the words say; return the exit code."""
    name = next((name for name in _COMMANDS if words[: len(name.split())] == name.split()), None)
    if name is None:
        print(f"ERROR: '{' '.join(words)}' is misspelled or not recognized by the system.", file=sys.stderr)
        print("This is a stand-in for az, which knows only what the documentation uses.", file=sys.stderr)
        return 2
    command, required = _COMMANDS[name]
    parser = argparse.ArgumentParser(prog=f"az {name}", allow_abbrev=False)
    for each in required:
        options = each.split("/")
        parser.add_argument(*options, required=True, choices=_CHOICES.get(options[0]))
    parser.add_argument("--query")
    parser.add_argument("--output", "-o", choices=("json", "tsv", "table", "none"), default="json")
    given = parser.parse_args(words[len(name.split()) :])
    try:
        found = command(given)
    except AzError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    if given.query:
        found = jmespath.search(given.query, found)
    if found is not None and given.output != "none":
        print(found if given.output == "tsv" and isinstance(found, str) else json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
