"""`make demo` itself: its story, its exit code, and nothing left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from harness.stack import ROOT


def demo(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the demo; all that it makes is below a folder."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.Popen(
        [sys.executable, "-m", "demo", *arguments],
        cwd=ROOT,
        env={**environment, "PYTHONUNBUFFERED": "1", "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def left_behind(folder: Path) -> list[str]:
    """Return the processes whose command line or environment names a folder, and the files in it."""
    found = [str(path) for path in folder.iterdir()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            about = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in about:
            found.append(about.replace(b"\0", b" ").decode(errors="replace")[:300])
    return found


def test_the_story_is_told_once(tmp_path: Path) -> None:
    told = demo(tmp_path, "--once")
    try:
        output, _ = told.communicate(timeout=240)
    finally:
        told.kill()
    assert told.returncode == 0, output
    chapters = ["vault is ready", "policy is ready", "WaitingForPermissions", "disk is protected",
                "backup is done", "Restore point of", "0 orders are left",
                "data-postgres-0-restored: Completed", "1000 of 1000 orders are back"]  # fmt: skip
    places = [output.index(chapter) for chapter in chapters]
    assert places == sorted(places), output
    assert "protecteddisk.azdiskbackup.io/postgres-data   True" in output
    assert not left_behind(tmp_path)


def test_the_story_of_a_deleted_namespace(tmp_path: Path) -> None:
    told = demo(tmp_path, "--once", "--story=namespace")
    try:
        output, _ = told.communicate(timeout=240)
    finally:
        told.kill()
    assert told.returncode == 0, output
    chapters = ["A pod of a shop writes 1000 orders", "backup is done", 'namespace "shop" deleted', "disks are deleted",
                "postgres-data   Namespace", "namespace/shop created", "adoptFromClusters", "demo patched",
                "shop/data-postgres-0: Completed", "1000 of 1000 orders are back"]  # fmt: skip
    places = [output.index(chapter) for chapter in chapters]
    assert places == sorted(places), output
    assert not left_behind(tmp_path)


def test_the_story_of_a_fleet(tmp_path: Path) -> None:
    told = demo(tmp_path, "--story=fleet")
    assert told.stdout is not None
    output = ""
    try:
        for line in told.stdout:
            output += line
            if "Everything stays up" in line:
                break
        assert "</html>" in next(tmp_path.glob("*/report.html")).read_text(), output
        told.send_signal(signal.SIGINT)
        told.communicate(timeout=60)
    finally:
        told.kill()
    assert told.returncode == 0, output
    chapters = ["6 teams have 40 PVCs", "40 PVCs matched", "SharedDisk", "namespace/labs labeled", "patched",
                "33 protected", "33 of 40 volumes protected", "report.html"]  # fmt: skip
    places = [output.index(chapter) for chapter in chapters]
    assert places == sorted(places), output
    assert not left_behind(tmp_path)


def test_a_story_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    told = demo(tmp_path, "--story=cluster")
    output, _ = told.communicate(timeout=60)
    assert told.returncode == 2
    assert output == "The demo failed: there is no story 'cluster'. STORY= takes disk, namespace or fleet.\n"


def test_ctrl_c_ends_it_cleanly_at_any_moment(tmp_path: Path) -> None:
    stopped = demo(tmp_path)
    assert stopped.stdout is not None
    seen = ""
    try:
        for line in stopped.stdout:
            seen += line
            if "WaitingForPermissions" in line:
                break
        stopped.send_signal(signal.SIGINT)
        rest, _ = stopped.communicate(timeout=60)
    finally:
        stopped.kill()
    assert stopped.returncode == 0, seen + rest
    assert "Stopping." in rest and "Traceback" not in rest
    assert not left_behind(tmp_path)


def test_a_story_that_cannot_be_told_fails_with_a_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, "KUBEBUILDER_ASSETS": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--once"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "has no kube-apiserver: name a folder" in done.stdout.replace("\n", " ")
    assert "Traceback" not in done.stdout + done.stderr
