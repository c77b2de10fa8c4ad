"""What deploy/azure prepares in Azure: the script, Bicep, Terraform, and the page that shows them."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pycep import BicepParser

from chart.conftest import ROOT, run
from harness import azure_rights

AZURE = ROOT / "deploy" / "azure"
_AZ = """#!{python}
import json, os, sys
words = sys.argv[1:]
with open(os.environ["AZ_CALLS"], "a") as calls:
    calls.write(json.dumps(words) + "\\n")
known = json.loads(os.environ["AZ_KNOWN"])
created = [line for line in open(os.environ["AZ_CALLS"]) if '"definition", "create"' in line]
if words[:3] == ["role", "definition", "list"]:
    # A role has its id once it was made; that of the tests has its name in it, so that assignments can be read.
    name = words[words.index("--name") + 1]
    there = known.get("roles") or any(name in line for line in created)
    print("/roleDefinitions/" + name if there else "")
    sys.exit()
query = words[words.index("--query") + 1] if "--query" in words else ""
print(known.get(" ".join(words[:3]) + " " + query, known.get(query, "")))
"""
_ANSWERS = {
    "id": "11111111-1111-4111-8111-111111111111",
    "tenantId": "22222222-2222-4222-8222-222222222222",
    "oidcIssuerProfile.issuerUrl": "https://issuer/",
    "location": "westeurope",
    "clientId": "c0ffee00-0000-4000-8000-000000000001",
    "principalId": "c0ffee00-0000-4000-8000-000000000002",
}
_NAMED = ["--cluster", "aks", "--cluster-group", "aks-rg", "--vault-group", "backup-rg"]
_GROUPS = ["--disk-group", "MC_aks", "--snapshot-group", "snapshots-rg"]


class Az:
    """Runs setup.sh with an az that records what it is asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "az").write_text(_AZ.format(python=sys.executable))
        (folder / "az").chmod(stat.S_IRWXU)

    def setup(self, *words: str, **answers: str) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
        calls = self._folder / "calls"
        calls.write_text("")
        known = {key.replace("__", "."): value for key, value in answers.items()}
        environment = {
            **os.environ,
            "PATH": f"{self._folder}:{os.environ['PATH']}",
            "AZ_CALLS": str(calls),
            "AZ_KNOWN": json.dumps(_ANSWERS | known),
        }
        done = run("bash", AZURE / "setup.sh", *words, env=environment)
        return done, [json.loads(line) for line in calls.read_text().splitlines()]


@pytest.fixture
def az(tmp_path: Path) -> Az:
    return Az(tmp_path)


def _option(call: list[str], name: str) -> str:
    return call[call.index(name) + 1] if name in call else ""


def _assigned(calls: list[list[str]]) -> set[tuple[str, str]]:
    """Return role and place of each assignment: the role without the subscription in its name."""
    found = set()
    for call in (call for call in calls if call[:3] == ["role", "assignment", "create"]):
        assert _option(call, "--assignee-principal-type") == "ServicePrincipal"
        role = re.fullmatch(r"/roleDefinitions/azdiskbackup (.+) (.{36})", _option(call, "--role"))
        assert role is not None
        condition = _option(call, "--condition")
        assert bool(condition) == role[1].endswith(" granter") == bool(_option(call, "--condition-version"))
        assert not condition or (_ANSWERS["principalId"] in condition and "PRINCIPAL_ID" not in condition)
        found.add((role[1], _option(call, "--scope").partition(role[2])[2]))
    return found


_READS = {("reader", "")}
_VAULTS = {("protector", "/resourceGroups/backup-rg")}
_MANAGES = {("vault manager", "/resourceGroups/backup-rg")}
_GRANTS = {("disk granter", "/resourceGroups/MC_aks"), ("snapshot granter", "/resourceGroups/snapshots-rg")}
_RESTORING = ["--restore-group", "restored-rg"]
_RESTORES = {("restorer", "/resourceGroups/backup-rg"), ("restored disk tagger", "/resourceGroups/restored-rg")}
# Restored disks are to be protected, too.
_GRANTS_ON_RESTORED = {(f"{role} granter", "/resourceGroups/restored-rg") for role in ("disk", "restore")}
_ELSEWHERE = "33333333-3333-4333-8333-333333333333"


