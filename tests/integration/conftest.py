"""The stack that all integration tests share, and a namespace of its own for each test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import openapi, rights
from harness.life_cycle import clean_stack, lent_stack
from harness.objects import (
    DISK_GROUP,
    LOCATION,
    RESTORE_GROUP,
    SECOND_SUBSCRIPTION,
    SNAPSHOT_GROUP,
    SUBSCRIPTION,
    VAULT_GROUP,
    policy,
    vault,
)
from harness.stack import CLIENT_ID, Stack
from harness.tenant import Tenant


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack; its logs stay in the temporary folder that pytest names on a failure."""
    folder = Path(os.environ.get("STACK_FOLDER") or tmp_path_factory.mktemp("stack"))
    with lent_stack(folder, led_before=True, preflight=False) as found:
        found.start_control_plane()
        found.start_simulator()
        found.azure.seed(
            subscriptions=[SUBSCRIPTION, SECOND_SUBSCRIPTION],
            groups=[
                {"subscription": subscription, "name": name, "location": LOCATION}
                for subscription in (SUBSCRIPTION, SECOND_SUBSCRIPTION)
                for name in (VAULT_GROUP, SNAPSHOT_GROUP, DISK_GROUP, RESTORE_GROUP)
            ],
        )
        found.start_operator()
        yield found
        rights.USAGE.note(found)
        _every_request_is_documented(found)


def _every_request_is_documented(stack: Stack) -> None:
    if not openapi.available():
        return
    ours = [sent for sent in stack.azure.requests() if sent.caller == CLIENT_ID]
    found = {fault for sent in ours for fault in openapi.faults(sent.method, sent.path, sent.body)}
    assert not found, "\n".join(sorted(found))


@pytest.fixture
def clean(tmp_path: Path) -> Iterator[Stack]:
    """A stack of the test's own without the operator: nothing of ours is in the cluster."""
    with clean_stack(tmp_path) as found:
        yield found


@pytest.fixture(scope="session")
def gold(stack: Stack) -> str:
    """A policy that can be used, in a vault that is ready."""
    tenant = Tenant(stack, "default")
    tenant.apply(vault("demo"), policy("gold", "demo"))
    tenant.until("diskbackuppolicy", "gold", "Ready")
    return "gold"


# --- least privilege --------------------------------------------------------------------------------


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send what was used to the process that distributes the tests; there, compare it with what was granted."""
    config = session.config
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output["rights"] = rights.USAGE.as_json()
    elif not session.testsfailed and _is_whole(config) and list(rights.faults(rights.USAGE)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take what another process saw."""
    rights.USAGE.add(getattr(node, "workeroutput", {}).get("rights", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the comparison, and what is wrong in it."""
    if not _is_whole(config):
        return
    terminalreporter.section("Rights: granted, and how often used")
    for line in rights.table(rights.USAGE):
        terminalreporter.write_line(line)
    for fault in rights.faults(rights.USAGE):
        terminalreporter.write_line(f"WRONG: {fault}", red=True)


def _is_whole(config: pytest.Config) -> bool:
    """Return whether all integration tests run: some of them alone leave rights unused."""
    chosen = config.option.keyword or config.option.markexpr
    return not chosen and "integration" in [Path(each).name for each in config.args]


_numbers = itertools.count(1)


@pytest.fixture
def shop(stack: Stack) -> Iterator[Tenant]:
    """A namespace of the test's own; its objects are gone afterwards, so that the next test counts only its own.

    That a story ends in a steady state is asked of each one in tests/reconcile, and here of those of test_story.py.
    """
    # An earlier test that failed leaves nothing behind that this one could stumble over.
    stack.azure.clear_faults()
    stack.azure.knobs(role_propagation=600, job_list_lag=0, principal_replication=0, backup=216)
    stack.azure.fail_backups()
    stack.azure.deny(CLIENT_ID)
    if not stack.operator_runs:
        stack.start_operator()
    tenant = Tenant(stack, f"shop-{next(_numbers)}")
    tenant.create()
    yield tenant
    stack.azure.clear_faults()
    tenant.clear()


_SHOWN = 10


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    """Show also what the operator had to complain about, to whoever reads that a test failed, and has only that."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(stack, Stack):
        report.sections.append(("The operator's last complaints", "\n".join(stack.complaints()[-_SHOWN:])))
    return report
