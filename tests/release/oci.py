"""An image as it is published: an OCI archive, with its configuration and its layers."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class Archive:
    """An archive with one image.

    Attributes:
        configuration: what the image says of itself.
        layers: described, the base's first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        (described,) = self._json("index.json")["manifests"]
        manifest = self._blob(described["digest"])
        self.configuration: Json = self._blob(manifest["config"]["digest"])
        self.layers: list[Json] = manifest["layers"]

    def files(self, layer: Json) -> Iterator[tarfile.TarInfo]:
        """Yield what is in a layer."""
        with tarfile.open(fileobj=io.BytesIO(self._content(layer))) as files:
            yield from files

    def unpack(self, folder: Path) -> None:
        """Write all files to a folder, as a container sees them.

        Raises:
            CalledProcessError: tar could not.
        """
        folder.mkdir(parents=True)
        for layer in self.layers:
            # Nothing that our Dockerfile does takes away what a layer below has.
            assert not any(Path(file.name).name.startswith(".wh.") for file in self.files(layer)), "it only adds"
            command = ["tar", "--extract", "--overwrite", f"--directory={folder}"]
            subprocess.run(command, input=self._content(layer), capture_output=True, check=True)

    def differing(self, other: Archive) -> list[str]:
        """Return what another one has otherwise: ``configuration``, or files of layers; empty for the same image."""
        found = [] if self.configuration == other.configuration else ["configuration"]
        for mine, others in zip(self.layers, other.layers, strict=True):
            if mine["digest"] != others["digest"]:
                files = set(map(_described, self.files(mine))) ^ set(map(_described, other.files(others)))
                found += sorted({name for name, *_ in files}) or [f"content or order of {mine['digest']}"]
        return found

    def _content(self, layer: Json) -> bytes:
        content = self._bytes(_place(layer["digest"]))
        return gzip.decompress(content) if layer["mediaType"].endswith("gzip") else content

    def _blob(self, digest: str) -> Json:
        return self._json(_place(digest))

    def _json(self, name: str) -> Json:
        found: Json = json.loads(self._bytes(name))
        return found

    def _bytes(self, name: str) -> bytes:
        with tarfile.open(self._path) as archive:
            file = archive.extractfile(name)
            assert file is not None, f"{name} is a file"
            return file.read()


def _described(file: tarfile.TarInfo) -> tuple[str, int, int, float, int]:
    return file.name, file.size, file.mode, file.mtime, file.uid


def _place(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"
