"""The operator as a process: what it says when it cannot start, its probe, its end."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from harness.stack import SUBSCRIPTION, Stack
from nodeless import isolation


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
        ({"subscription_id": SUBSCRIPTION, "ca_file": __file__}, "has no certificates in the form PEM"),
        ({"subscription_id": SUBSCRIPTION, "authority_host": "http://login"}, "must be an https:// URL"),
    ],
)
def test_a_wrong_setting_gets_a_sentence(settings: dict[str, str], says: str) -> None:
    done = run(**settings)
    (line,) = done.stdout.splitlines()
    said = json.loads(line)
    assert (done.returncode, said["exit_code"]) == (2, 2)
    assert says in said["event"] and not done.stderr


@pytest.mark.parametrize("argument", ["rnu", "--colour=red"])
def test_a_wrong_argument_gets_a_sentence(argument: str) -> None:
    done = run(argument, subscription_id=SUBSCRIPTION)
    said = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, said["exit_code"]) == (2, 2)
    assert argument in said["event"] and "azdiskbackup --help" in said["event"]


def test_a_kubeconfig_without_a_user_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
        "clusters: [{name: k, cluster: {server: 'https://localhost:1'}}]\nusers: [{name: u, user: null}]\n"
    )
    done = run(subscription_id=SUBSCRIPTION, kubeconfig=str(tmp_path / "config"))
    (line,) = done.stdout.splitlines()
    assert done.returncode == 3 and "invalid kubeconfig" in json.loads(line)["event"]


@pytest.mark.skipif(
    Path("/var/run/secrets/kubernetes.io/serviceaccount/token").exists(),
    reason="the tests run in a pod, whose service account would be used",
)
@pytest.mark.parametrize(("kubeconfig", "says"), [("", "NotInCluster"), ("/no/such/file", "invalid kubeconfig")])
def test_no_way_to_the_api_server_gets_a_sentence(kubeconfig: str, says: str) -> None:
    settings = {"subscription_id": SUBSCRIPTION} | ({"kubeconfig": kubeconfig} if kubeconfig else {})
    done = run(**settings)
    (line,) = done.stdout.splitlines()
    assert done.returncode == 3 and says in json.loads(line)["event"] and not done.stderr


def test_help_describes_every_setting() -> None:
    done = run("--help")
    assert done.returncode == 0
    for name in ("--subscription-id", "--resource-manager-endpoint", "--clock", "--observe-minutes", "--probe-port"):
        assert name in done.stdout


def test_the_probes_answer_and_it_ends_when_it_is_asked_to(stack: Stack, gold: str) -> None:
    pod = stack.installation.leading()
    for path in ("healthz", "readyz"):
        with urllib.request.urlopen(f"http://{pod.ip}:8080/{path}", timeout=5) as answer:
            assert json.load(answer) == {"ok": True, "why": None}
    try:
        assert stack.stop_operator() == 0, "the kubelet need not insist"
    finally:
        stack.start_again()


def test_nothing_secret_is_logged(stack: Stack) -> None:
    log = stack.operator_said()
    tokens = list((stack.folder / "pods").glob("*/volumes/*/*token"))
    assert len(tokens) >= 2, "the service account's and the federated one"
    for secret in tokens:
        assert secret.read_text().strip() not in log
    assert "Bearer" not in log and "&h=simulated" not in log


def test_the_operator_has_no_right_of_root_and_can_gain_none(stack: Stack) -> None:
    """As its security context asks: so that what it can do in the other tests, it can do as nobody special."""
    if not isolation.available():
        pytest.skip("bubblewrap is needed to hold pods to their security contexts (apt-get install bubblewrap)")
    lines = Path(f"/proc/{stack.operator_pid}/status").read_text().splitlines()
    status = {name: words.split() for name, _, words in (line.partition(":") for line in lines)}
    assert status["NoNewPrivs"] == ["1"]
    assert {int(status[name][0], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    if os.geteuid() == 0:
        assert status["Uid"] == status["Gid"] == ["65532"] * 4 and status["Groups"] == []
        assert int(status["CapBnd"][0], 16) == 0
