"""The version: where it stands, and what a new one changes in the tree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from controlplane.releases import NotProvidedError

_VERSION = re.compile(r"\d+\.\d+\.\d+(-rc\.\d+)?")
_PLACE = Path("operator") / "azdiskbackup" / "__init__.py"
_LINE = re.compile(r'^__version__ = "(.+)"$', re.M)
_UNRELEASED = "## Unreleased\n"


def check(version: str) -> None:
    """Look whether a version can be one.

    Raises:
        NotProvidedError: it cannot.
    """
    if not _VERSION.fullmatch(version):
        raise NotProvidedError(f"VERSION={version or '…'} is none: give one such as 0.2.0 or 0.2.0-rc.1.")


def of(root: Path) -> str:
    """Return the version that a tree says it is."""
    match = _LINE.search((root / _PLACE).read_text())
    assert match is not None, f"{_PLACE} has a version"
    return match[1]


def released_on(root: Path, version: str) -> date | None:
    """Return the date of a version in the changelog; None if it is not there."""
    match = re.search(rf"^## {re.escape(version)} - (\d{{4}}-\d\d-\d\d)$", _changelog(root), re.M)
    return date.fromisoformat(match[1]) if match else None


def epoch(root: Path, version: str) -> int:
    """Return the time that everything of a release has: midnight, UTC, of its date in the changelog."""
    day = released_on(root, version)
    assert day is not None, f"the changelog has {version}"
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def changes(root: Path, version: str) -> list[tuple[str, str]]:
    """Return kind, such as ``Added``, and text of each change of a version, as the changelog has them."""
    _, _, rest = _changelog(root).partition(f"## {version} - ")
    section = re.split(r"^## ", rest, maxsplit=1, flags=re.M)[0]
    found = []
    for part in re.split(r"^### ", section, flags=re.M)[1:]:
        kind, _, text = part.partition("\n")
        items = re.split(r"^- ", text, flags=re.M)[1:]
        found += [(kind.strip(), " ".join(item.split())) for item in items]
    return found


def set_to(root: Path, version: str, today: date) -> None:
    """Have a tree say a version everywhere, and its changelog that what was not released is released today.

    Raises:
        NotProvidedError: nothing is in the changelog that could be released.
    """
    place, changelog = root / _PLACE, root / "CHANGELOG.md"
    if released_on(root, version) is None:
        text = _changelog(root)
        _, _, rest = text.partition(_UNRELEASED)
        if not re.split(r"^## ", rest, maxsplit=1, flags=re.M)[0].strip():
            raise NotProvidedError("CHANGELOG.md has nothing under Unreleased: say what this version changes.")
        changelog.write_text(text.replace(_UNRELEASED, f"{_UNRELEASED}\n## {version} - {today}\n", 1))
    place.write_text(_LINE.sub(f'__version__ = "{version}"', place.read_text()))
    generate(root)


def generate(root: Path) -> None:
    """Write what is generated of a tree, by the tree's own program."""
    path = os.pathsep.join(str(root / each) for each in ("operator", "tests"))
    subprocess.run([sys.executable, "-m", "generated"], cwd=root, env={**os.environ, "PYTHONPATH": path}, check=True)


def _changelog(root: Path) -> str:
    return (root / "CHANGELOG.md").read_text()
