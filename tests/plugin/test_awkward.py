"""Servers that answer anything, kubeconfigs of every kind, streams that break: a sentence and an exit code, always."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugin.conftest import Run
from plugin.server import kubeconfig
from plugin.test_bad_input import plugin

PLAIN, HTML, JSON = "text/plain", "text/html", "application/json"


class Anything(BaseHTTPRequestHandler):
    """Answers every request with the same."""

    def do_GET(self) -> None:
        status, kind, body = self.server.answer  # type: ignore[attr-defined] # set by the fixture
        if self.path == "/version" and self.server.tells_version:  # type: ignore[attr-defined] # likewise
            status, kind, body = 200, JSON, b'{"gitVersion": "v1.33.0"}'
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the library's name

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Any]:
    found: Any = ThreadingHTTPServer(("127.0.0.1", 0), Anything)
    found.tells_version = False
    found.kubeconfig = kubeconfig(tmp_path, f"http://127.0.0.1:{found.server_address[1]}")
    threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


ANSWERS = [
    ((200, HTML, b"<html>Sign in</html>"), "no API server"),
    ((200, JSON, b""), "no API server"),
    ((200, JSON, b"null"), "no API server"),
    ((200, JSON, b"\xff\xfe{"), "no API server"),
    ((404, PLAIN, b"404 page not found\n"), "does not have azdiskbackup"),
    ((404, JSON, b'{"reason":"NotFound","message":"the server could not find the requested resource"}'),
     "does not have azdiskbackup"),
    ((401, PLAIN, b"Unauthorized\n"), "does not accept your credentials"),
    ((403, HTML, b"<html>\n<h1>No\n</h1></html>"), "Permission denied: No."),
    ((502, HTML, b"<html>\n<h1>Bad\nGateway</h1></html>"), "does not respond: Bad Gateway."),
]  # fmt: skip


# Every answer to one command, and to every command an answer that is none and a page.
_CASES = [("disks", *each) for each in ANSWERS] + [
    (command, *each)
    for command in ("status", "describe data", "backup data", "unprotected", "jobs -o json")
    for each in (ANSWERS[0], ANSWERS[4])
]


@pytest.mark.parametrize(("command", "answer", "says"), _CASES)
def test_whatever_answers(typed: Run, server: Any, command: str, answer: tuple[int, str, bytes], says: str) -> None:
    server.answer = answer
    code, out, err = typed(*command.split(), "--kubeconfig", server.kubeconfig)
    assert (code, out) == (1, ""), err
    assert len(err.splitlines()) == 1 and "<" not in err
    # What the answer is to core kinds, which every cluster has, is no news of ours.
    assert says in err or (command == "unprotected" and answer[0] == 404)


def test_check_tells_everything_where_nothing_is_installed(typed: Run, server: Any) -> None:
    server.answer, server.tells_version = (404, PLAIN, b"404 page not found\n"), True
    code, out, err = typed("check", "--no-azure", "-o", "json", "--kubeconfig", server.kubeconfig)
    assert (code, err) == (3, "")
    found = {each["what"]: each for each in json.loads(out)["items"]}
    assert found["API server"]["state"] == "GOOD" and "nstall" in found["Kinds"]["remediation"]
    assert "does not have azdiskbackup" in found["BackupVaults"]["detail"]


@pytest.mark.parametrize(
    ("user", "context", "says"),
    [
        ({"exec": {"command": "sh", "args": ["-c", "echo expired >&2; exit 3"]}}, {}, "expired"),
        ({"exec": {"command": "kubelogin-that-is-not-there"}}, {}, "kubelogin-that-is-not-there"),
        ({"token": "secret", "as": "bob"}, {}, "impersonates another one"),
        ({"token": "se\ncret"}, {}, "line breaks"),
        ({"client-certificate-data": "bm9uZQ==", "client-key-data": "bm9uZQ=="}, {}, "certificate or key"),
        ({"token": "secret"}, {"namespace": "a/b"}, "not a valid namespace name"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used(
    typed: Run, server: Any, tmp_path: Path, user: dict[str, Any], context: dict[str, Any], says: str
) -> None:
    path = Path(server.kubeconfig)
    config = yaml.safe_load(path.read_text())
    if "exec" in user:
        user["exec"] |= {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}
    config["users"][0]["user"] = user
    config["contexts"][0]["context"] |= context
    config["clusters"][0]["cluster"]["server"] = config["clusters"][0]["cluster"]["server"].replace("http:", "https:")
    path.write_text(yaml.safe_dump(config))
    code, out, err = typed("disks", "--kubeconfig", server.kubeconfig, HOME=str(tmp_path))
    assert (code, out) == (1, "") and says in err, err
    assert len(err.splitlines()) == 1


def test_the_environments_proxy_stands_not_between_where_it_should_not(server: Any) -> None:
    server.answer = (200, JSON, b'{"items": [], "metadata": {}}')
    proxied = {"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1", "KUBECONFIG": server.kubeconfig}
    beside = plugin("disks", **proxied, NO_PROXY="127.0.0.0/8", no_proxy="127.0.0.0/8")
    assert beside.returncode == 0, beside.stderr
    through = plugin("disks", **proxied, NO_PROXY="example.com", no_proxy="example.com")
    assert through.returncode == 1 and "does not respond" in through.stderr


# --- streams ------------------------------------------------------------------------------------------


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("KUBE", "AZURE_"))}
    words = ["bash", "-c", line.replace("PLUGIN", "python -m azdiskbackup.plugin")]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(words, capture_output=True, text=True, timeout=60, env={**clean, "PATH": path, **environment})


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("PLUGIN explain -o yaml | true; echo ${PIPESTATUS[0]}", "141"),
        ("PLUGIN --help | true; echo ${PIPESTATUS[0]}", "141"),
        ("PLUGIN version | true; echo ${PIPESTATUS[0]}", "141"),
        ("PLUGIN explain >&-; echo $?", "0"),
        ("PLUGIN explain >/dev/full; echo $?", "1"),
        ("PLUGIN explain Nonsense 2>&-; echo $?", "2"),
    ],
)
def test_a_stream_that_breaks(line: str, code: str) -> None:
    # What is written before the reader has gone away meets nobody's end: enough of it does.
    done = shell(f"for _ in 1 2 3 4 5; do {line}; done")
    assert code in done.stdout.split(), done.stdout[-200:]
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


@pytest.mark.parametrize("form", ["table", "json", "yaml"])
def test_a_terminal_of_another_alphabet(server: Any, form: str) -> None:
    metadata = {"name": "data", "namespace": "shop", "uid": "u", "creationTimestamp": "2026-11-01T00:00:00Z"}
    conditions = [{"type": "Ready", "status": "False", "reason": "X", "message": "ü→ß"}]
    disk = {"metadata": metadata, "spec": {"policyRef": {"name": "gold"}}, "status": {"conditions": conditions}}
    server.answer = (200, JSON, json.dumps({"items": [disk], "metadata": {}}).encode())
    done = plugin("disks", "-o", form, KUBECONFIG=server.kubeconfig, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    if form == "json":
        assert json.loads(done.stdout)["items"][0]["message"] == "ü→ß"


def test_a_bug_is_a_sentence_and_on_request_a_traceback(server: Any) -> None:
    server.answer = (200, JSON, b'{"items": [{}], "metadata": {}}')
    done = plugin("disks", KUBECONFIG=server.kubeconfig)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "AZDISKBACKUP_DEBUG=1" in done.stderr
    assert "Traceback" in plugin("disks", KUBECONFIG=server.kubeconfig, AZDISKBACKUP_DEBUG="1").stderr
