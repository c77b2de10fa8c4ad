"""``make house``: how long the tests take, how far one has to read, what is left of the dialect."""

from __future__ import annotations

import argparse
import io
import json
import re
import subprocess
import sys
import tempfile
import time
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "operator" / "azdiskbackup"
# What a pass called its nouns before they were desired, observed, plan and status.
_NOUNS = {"want", "seen", "todo", "said"}
_LINES = 19_475
_STORY = "tests/reconcile/test_house.py"

Row = tuple[str, str, str]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="also run `make test`, which takes many minutes")
    rows = list(_rows(parser.parse_args().full))
    print("| measure | here | at most |\n| --- | --- | --- |")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def _rows(full: bool) -> Iterator[Row]:
    if full:
        yield "`make test`", _minutes(lambda: _run("make", "-s", "test")), "10 min"
    yield "`make test-fast`: checks, unit tests, stories", _minutes(lambda: _run("make", "-s", "test-fast")), "90 s"
    yield from _coverage()
    printed = _run(sys.executable, "-m", "pytest", "-q", "-s", _STORY)
    found = re.search(r"goes through: (\d+)", printed)
    yield "files that a pass of a ProtectedDisk goes through", found.group(1) if found else "?", "12"
    yield "lines with a noun of before in what decides and gathers", str(_nouns()), "0"
    words = _run(sys.executable, "-m", "pytest", "-q", "tests/unit/test_words.py", check=False)
    failed = re.search(r"(\d+) failed", words)
    yield "files with a phrase of the dialect", failed.group(1) if failed else "0", "0"
    for package in ("reconcilers", "azure"):
        flat = [path for path in (PACKAGE / package).glob("*.py") if path.name != "__init__.py"]
        yield f"modules directly in `{package}/`", str(len(flat)), "0"
    lines = sum(len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py"))
    yield "lines of operator code", f"{lines:,}", f"{_LINES:,}"


def _coverage() -> Iterator[Row]:
    """Yield how much of what talks to the outside the tests reach that need no outside."""
    with tempfile.TemporaryDirectory() as folder:
        data = f"--data-file={folder}/coverage"
        sources = f"--source={PACKAGE / 'reconcilers'},{PACKAGE / 'azure'}"
        # Not in one process: what stories do to the log is not for unit tests.
        for tests in ("tests/unit", "tests/reconcile"):
            _run(
                *(sys.executable, "-m", "coverage", "run", data, "--branch", sources),
                *("-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", tests),
            )
        _run(sys.executable, "-m", "coverage", "combine", data, "-q", folder)
        report = json.loads(_run(sys.executable, "-m", "coverage", "json", data, "-q", "-o", "-", "--fail-under=0"))
    for package, least in (("reconcilers", 95), ("azure", 90)):
        files = [each["summary"] for name, each in report["files"].items() if f"/{package}/" in f"/{name}"]
        covered = sum(each["covered_lines"] + each["covered_branches"] for each in files)
        total = sum(each["num_statements"] + each["num_branches"] for each in files)
        yield f"`{package}/` covered by unit tests and stories", f"{covered / total:.1%}", f"at least {least}%"


def _nouns() -> int:
    found = 0
    for package in ("core", "reconcilers"):
        for path in (PACKAGE / package).rglob("*.py"):
            names = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
            found += len({each.start[0] for each in names if each.type == tokenize.NAME and each.string in _NOUNS})
    return found


def _minutes(run: Callable[[], object]) -> str:
    began = time.monotonic()
    run()
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if check and done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
