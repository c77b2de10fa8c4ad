"""Downloads of the programs, from a server on this machine; the makers' own hosts were never tried from here."""

from __future__ import annotations

import hashlib
import io
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from controlplane.download import Downloads, checksum_in
from controlplane.releases import PROGRAMS, Program, Release, architecture, pinned

RELEASE = pinned()
KUBECTL = PROGRAMS["kubectl"]
PAGE = b"<html><body>Please log in to the network of this hotel.</body></html>"

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


def path_of(template: str, program: Program, release: Release = RELEASE) -> str:
    """Return where a mirror has what a maker has."""
    return "/" + template.format(v=release.version(program), arch=architecture()).removeprefix("https://")


def packed(member: str, content: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as file:
        info = tarfile.TarInfo(member)
        info.size = len(content)
        file.addfile(info, io.BytesIO(content))
    return archive.getvalue()


def whole(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def cut_off(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])


def a_page(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    whole(handler, PAGE)


class Mirror:
    """A server that has what the makers have; how it answers for one program can be chosen."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.ending = threading.Event()
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked.append(self.path)
                if self.path not in mirror.files:
                    self.send_error(404)
                    return
                mirror.answers.get(self.path, whole)(self, mirror.files[self.path])

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def has(self, program: Program, content: bytes) -> None:
        url = path_of(program.url, program)
        file = packed(program.member.format(v=RELEASE.version(program), arch=architecture()), content)
        self.files[url] = file if program.member else content
        name = url.rpartition("/")[2]
        checksum = hashlib.sha256(self.files[url]).hexdigest()
        # By itself as Kubernetes has it; in a list as etcd and Helm have it.
        text = f"{checksum}  {name}\n{'0' * 64}  another\n" if program.member else checksum
        self.files[path_of(program.checksums, program)] = text.encode()

    def stop(self) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    found = Mirror()
    for name, program in PROGRAMS.items():
        found.has(program, f"the program {name}".encode() * 1000)
    yield found
    found.stop()


@pytest.fixture
def said() -> list[str]:
    return []


def fetch(
    said: list[str],
    url: str,
    folder: Path,
    names: Sequence[str] = ("kubectl",),
    patience: float = 60,
    pins: str = "",
    **more: Any,
) -> set[str]:
    pinned_here = folder.parent / "checksums.txt"
    pinned_here.write_text(pins)
    return Downloads(said.append, url, patience, pinned=pinned_here, **more).fetch(names, RELEASE, folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "cache"
    made.mkdir()
    return made


def test_all_programs_are_downloaded_whole_and_can_be_run(mirror: Mirror, folder: Path, said: list[str]) -> None:
    assert fetch(said, mirror.url, folder, list(PROGRAMS)) == set(PROGRAMS)
    for name in PROGRAMS:
        assert (folder / name).read_bytes() == f"the program {name}".encode() * 1000
        assert (folder / name).stat().st_mode & 0o111
    assert sorted(path.name for path in folder.iterdir()) == sorted(PROGRAMS), "and nothing besides"


@pytest.mark.parametrize(
    ("answer", "why"),
    [(cut_off, "broke off"), (a_page, "has the SHA-256")],
    ids=["cut off", "a page of a captive portal"],
)
def test_what_is_not_whole_or_not_right_is_not_there(
    mirror: Mirror, folder: Path, said: list[str], answer: Answer, why: str
) -> None:
    mirror.answers[path_of(KUBECTL.url, KUBECTL)] = answer
    assert fetch(said, mirror.url, folder, ["kubectl", "helm"]) == {"helm"}, "the other one is"
    assert [line for line in said if "kubectl is not downloaded" in line and why in line], said
    assert [path.name for path in folder.iterdir()] == ["helm"]


def test_a_page_instead_of_a_checksum_ends_all_downloads(mirror: Mirror, folder: Path, said: list[str]) -> None:
    mirror.answers[path_of(KUBECTL.checksums, KUBECTL)] = a_page
    assert fetch(said, mirror.url, folder, ["kubectl", "helm"]) == set()
    assert "no checksum, as the login page" in said[0] and len(mirror.asked) == 1


def test_a_pinned_checksum_goes_before_a_published_one(mirror: Mirror, folder: Path, said: list[str]) -> None:
    maker = KUBECTL.url.format(v=RELEASE.version(KUBECTL), arch=architecture())
    assert fetch(said, mirror.url, folder, pins=f"# pinned\n{'a' * 64}  {maker}\n") == set()
    assert f"and not {'a' * 64}" in said[-1]
    assert path_of(KUBECTL.checksums, KUBECTL) not in mirror.asked


def test_an_archive_without_the_program_is_none(mirror: Mirror, folder: Path, said: list[str]) -> None:
    url, helm = path_of(PROGRAMS["helm"].url, PROGRAMS["helm"]), PROGRAMS["helm"]
    mirror.files[url] = packed("README", b"read me")
    mirror.files[path_of(helm.checksums, helm)] = (
        f"{hashlib.sha256(mirror.files[url]).hexdigest()}  {url.rpartition('/')[2]}"
    ).encode()
    assert fetch(said, mirror.url, folder, ["helm"]) == set()
    assert "has no linux-" in said[-1] and not list(folder.iterdir())


def test_who_sends_too_slowly_is_not_waited_for(mirror: Mirror, folder: Path, said: list[str]) -> None:
    def trickle(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000000")
        handler.end_headers()
        while not mirror.ending.wait(0.01):
            try:
                handler.wfile.write(b"x")
            except OSError:
                return

    mirror.answers[path_of(KUBECTL.url, KUBECTL)] = trickle
    assert fetch(said, mirror.url, folder, judged_after=0) == set()
    assert "compiling is faster" in said[-1] and not list(folder.iterdir())


def test_who_does_not_answer_is_not_waited_for(mirror: Mirror, folder: Path, said: list[str]) -> None:
    def never(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        mirror.ending.wait()

    mirror.answers[path_of(KUBECTL.checksums, KUBECTL)] = never
    assert fetch(said, mirror.url, folder, patience=0.1) == set()
    assert "no answer within" in said[0] or "cannot be reached" in said[0]


def test_a_name_that_is_looked_up_without_end_is_not_waited_for(
    folder: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = threading.Event()

    def look_up(*_: object, **__: object) -> list[object]:
        ending.wait()
        raise OSError("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert fetch(said, "", folder, patience=0.1) == set()
    ending.set()
    assert "dl.k8s.io" in said[0] and "no answer within" in said[0]


def test_without_a_network_it_is_said_once(folder: Path, said: list[str]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        assert fetch(said, url, folder, list(PROGRAMS)) == set()
    assert len(said) == 1 and "cannot be reached" in said[0]


def test_nothing_is_downloaded_where_nothing_is_to_be(folder: Path, said: list[str]) -> None:
    assert fetch(said, "no", folder) == set() and said == []


def test_a_release_that_is_not_there_is_compiled(mirror: Mirror, folder: Path, said: list[str]) -> None:
    del mirror.files[path_of(KUBECTL.url, KUBECTL)]
    assert fetch(said, mirror.url, folder) == set()
    assert "answers 404" in said[-1]


def test_checksums_are_read_as_makers_publish_them() -> None:
    one, two = "a" * 64, "b" * 64
    assert checksum_in(f"{one}\n", "kubectl") == one
    assert checksum_in(f"{one}  other.tar.gz\n{two}  etcd.tar.gz\n", "etcd.tar.gz") == two
    assert checksum_in(f"{one} *helm.tar.gz", "helm.tar.gz") == one, "as of a binary file"
    assert checksum_in(f"{one}  other.tar.gz", "etcd.tar.gz") is None
    assert checksum_in(PAGE.decode(), "kubectl") is None