@pytest.mark.parametrize(
    ("words", "assigned"),
    [
        (_GROUPS, _READS | _VAULTS | _MANAGES | _GRANTS),
        (["--mode", "preassigned"], _READS | _VAULTS | _MANAGES),
        ([*_GROUPS, "--mode", "observe"], _READS | _VAULTS | _GRANTS),
        (
            [*_GROUPS, "--create-snapshot-groups"],
            _READS | _VAULTS | _MANAGES | _GRANTS
            | {("snapshot group creator", ""), ("snapshot granter", "")},
        ),
        (
            [*_GROUPS, "--vault-identity", f"/subscriptions/{_ANSWERS['id']}/id"],
            _READS | _VAULTS | _MANAGES | _GRANTS | {("vault identity user", "/id")},
        ),
        ([*_GROUPS, "--subscription", _ELSEWHERE], _READS | _VAULTS | _MANAGES | _GRANTS),
        (
            [*_GROUPS, *_RESTORING],
            _READS | _VAULTS | _MANAGES | _GRANTS | _RESTORES | _GRANTS_ON_RESTORED,
        ),
        ([*_RESTORING, "--mode", "preassigned"], _READS | _VAULTS | _MANAGES | _RESTORES),
    ],
    ids=["managed", "preassigned", "observe", "creating groups", "identities of vaults", "another subscription",
         "restores", "restores, preassigned"],
)  # fmt: skip
def test_setup_gives_each_mode_its_roles(az: Az, words: list[str], assigned: set[tuple[str, str]]) -> None:
    done, calls = az.setup(*_NAMED, *words)
    assert done.returncode == 0, done.stderr
    assert _assigned(calls) == assigned
    definitions = [json.loads(_option(call, "--role-definition")) for call in calls if "--role-definition" in call]
    where = _ELSEWHERE if _ELSEWHERE in words else _ANSWERS["id"]
    assert {each["Name"] for each in definitions} == {f"azdiskbackup {role} {where}" for role, _ in assigned}
    assert all(each["AssignableScopes"] == [f"/subscriptions/{where}"] for each in definitions)
    (federated,) = (call for call in calls if call[:3] == ["identity", "federated-credential", "create"])
    assert _option(federated, "--subject") == "system:serviceaccount:azdiskbackup:azdiskbackup"
    for value in (_ANSWERS["id"], _ANSWERS["clientId"], _ANSWERS["tenantId"]):
        assert value in done.stdout.partition("helm upgrade")[2]


def test_setup_brings_a_role_that_is_there_up_to_date(az: Az) -> None:
    _, calls = az.setup(*_NAMED, *_GROUPS, roles="all")
    verbs = {call[2] for call in calls if call[:2] == ["role", "definition"]}
    assert verbs == {"list", "update"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "name the cluster"),
        (_NAMED, "name the resource groups of disks and snapshots"),
        ([*_NAMED, *_GROUPS, "--mode", "all"], "--mode is managed, preassigned or observe"),
        ([*_NAMED, "--mode"], "--mode needs a value"),
        ([*_NAMED, "--colour", "red"], "unknown argument --colour"),
    ],
)
def test_setup_says_what_is_missing(az: Az, words: list[str], says: str) -> None:
    done, calls = az.setup(*words)
    assert done.returncode == 2 and says in done.stderr and not calls


def test_setup_says_what_to_do_when_the_cluster_issues_no_tokens(az: Az) -> None:
    done, _ = az.setup(*_NAMED, *_GROUPS, oidcIssuerProfile__issuerUrl="")
    assert done.returncode == 2 and "az aks update" in done.stderr and "--enable-oidc-issuer" in done.stderr


