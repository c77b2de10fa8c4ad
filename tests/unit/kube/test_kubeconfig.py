"""A kubeconfig that says all by itself is read alike by us and by the client library; every other is the library's."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from azdiskbackup.errors import InvalidRequest
from azdiskbackup.kube.kubeconfig import library, plain
from azdiskbackup.kube.kubeconfig.connection import KubeConnection
from azdiskbackup.kube.kubeconfig.reading import contexts, from_kubeconfig

Json = dict[str, Any]

_SERVER = {"server": "https://api.example.com:443/"}
_PEM = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"
_DATA = base64.b64encode(_PEM.encode()).decode()
_CERTIFICATES = {"client-certificate-data": _DATA, "client-key-data": _DATA}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)


def config(cluster: Json, user: Json | None, **more: Any) -> Json:
    context: Json = {"cluster": "c", "user": "u"} | more.pop("context", {})
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": context}, {"name": "y", "context": context}],
        **more,
    }


def written(folder: Path, content: object) -> str:
    path = folder / "config"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    for name in ("ca.pem", "client.pem", "client.key"):
        (folder / name).write_text(_PEM)
    (folder / "token").write_text("from-a-file\n")
    return str(path)


def meaning(found: KubeConnection) -> Json:
    """Return what a connection comes to, whatever files it is in."""
    files = (found.ca_file, found.client_certificate, found.client_key)
    return {
        "server": found.server,
        "namespace": found.namespace,
        "files": [Path(each).read_text() if each else None for each in files],
        "token": found.token(),
        "verify": found.verify,
        "server_name": found.server_name,
        "proxy": found.proxy,
    }


@pytest.mark.parametrize(
    ("cluster", "user", "context"),
    [
        ({"certificate-authority-data": _DATA}, _CERTIFICATES, {}),
        ({"certificate-authority": "ca.pem"}, {"client-certificate": "client.pem", "client-key": "client.key"}, {}),
        ({"certificate-authority-data": _DATA}, {"token": "abc"}, {"namespace": "shop"}),
        ({"insecure-skip-tls-verify": True}, {"token": "abc"}, {}),
        ({"certificate-authority-data": _DATA, "tls-server-name": "other.example.com"}, {"token": "abc"}, {}),
        ({}, {"token": "abc"} | _CERTIFICATES, {}),
        ({"certificate-authority-data": _DATA, "extensions": [{"name": "x", "extension": {}}]}, _CERTIFICATES, {}),
    ],
)
def test_what_says_all_by_itself_is_read_as_the_library_reads_it(
    tmp_path: Path, cluster: Json, user: Json, context: Json
) -> None:
    path = written(tmp_path, config(_SERVER | cluster, user, context=context))
    ours = plain.read(path, None)
    assert ours is not None
    assert meaning(ours) == meaning(library.read(path, None))
    assert contexts(path) == library.contexts(path) == ["x", "y"]


@pytest.mark.parametrize(
    "content",
    [
        config(_SERVER, {"exec": {"command": "kubelogin", "apiVersion": "client.authentication.k8s.io/v1"}}),
        config(_SERVER, {"auth-provider": {"name": "oidc"}}),
        config(_SERVER, {"username": "a", "password": "b"}),
        config(_SERVER, {"token": "abc", "tokenFile": "token"}),
        config(_SERVER, {}),
        config(_SERVER, None),
        config(_SERVER | {"proxy-url": "http://proxy:3128"}, {"token": "abc"}),
        config({}, {"token": "abc"}),
        config(_SERVER, {"token": "abc"}, **{"current-context": "z"}),
        config(_SERVER, {"client-certificate-data": "%%%", "client-key-data": "%%%"}),
        config(_SERVER, {"token": "abc"}, clusters=[{"name": "c", "cluster": _SERVER}] * 2),
        config(_SERVER, {"token": "abc"}, users=None),
        "a: [",
        "",
        "just words",
    ],
)
def test_every_other_is_the_library_s(tmp_path: Path, content: object) -> None:
    assert plain.read(written(tmp_path, content), None) is None


def test_several_files_and_none_are_the_library_s(tmp_path: Path) -> None:
    path = written(tmp_path, config(_SERVER, {"token": "abc"}))
    assert plain.read(f"{path}:{path}", None) is None and plain.contexts(f"{path}:{path}") is None
    assert contexts(f"{path}:{path}") == ["x", "y"]
    assert plain.read(str(tmp_path / "none"), None) is None
    with pytest.raises(InvalidRequest):
        from_kubeconfig(str(tmp_path / "none"))
    assert contexts(str(tmp_path / "none")) == []


def test_a_proxy_of_the_environment_is_the_library_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, config(_SERVER, {"token": "abc"}))
    assert from_kubeconfig(path).proxy is None
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert from_kubeconfig(path).proxy == "http://proxy:3128"


@pytest.mark.parametrize(
    ("user", "context", "words"),
    [
        ({"token": "a b"}, {}, "its token has blanks"),
        ({"token": "abc"}, {"namespace": "Shop!"}, "is not a valid namespace name"),
    ],
)
def test_what_would_end_in_something_else_is_refused(tmp_path: Path, user: Json, context: Json, words: str) -> None:
    path = written(tmp_path, config(_SERVER, user, context=context))
    for read in (plain.read, library.read, from_kubeconfig):
        with pytest.raises(InvalidRequest, match=words):
            read(path, None)


def test_another_context_is_read(tmp_path: Path) -> None:
    content = config(_SERVER, {"token": "abc"})
    content["contexts"][1]["context"] = {"cluster": "c", "user": "u", "namespace": "other"}
    found = plain.read(written(tmp_path, content), "y")
    assert found is not None and found.namespace == "other"


def test_a_file_with_the_token_is_read_anew_each_time(tmp_path: Path) -> None:
    """The library reads it once, and takes the end of the line for a part of the token."""
    found = from_kubeconfig(written(tmp_path, config(_SERVER, {"tokenFile": "token"})))
    assert found.token() == "from-a-file"
    (tmp_path / "token").write_text("rotated")
    assert found.token() == "rotated"


def test_data_are_in_files_that_nobody_else_can_read(tmp_path: Path) -> None:
    found = plain.read(written(tmp_path, config(_SERVER, _CERTIFICATES)), None)
    assert found is not None and found.client_key is not None
    assert Path(found.client_key).stat().st_mode & 0o077 == 0
