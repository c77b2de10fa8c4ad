"""What builds images on this machine: docker, podman or buildah, behind one face.

Tried is buildah 1.28, as root; docker and podman are called by their documents, and untried.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controlplane.releases import NotProvidedError

NAMES = ("docker", "podman", "buildah")


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that builds images.

    Methods raise CalledProcessError, with what the program printed, where it fails.
    """

    name: str

    def build(
        self,
        context: Path,
        image: str,
        platform: str,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        certificates: Path | None,
        epoch: int | None,
        *,
        anew: bool = False,
    ) -> None:
        """Build deploy/Dockerfile of a folder."""
        words = [f"--file={context / 'deploy' / 'Dockerfile'}", f"--tag={image}"]
        words += [f"--build-arg={name}={value}" for name, value in arguments.items()]
        words += [f"--label={name}={value}" for name, value in labels.items()]
        words += ["--no-cache"] if anew else []
        if self.name == "docker":
            environment = {"DOCKER_BUILDKIT": "1"} | ({"SOURCE_DATE_EPOCH": str(epoch)} if epoch is not None else {})
            self._run("build", f"--platform={platform}", *words, context, environment=environment)
            return
        # The steps need the network, and no right of root but that to change the root folder.
        words += ["--isolation=chroot", "--network=host", "--layers", "--pull=false"]
        if certificates is not None:
            # Docker has no such option: its users name a base image that trusts their proxy.
            words.append(f"--volume={certificates}:/run/secrets/certificates:ro")
        words += [f"--timestamp={epoch}"] if epoch is not None else []
        # Of which processor the image is, its base says; nothing of another processor is run.
        self._run("build" if self.name == "podman" else "bud", *words, context)

    def imported(self, archive: Path, platform: str) -> str:
        """Return the name of an image that is an archive's files, making it where it is not there."""
        # Made again, of newer packages, it is another one.
        name = f"localhost/azdiskbackup-{archive.stem}:{archive.stat().st_mtime_ns}"
        if self._has(name):
            return name
        if self.name != "buildah":
            self._run("import", *([f"--platform={platform}"] if self.name == "docker" else []), archive, name)
            return name
        container = self._run("from", "scratch").strip()
        try:
            self._run("add", "--quiet", container, archive, "/")
            system, _, architecture = platform.partition("/")
            self._run("config", f"--os={system}", f"--arch={architecture}", container)
            self._run("commit", "--quiet", "--timestamp=0", container, name)
        finally:
            self._run("rm", container)
        return name

    def save(self, image: str, archive: Path) -> None:
        """Write an image to a file, as an OCI archive."""
        archive.parent.mkdir(parents=True, exist_ok=True)
        archive.unlink(missing_ok=True)
        match self.name:
            case "docker":
                self._run("save", f"--output={archive}", image)
            case "podman":
                self._run("save", "--format=oci-archive", f"--output={archive}", image)
            case _:
                self._run("push", "--quiet", image, f"oci-archive:{archive}")

    def push(self, image: str) -> None:
        """Push an image to the registry that its name begins with, as the caller of this tool is logged in there."""
        self._run("push", image)

    def _has(self, image: str) -> bool:
        kind = "inspect" if self.name == "buildah" else "image"
        words = ["inspect", "--type=image", image] if kind == "inspect" else ["image", "inspect", image]
        return subprocess.run([self.name, *words], capture_output=True, check=False).returncode == 0

    def _run(self, *words: str | Path, environment: Mapping[str, str] | None = None) -> str:
        command = [self.name, *map(str, words)]
        done = subprocess.run(
            command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=True
        )
        return done.stdout


def why(error: subprocess.CalledProcessError) -> str:
    """Return what failed, and the end of what it printed."""
    return f"{' '.join(map(str, error.cmd[:3]))} failed:\n{(error.stderr or error.stdout or '').strip()[-3000:]}"


def working_tool() -> Tool:
    """Return the first that works here, or that CONTAINER_TOOL names.

    Raises:
        NotProvidedError: none does.
    """
    asked = os.environ.get("CONTAINER_TOOL")
    for name in (asked,) if asked else NAMES:
        # Of docker often only the client is there.
        if shutil.which(name) and subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0:
            return Tool(name)
    raise NotProvidedError(
        f"{f'CONTAINER_TOOL={asked} does not work' if asked else 'none of docker, podman and buildah works'} here: "
        "install one (Debian: apt-get install buildah)."
    )
