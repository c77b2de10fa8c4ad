"""Programs as their makers publish them, each checked against its SHA-256.

Where nothing answers within seconds, or slower than compiling would be, the answer is no: then they are compiled.
``DOWNLOADS=https://mirror.example/files`` names a mirror, in which each maker's host is a folder; ``DOWNLOADS=no``
downloads nothing.
"""

from __future__ import annotations

import functools
import hashlib
import http.client
import os
import re
import tarfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from controlplane.releases import MODULE, PROGRAMS, Program, Release, architecture

# SHA-256 and address, a line each, of what was once downloaded and looked at; it goes before what the maker says today.
PINNED = MODULE / "checksums.txt"
ANSWERS_WITHIN_SECONDS = 5.0
# Slower than that, all of them take longer than compiling them.
SLOWEST_BYTES_PER_SECOND = 256 * 1024
_JUDGED_AFTER_SECONDS = 10.0
_CHUNK = 1 << 18
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_LIST = 1 << 20

Say = Callable[[str], None]


class NoDownloadError(RuntimeError):
    """Why something cannot be had by downloading it: the rest of a sentence that begins with its address."""


class Downloads:
    """The makers' releases, or a mirror of them.

    Args:
        say: tells a person what happens.
        mirror: ``DOWNLOADS``, if not given.
        patience: for an answer, in seconds.
        slowest: bytes a second.
        judged_after: seconds after which the speed is judged.
    """

    def __init__(
        self,
        say: Say,
        mirror: str | None = None,
        patience: float = ANSWERS_WITHIN_SECONDS,
        slowest: float = SLOWEST_BYTES_PER_SECOND,
        judged_after: float = _JUDGED_AFTER_SECONDS,
        pinned: Path = PINNED,
    ) -> None:
        self._say = say
        self._mirror = os.environ.get("DOWNLOADS", "") if mirror is None else mirror
        self._patience = patience
        self._slowest = slowest
        self._judged_after = judged_after
        self._pinned = _pins(pinned.read_text())

    def fetch(self, names: Iterable[str], release: Release, folder: Path) -> set[str]:
        """Download programs into a folder; return the names of those that are there now.

        Nothing that is not whole and right is ever there under its name.
        """
        programs = [PROGRAMS[name] for name in names]
        if self._mirror == "no" or not programs:
            return set()
        first = programs[0]
        try:
            # By itself: where there is no way out, that is known after one try, and not after five.
            self._checksum(first, release)
        except NoDownloadError as error:
            self._say(f"not downloaded: {error}")
            return set()
        self._say(f"downloading {', '.join(program.name for program in programs)}")
        with ThreadPoolExecutor(len(programs)) as threads:
            done = threads.map(lambda program: self._fetched(program, release, folder), programs)
            return {program.name for program, there in zip(programs, done, strict=True) if there}

    def _fetched(self, program: Program, release: Release, folder: Path) -> bool:
        started = time.monotonic()
        try:
            self._fetch(program, release, folder)
        except NoDownloadError as error:
            self._say(f"{program.name} is not downloaded: {error}")
            return False
        self._say(f"{program.name} {release.version(program)} downloaded in {time.monotonic() - started:.0f} s")
        return True

    def _fetch(self, program: Program, release: Release, folder: Path) -> None:
        wanted = self._checksum(program, release)
        url = self._url(program.url, release.version(program))
        partial = folder / f".{program.name}.{os.getpid()}.part"
        try:
            found = self._transfer(url, partial)
            if found != wanted:
                raise NoDownloadError(f"{url} has the SHA-256 {found}, and not {wanted}")
            if program.member:
                _unpack(partial, _filled(program.member, release.version(program)), url)
            partial.chmod(0o755)
            # Atomic: what is killed before leaves nothing under the name.
            partial.rename(folder / program.name)
        finally:
            partial.unlink(missing_ok=True)

    def _checksum(self, program: Program, release: Release) -> str:
        version = release.version(program)
        pinned = self._pinned.get(_filled(program.url, version))
        if pinned:
            return pinned
        url = self._url(program.checksums, version)
        text = _within(self._patience, url, functools.partial(self._text, url))
        found = checksum_in(text, _filled(program.url, version).rpartition("/")[2])
        if found is None:
            raise NoDownloadError(f"{url} answers with no checksum, as the login page of a network does")
        return found

    def _text(self, url: str) -> str:
        with _opened(url, self._patience) as answer:
            return answer.read(_LONGEST_LIST).decode(errors="replace")

    def _transfer(self, url: str, target: Path) -> str:
        """Write what is at an address to a file; return its SHA-256."""
        digest, got, started = hashlib.sha256(), 0, time.monotonic()
        with _opened(url, self._patience) as answer, target.open("wb") as file:
            while chunk := _read(answer, url):
                digest.update(chunk)
                file.write(chunk)
                got += len(chunk)
                took = time.monotonic() - started
                if took > self._judged_after and got < took * self._slowest:
                    raise NoDownloadError(f"{url} sends {got / took / 1024:.0f} KiB a second, and compiling is faster")
            if answer.length:
                raise NoDownloadError(f"{url} broke off, with {answer.length} bytes to go")
        return digest.hexdigest()

    def _url(self, template: str, version: str) -> str:
        url = _filled(template, version)
        if not self._mirror:
            return url
        parts = urlsplit(url)
        return f"{self._mirror.rstrip('/')}/{parts.netloc}{parts.path}"


def checksum_in(text: str, file: str) -> str | None:
    """Return the SHA-256 of a file from what a maker publishes: by itself, or in a list of `sha256sum`."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if len(lines) == 1 and len(lines[0]) == 1 and _SHA256.fullmatch(lines[0][0]):
        return lines[0][0]
    named = (line[0] for line in lines if len(line) == 2 and line[1].lstrip("*") == file)
    return next((found for found in named if _SHA256.fullmatch(found)), None)


def _pins(text: str) -> dict[str, str]:
    lines = (line.split() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {address: checksum for checksum, address in lines}


def _filled(template: str, version: str) -> str:
    return template.format(v=version, arch=architecture())


def _opened(url: str, patience: float) -> http.client.HTTPResponse:
    try:
        opened: http.client.HTTPResponse = urllib.request.urlopen(url, timeout=patience)  # noqa: S310 - a person's setting, or ours
    except urllib.error.HTTPError as error:
        raise NoDownloadError(f"{url} answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoDownloadError(f"{url} cannot be reached ({getattr(error, 'reason', None) or error})") from error
    return opened


def _read(answer: http.client.HTTPResponse, url: str) -> bytes:
    try:
        # What is there, not all that is asked for: who sends little has to be noticed.
        return answer.read1(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise NoDownloadError(f"{url} broke off ({error})") from error


def _unpack(archive: Path, member: str, url: str) -> None:
    """Put a member of an archive in the archive's place."""
    try:
        with tarfile.open(archive) as packed:
            file = packed.extractfile(member)
            content = file.read() if file is not None else b""
    except (KeyError, tarfile.TarError) as error:
        raise NoDownloadError(f"{url} has no {member} ({error})") from error
    if not content:
        raise NoDownloadError(f"{url} has no {member} (it is no file, or empty)")
    archive.write_bytes(content)


def _within(seconds: float, url: str, look: Callable[[], str]) -> str:
    """Return what a look finds; a name that is looked up knows no time limit, so that the look is left behind then."""
    found: list[str] = []
    failed: list[NoDownloadError] = []

    def run() -> None:
        try:
            found.append(look())
        except NoDownloadError as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not found:
        raise NoDownloadError(f"{url} gives no answer within {seconds:.0f} s")
    return found[0]