def test_setup_is_a_good_script() -> None:
    done = run(Path(sys.prefix) / "bin" / "shellcheck", "-x", AZURE / "setup.sh")
    assert done.returncode == 0, done.stdout


def test_bicep_is_well_formed_and_reads_the_same_roles() -> None:
    """Read, not compiled: the compiler is in no package registry. Symbols are checked here, types are not."""
    for path in AZURE.glob("*.bicep"):
        parsed = BicepParser().parse(text=path.read_text())
        declared = {
            name for part in ("parameters", "variables", "resources", "modules") for name in parsed.get(part, {})
        }
        text = re.sub(r"//.*", "", path.read_text())
        for symbol in re.findall(r"\$\{(\w+)\}|dependsOn: \[\s*(\w+)", text):
            assert {each for each in symbol if each} <= declared, f"{path.name}: {symbol}"
        for module in re.findall(r"module \w+ '(.+?)'", text):
            assert (AZURE / module).exists()
    main = (AZURE / "main.bicep").read_text()
    loaded = set(re.findall(r"loadJsonContent\('roles/(.+?)\.json'\)", main))
    assert loaded == {path.stem for path in azure_rights.ROLES.glob("*.json")}
    assert set(re.findall(r"role: '(.+?)'", main)) == loaded, "every role is assigned"
    conditions = set(re.findall(r"loadTextContent\('roles/(.+?)\.condition'\)", main))
    assert conditions == {path.stem for path in azure_rights.ROLES.glob("*.condition")}


def test_terraform_is_formatted_and_reads_the_same_roles() -> None:
    folder = AZURE / "terraform"
    named = re.findall(r"for name in \[(.+?)\]", (folder / "main.tf").read_text())
    for kind, names in zip(("json", "condition"), named, strict=False):
        assert set(re.findall(r'"(.+?)"', names)) == {path.stem for path in azure_rights.ROLES.glob(f"*.{kind}")}
    # Every role is assigned, and no variable is left out.
    text = (folder / "main.tf").read_text()
    assigned = set(re.findall(r'role = "(.+?)"', text)) | set(re.findall(r'for name in \["([^"]+)"\]', text))
    assert assigned == {path.stem for path in azure_rights.ROLES.glob("*.json")}
    declared = set(re.findall(r'variable "(.+?)"', (folder / "variables.tf").read_text()))
    assert declared == set(re.findall(r"var\.(\w+)", text))
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed: its format is not checked (https://developer.hashicorp.com/terraform)")
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull}
    done = run("terraform", "fmt", "-check", "-diff", "-recursive", folder, env=environment)
    assert done.returncode == 0, done.stdout


def blocks() -> list[str]:
    """Return the blocks of docs/install.md that are to be copied."""
    return re.findall(r"```sh\n(.+?)```", (ROOT / "docs" / "install.md").read_text(), re.DOTALL)


def test_what_is_to_be_copied_from_the_way_to_the_first_disk_runs(az: Az, tmp_path: Path) -> None:
    """As far as there is no cluster: the first steps, with an az that records what it is asked."""
    (tmp_path / "script").write_text("set -eu\n" + "\n".join(blocks()[:3]))
    known = {**_ANSWERS, "nodeResourceGroup": "MC_my-aks"}
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "AZ_CALLS": str(tmp_path / "calls")}
    done = run("bash", tmp_path / "script", cwd=ROOT, env={**environment, "AZ_KNOWN": json.dumps(known)})
    assert done.returncode == 0, done.stderr
    calls = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    groups = {scope.rpartition("/")[2] for role, scope in _assigned(calls) if role.endswith(" granter")}
    assert groups == {"MC_my-aks", "snapshots-rg"}
    for block in blocks():
        checked = run("bash", "-n", "-c", block)
        assert checked.returncode == 0, f"{block}: {checked.stderr}"
