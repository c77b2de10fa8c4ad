"""The operator as a process: what it says when it cannot start, its probe, its end."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from harness.processes import free_ports
from harness.stack import SUBSCRIPTION, Stack


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command with nothing set but what is given."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AZDISKBACKUP", "AZURE"))}
    environment |= {f"AZDISKBACKUP_{name.upper()}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "azdiskbackup", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "AZDISKBACKUP_SUBSCRIPTION_ID: Field required"),
        ({"subscription_id": "mine"}, "must be the GUID of a subscription"),
        ({"subscription_id": SUBSCRIPTION, "clock": "sundial"}, "must be `system` or `simulated:https://…`"),
        ({"subscription_id": SUBSCRIPTION, "workers": "0"}, "AZDISKBACKUP_WORKERS"),
    ],
)
def test_a_wrong_setting_gets_a_sentence(settings: dict[str, str], says: str) -> None:
    done = run(**settings)
    assert done.returncode == 2 and says in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(
    Path("/var/run/secrets/kubernetes.io/serviceaccount/token").exists(),
    reason="the tests run in a pod, whose service account would be used",
)
@pytest.mark.parametrize(("kubeconfig", "says"), [("", "NotInCluster"), ("/no/such/file", "cannot be used")])
def test_no_way_to_the_api_server_gets_a_sentence(kubeconfig: str, says: str) -> None:
    settings = {"subscription_id": SUBSCRIPTION} | ({"kubeconfig": kubeconfig} if kubeconfig else {})
    done = run(**settings)
    assert done.returncode == 1 and says in done.stderr and "Traceback" not in done.stderr


def test_help_describes_every_setting() -> None:
    done = run("--help")
    assert done.returncode == 0
    for name in ("--subscription-id", "--resource-manager-endpoint", "--clock", "--observe-minutes", "--probe-port"):
        assert name in done.stdout


def test_the_probe_answers_and_the_end_is_quick(stack: Stack, gold: str) -> None:
    assert stack.stop_operator() == 0
    port = free_ports(1)[0]
    try:
        stack.start_operator(probe_port=str(port))
        stack.operator.wait_until(lambda: _healthy(port))
        started = time.monotonic()
        assert stack.stop_operator() == 0
        assert time.monotonic() - started < 3, "the kubelet need not insist"
    finally:
        stack.start_operator()


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200 and "engine" in json.load(answer))
    except (urllib.error.URLError, OSError):
        return False


def test_nothing_secret_is_logged(stack: Stack) -> None:
    log = stack.operator_log.read_text()
    for secret in (Path(stack.folder / "azure.token"), *stack.plane.folder.glob("*.token")):
        assert secret.read_text().strip() not in log
    assert "Bearer" not in log and "&h=simulated" not in log
