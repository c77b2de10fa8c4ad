"""A page of the documentation as somebody follows it: every block, word for word, in one shell.

``sh`` blocks are typed. ``yaml`` blocks with a title are saved under it. ``text`` blocks are what is to be seen of the
``sh`` block before: each line must be there, in its order; ``…`` stands for what differs, and gaps may be of any width.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.processes import wait_for

_FENCE = re.compile(r"^```(?P<language>\w*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$", re.M | re.S)
_LANGUAGES = {"sh", "yaml", "text"}
# What a person types to go on in another shell.
_OPENS_SHELL = "make shell\n"
# Begins what each block prints.
_MARK = "\x1e"


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; ``line`` is that of its fence."""

    page: Path
    line: int
    language: str
    title: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page.

    Raises:
        AssertionError: one is of a language for which there is no rule.
    """
    source = page.read_text()
    found = [
        Block(page, source[: match.start()].count("\n") + 1, match["language"], match["title"] or "", match["text"])
        for match in _FENCE.finditer(source)
    ]
    unknown = [block.where for block in found if block.language not in _LANGUAGES]
    assert not unknown, f"blocks that are neither of {sorted(_LANGUAGES)}: {unknown}"
    return found


def follow(
    page: Path, folder: Path, environment: dict[str, str], meanwhile: Callable[[], None] | None = None
) -> dict[int, str]:
    """Do what a page says, in a folder; return what each block printed, by its line.

    Args:
        page: the page.
        folder: where the shell is.
        environment: of the shell.
        meanwhile: done over and over while the shell works: let time pass, say.

    Raises:
        AssertionError: a block failed, or did not print what the page shows.
    """
    found = blocks(page)
    printed = dict(_run(page, found, folder, environment, meanwhile))
    for before, block in itertools.pairwise(found):
        if block.language == "text" and before.language == "sh":
            _is_seen(block, printed[before.line])
    return printed


def _run(
    page: Path,
    found: list[Block],
    folder: Path,
    environment: dict[str, str],
    meanwhile: Callable[[], None] | None,
) -> Iterator[tuple[int, str]]:
    script, inner = folder / f".{page.stem}.sh", folder / f".{page.stem}.inner.sh"
    before, opens_shell, after = "".join(_step(block) for block in found).partition(_OPENS_SHELL)
    script.write_text(f"set -euo pipefail\nexec 2>&1\n{before}{opens_shell}")
    # The rest is typed in the shell that opens, which is the person's own.
    inner.write_text(f"#!/bin/bash\nset -euo pipefail\n{after}")
    inner.chmod(0o755)
    output = folder / f".{page.stem}.out"
    with output.open("wb") as sink:
        shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile", script],
            cwd=folder,
            env=environment | {"SHELL": str(inner)},
            stdout=sink,
            stdin=subprocess.DEVNULL,
        )

        def ended() -> bool:
            if meanwhile:
                meanwhile()
            return shell.poll() is not None

        try:
            wait_for(ended, f"{page.name} is followed to its end")
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{output.read_text()}") from None
        finally:
            shell.kill()
    seen = output.read_text(errors="replace")
    parts = re.findall(rf"^{_MARK}(\d+)\n(.*?)(?=^{_MARK}|\Z)", seen, re.M | re.S)
    assert shell.returncode == 0, f"{page.name}:{parts[-1][0] if parts else '?'} failed:\n{seen}"
    for line, text in parts:
        yield int(line), text


def _step(block: Block) -> str:
    if block.language == "sh":
        return f"printf '{_MARK}{block.line}\\n'\n{block.text}"
    if block.language == "yaml" and block.title:
        return f"cat >'{block.title}' <<'{_MARK}'\n{block.text}{_MARK}\n"
    return ""


def _is_seen(block: Block, printed: str) -> None:
    """Assert that lines are among what was printed, in their order."""
    rest = printed.splitlines()
    for line in filter(str.strip, block.text.splitlines()):
        words = (r".*" if word == "…" else re.escape(word).replace("…", ".*") for word in line.split())
        wanted = re.compile(r"\s*".join(words))
        place = next((number for number, each in enumerate(rest) if wanted.search(each)), None)
        assert place is not None, f"{block.where} shows {line!r}, and this was seen:\n{printed}"
        rest = rest[place + 1 :]


def clean_environment(**further: str) -> dict[str, str]:
    """Return the environment of somebody with nothing set up for Kubernetes or Azure, in a wide terminal."""
    not_theirs = ("KUBE", "AZURE_", "AZDISK", "COLUMNS")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(not_theirs)}
    return clean | further
