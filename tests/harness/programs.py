"""What somebody has on the PATH against a stack: kubectl with our command, helm, and az as far as the pages use it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from controlplane.tools import tool
from harness import az
from harness.objects import SUBSCRIPTION, VAULT_GROUP
from harness.stack import Stack

READER = "beefbeef-0000-4000-8000-000000000002"
_TESTS = Path(__file__).resolve().parents[1]
_SOURCES = [str(_TESTS.parent / "operator"), str(_TESTS)]
# The time of this Azure is not that of the wall.
_OUR_COMMAND = """
from azure_simulator.client import Simulator
azure = Simulator({url!r}, Path({authority!r}))
os.environ["AZDISKBACKUP_NOW"] = azure.now.isoformat()
from azdiskbackup.plugin.runtime.app import main
main()
"""
_AZ = """
os.environ |= {{"AZ_ENDPOINT": {url!r}, "AZ_CA_FILE": {authority!r}}}
from harness.az import main
sys.exit(main(sys.argv[1:]))
"""
_COMPLETION = "kubectl_complete-azdiskbackup"


def login(stack: Stack, client: str, secret: str, roles: list[dict[str, Any]] | None = None) -> dict[str, str]:
    """Return what somebody has in the environment whom this Azure knows; roles are theirs from now on, if given."""
    caller = {"clientID": client, "secret": secret} | ({"roles": roles} if roles is not None else {})
    return {
        "AZURE_CLIENT_ID": client,
        "AZURE_CLIENT_SECRET": secret,
        "AZURE_TENANT_ID": stack.azure.seed(callers=[caller])["tenant"],
        "AZDISKBACKUP_RESOURCE_MANAGER_ENDPOINT": stack.azure.url,
        "AZDISKBACKUP_AUTHORITY_HOST": stack.azure.url,
        "AZDISKBACKUP_CA_FILE": str(stack.azure.certificate_authority),
    }


def reader(stack: Stack) -> dict[str, str]:
    """Return the environment of somebody with the built-in role Backup Reader on the vaults' group."""
    scope = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{VAULT_GROUP}"
    definition = {"Name": "Backup Reader", "Actions": ["Microsoft.DataProtection/*/read"], "NotActions": []}
    return login(stack, READER, "s3cret", [{"definition": definition, "scope": scope, "condition": None}])


def write_shell(path: Path, programs: Path, stack: Stack) -> None:
    """Write a program that opens a shell of its caller's kind, in which the programs and the cluster are found.

    The caller's own stays as it was: nothing of this is in it when the stack is gone.
    """
    settings = {"KUBECONFIG": str(stack.plane.kubeconfig)} | reader(stack)
    new = path.with_suffix(".new")
    new.write_text(
        "#!/bin/sh\n"
        + "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())
        + f'export PATH={shlex.quote(str(programs))}:"$PATH"\n'
        "echo 'In this shell kubectl, helm and az are those of this world; exit leaves it.'\n"
        '"${SHELL:-/bin/sh}"\n'
        # How the last command of a person ended is nobody's failure.
        'status=$?; [ -t 0 ] || exit "$status"\n'
    )
    new.chmod(0o700)
    # Whoever waits for it finds it whole.
    new.rename(path)


def write_programs(folder: Path, stack: Stack) -> None:
    """Collect the programs in a folder, for somebody's PATH."""
    # As whom az is logged in: somebody who may do everything.
    stack.azure.seed(callers=[{"clientID": az.PERSON}])
    folder.mkdir(parents=True)
    (folder / "kubectl").symlink_to(stack.plane.kubectl_path)
    (folder / "helm").symlink_to(tool("helm"))
    (folder / _COMPLETION).symlink_to(Path(sys.executable).parent / _COMPLETION)
    for name, script in (("kubectl-azdiskbackup", _OUR_COMMAND), ("az", _AZ)):
        program = folder / name
        known = script.format(url=stack.azure.url, authority=str(stack.azure.certificate_authority))
        begin = f"#!{sys.executable}\nimport os, sys\nfrom pathlib import Path\nsys.path[:0] = {_SOURCES!r}"
        program.write_text(f"{begin}{known}")
        program.chmod(0o755)
