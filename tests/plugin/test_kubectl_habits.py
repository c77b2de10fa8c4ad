"""What people are used to from kubectl works: where options stand, how objects are named, what -o, -l and help do."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import typer
from typer.core import TyperGroup

from azdiskbackup.core.reason_catalog import REASON_CATALOG
from azdiskbackup.plugin.runtime.app import app
from azdiskbackup.plugin.runtime.command_line import arranged, seconds, with_what_is_asked
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode
from plugin import world
from plugin.conftest import Run
from plugin.world import Api


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("-n shop disks", "disks -n shop"),
        ("--namespace=shop -o json describe data", "describe --namespace=shop -o json data"),
        ("-A --context here jobs --failed", "jobs -A --context here --failed"),
        ("--version", "version"),
        ("disks -n shop", "disks -n shop"),
        # What is no common option is not guessed at.
        ("--wait backup data", "--wait backup data"),
        ("-n shop", "-n shop"),
        ("--help", "--help"),
    ],
)
def test_common_options_may_stand_before_the_command(typed: str, read: str) -> None:
    assert arranged(typed.split()) == read.split()


def test_options_before_the_command_do_the_same(run: Run) -> None:
    assert run("-n", "bank", "disks") == run("disks", "-n", "bank")
    assert run("--version")[1] == run("version")[1]
    assert run("-A", "describe", "data")[0] == 2, "an option that the command lacks stays a mistake"


@pytest.mark.parametrize("name", ["shop/data", "pdisk/data", "protecteddisk.azdiskbackup.io/data", "pvc/data-0"])
def test_a_disk_is_named_as_it_is_printed(run: Run, name: str) -> None:
    assert run("describe", name) == run("describe", "data")


def test_a_namespace_before_the_name_is_the_namespace(run: Run) -> None:
    assert run("describe", "bank/ledger") == run("describe", "ledger", "-n", "bank")
    assert run("restore", "bank/ledger", "--dry-run") == run("restore", "ledger", "-n", "bank", "--dry-run")
    assert run("restore-points", "bank/ledger", "--all-disks", "--from", "status")[0] == 0
    code, out, err = run("describe", "bank/ledger", "-n", "shop")
    assert (code, out) == (2, "") and "'bank/ledger' is not in the namespace 'shop'" in err


def test_labels_select(run: Run, api: Api) -> None:
    chosen = world.good("chosen")
    chosen["metadata"]["labels"] = {"app": "orders"}
    claim = world.claim("logs-0", "shop", labels={"app": "orders"})
    api.objects["protecteddisks"].append(chosen)
    api.objects["persistentvolumeclaims"].append(claim)
    api.objects["persistentvolumes"].append(world.volume("logs-0", "shop"))
    for command, names in (("disks", ["chosen"]), ("unprotected", ["logs-0"])):
        found = json.loads(run(command, "-l", "app=orders", "-o", "json")[1])["items"]
        assert [each["name"] for each in found] == names
    jobs = json.loads(run("jobs", "-l", "app=orders", "-o", "json")[1])["items"]
    assert jobs and {each["disk"] for each in jobs} == {"chosen"}
    assert "No such ProtectedDisk" in run("disks", "-l", "app=none")[2]


def test_names_alone(run: Run) -> None:
    assert run("disks", "-A", "-o", "name")[1].splitlines()[0] == "protecteddisk.azdiskbackup.io/data"
    assert run("unprotected", "-o", "name")[1] == "persistentvolumeclaim/cache-0\n"
    assert run("backup", "data", "--name", "now", "-o", "name")[1] == "ondemandbackup/now\n"
    code, out, err = run("status", "-o", "name")
    assert (code, out) == (2, "") and "lists no objects" in err


def test_without_titles(run: Run) -> None:
    titled, plain = run("disks", "-A")[1].splitlines(), run("disks", "-A", "--no-headers")[1].splitlines()
    assert titled[0].startswith("NAMESPACE") and len(plain) == len(titled) - 1
    assert [line.split() for line in titled[1:]] == [line.split() for line in plain]


@pytest.mark.parametrize(("typed", "found"), [("600", 600), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("2h", 7200)])
def test_durations(typed: str, found: int) -> None:
    assert seconds(typed) == found


@pytest.mark.parametrize("typed", ["", "0", "0m", "m", "10 m", "-5", "1.5h", "ten", "10d"])
def test_what_is_no_duration(typed: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a duration such as 10m"):
        seconds(typed)


def test_case_does_not_matter(run: Run) -> None:
    weekly = [run("backup", "data", "--dry-run", "--rule", each) for each in ("weekly", "Weekly")]
    assert weekly[0] == weekly[1] and "retentionRule: Weekly" in weekly[0][1]
    assert run("disks", "-o", "JSON") == run("disks", "-o", "json")


def test_help_has_groups_and_examples_and_the_width_of_the_terminal(run: Run) -> None:
    out = run("--help", columns=200)[1]
    assert [line for line in out.splitlines() if line.endswith(":")] == [
        "Options:", "See what is protected:", "Back up and restore:", "Find what is missing:", "Get help:",
    ]  # fmt: skip
    assert "..." not in out.split("\n", 1)[1], "no sentence is cut where there is room"
    for command in ("disks", "restore", "orphans", "explain"):
        out = run(command, "--help", columns=200)[1]
        assert "Examples:" in out and f"kubectl azdiskbackup {command} " in out


_SLOW = {"aiohttp", "azure", "kopf", "kubernetes", "prometheus_client", "requests", "structlog"}


def imported_by(*modules: str) -> set[str]:
    program = f"import sys, {', '.join(modules)}\nprint(*sorted({{each.partition('.')[0] for each in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_each_command_is_built_alone_and_is_there() -> None:
    names = [str(each.name) for each in app.registered_commands]
    for words in (*([name] for name in names), [], ["-n", "shop", "disks"], ["nonsense"]):
        made = typer.main.get_command(with_what_is_asked(app, words))
        assert isinstance(made, TyperGroup), "one command alone would be no group"
        asked = set(words) & set(names)
        assert asked <= set(made.commands) and (len(made.commands) <= 2) == bool(asked - {"version"})


def test_what_most_commands_do_without_is_not_imported() -> None:
    """What a person waits for is imports."""
    commands = [f"azdiskbackup.plugin.commands.{each}" for each in ("disks", "status", "describe", "jobs", "backup")]
    assert not _SLOW & imported_by("azdiskbackup.plugin.runtime.session", *commands)


def test_completion_does_without_models_and_tables(big_cluster: str) -> None:
    program = (
        "import sys\nfrom azdiskbackup.plugin.runtime.completion import main\n"
        "sys.argv = ['x', 'describe', '-n', 'shop-0', '--output', 'json', 'data-1']\n"
        "main()\nprint(*sorted({each.partition('.')[0] for each in sys.modules}))"
    )
    known = {**os.environ, "KUBECONFIG": big_cluster}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=known)
    *found, end, modules = done.stdout.splitlines()
    assert {"data-1", "data-1999"} <= set(found) and end == ":4"
    assert not (_SLOW | {"pydantic", "rich"}) & set(modules.split())


def test_a_part_of_a_reason_lists_those_that_have_it(run: Run) -> None:
    names = [line.split()[0] for line in run("explain", "backup", "--no-headers")[1].splitlines()]
    assert names == [each for each in REASON_CATALOG if "backup" in each.lower()] and len(names) > 3


# --- the truth about what is not protected -------------------------------------------------------------


def test_a_pvc_that_is_not_protected_is_called_so_and_no_other_disk_is_suggested(run: Run, api: Api) -> None:
    api.objects["protecteddisks"].append(world.good("cache-1"))
    for command in ("describe", "restore-points", "restore", "timeline"):
        code, out, err = run(command, "cache-0")
        assert (code, out) == (1, "")
        assert err.startswith("PVC 'cache-0' in the namespace 'shop' is not protected. Backups of it may exist:")
        assert "Did you mean" not in err and "cache-1" not in err
        assert "`kubectl azdiskbackup orphans -n shop`" in err and "unprotected -n shop --apply-policy" in err


def test_another_number_is_another_database(run: Run, api: Api) -> None:
    api.objects["protecteddisks"] = [world.good("data-postgres-0")]
    err = run("describe", "data-postgres-1")[2]
    assert "Did you mean" not in err and "Existing: data-postgres-0" in err
    assert "Did you mean data-postgres-0" in run("describe", "data-postgre-0")[2]


def test_a_failed_backup_counts_in_its_calendar_at_once(run: Run, api: Api) -> None:
    ledger = next(each for each in api.objects["protecteddisks"] if each["metadata"]["name"] == "ledger")
    failed = world.job(0, 2, "Failed", world.QUOTA)
    ledger["status"]["jobs"]["recent"] = [failed]
    day = json.loads(run("timeline", "ledger", "-n", "bank", "--from", "status", "--days", "1", "-o", "json")[1])
    assert day["items"][0]["verdict"] == "SOME" and day["items"][0]["failed"] == 1
    # One that somebody asked for says nothing of what is due.
    failed["type"] = "OnDemand"
    day = json.loads(run("timeline", "ledger", "-n", "bank", "--from", "status", "--days", "1", "-o", "json")[1])
    assert day["items"][0]["verdict"] == "GOOD"
    shown = run("timeline", "ledger", "-n", "bank", "--from", "status", "--days", "1")[1]
    assert "1 failed" in shown, "a day that is good shows what failed on it"


def test_watched_disks_are_printed_again_when_they_change(api: Api, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `kubectl get -w` does: what is there, and then a line for each change, without headers."""
    disks = api.objects["protecteddisks"]
    changes = [lambda: disks.__setitem__(0, world.failing()), lambda: None, lambda: disks.pop()]

    async def passes(seconds: float) -> None:
        if not changes:
            raise CliError("enough was seen")
        changes.pop(0)()

    monkeypatch.setattr("azdiskbackup.plugin.commands.disks.asyncio.sleep", passes)
    disks[:] = [world.good("ledger", "bank"), world.good("orders", "shop")]
    code, out, err = run("disks", "-A", "-w")
    before, again = out.splitlines()[:3], out.splitlines()[3:]
    assert code and "enough was seen" in err and before[0].split()[:2] == ["NAMESPACE", "NAME"]
    assert len(again) == 1 and "BackupFailed" in again[0] and "NAMESPACE" not in again[0]
    assert "ProtectedDisk shop/orders was deleted." in err


def test_what_is_watched_is_a_table(run: Run) -> None:
    code, _, err = run("disks", "-w", "-o", "json")
    assert code == ExitCode.USAGE and "--watch prints tables" in err
