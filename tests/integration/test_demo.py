"""`make demo` itself: its story, its exit code, and nothing left behind."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from harness.stack import ROOT


def demo(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "demo", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def left_behind(folder: str) -> list[str]:
    """Return the command lines of processes that name a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_text().replace("\0", " ")
        except OSError:
            continue
        if folder in line:
            found.append(line)
    return found


def test_the_story_is_told_once() -> None:
    told = demo("--once")
    output, _ = told.communicate(timeout=120)
    assert told.returncode == 0, output
    chapters = ["vault is ready", "policy is ready", "WaitingForPermissions", "disk is protected",
                "InProgress", "backup is done", "Restore point of"]  # fmt: skip
    places = [output.index(chapter) for chapter in chapters]
    assert places == sorted(places), output
    assert "protecteddisk.azdiskbackup.io/postgres-data   True" in output
    folder = re.search(r"KUBECONFIG=(\S+?/azdiskbackup-demo-[^/]+)", output)
    assert folder is not None and not Path(folder[1]).exists() and not left_behind(folder[1])


def test_ctrl_c_ends_it_cleanly_at_any_moment() -> None:
    stopped = demo()
    assert stopped.stdout is not None
    seen = ""
    for line in stopped.stdout:
        seen += line
        if "WaitingForPermissions" in line:
            break
    stopped.send_signal(signal.SIGINT)
    rest, _ = stopped.communicate(timeout=60)
    assert stopped.returncode == 0, seen + rest
    assert "Stopping." in rest and "Traceback" not in rest
    assert not left_behind("azdiskbackup-demo-")


def test_a_story_that_cannot_be_told_fails_with_a_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, "KUBEBUILDER_ASSETS": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--once"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "has no etcd, kube-apiserver, kube-controller-manager, kubectl" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
