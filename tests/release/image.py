"""Build the operator's image with what is there: docker, podman or buildah.

Its base images come from their registries; where those cannot be reached, from Debian's packages.

    python -m release.image --image NAME [--platform linux/arm64] [--archive FILE] [--push]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from azdiskbackup import __version__
from controlplane.releases import NotProvidedError, architecture
from release import base
from release.tools import Tool, why, working_tool

ROOT = Path(__file__).resolve().parents[2]
PLATFORMS = ("linux/amd64", "linux/arm64")
_REGISTRIES = ("https://registry-1.docker.io/v2/", "https://gcr.io/v2/")
_ANSWERS_WITHIN_SECONDS = 5
# By what other programs are told of the certificates of who stands in between.
_CERTIFICATES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be built.

    Attributes:
        image: its name.
        platform: operating system and architecture, such as ``linux/amd64``.
        version: of the operator.
        labels: more labels than the Dockerfile has.
        epoch: seconds since 1970 that the image is said to have been made at, for one that is the same each time.
        source: the tree that it is built of.
        anew: whether nothing of an earlier build is used.
    """

    image: str
    platform: str
    version: str
    labels: Mapping[str, str]
    epoch: int | None = None
    source: Path = ROOT
    anew: bool = False

    @property
    def architecture(self) -> str:
        return self.platform.partition("/")[2]


def build(order: Order, tool: Tool) -> None:
    """Build an image.

    Raises:
        NotProvidedError: it cannot be built; the message says why.
    """
    if order.platform not in PLATFORMS:
        raise NotProvidedError(f"PLATFORM={order.platform} is none of {', '.join(PLATFORMS)}.")
    arguments = {"TARGETARCH": order.architecture} | _bases(order, tool)
    labels = {"org.opencontainers.image.version": order.version, **order.labels}
    tool.build(
        order.source, order.image, order.platform, arguments, labels, _certificates(), order.epoch, anew=order.anew
    )


def _bases(order: Order, tool: Tool) -> dict[str, str]:
    """Return the build arguments that name the base images; none where those of the Dockerfile can be had."""
    given = {name: os.environ[name] for name in ("BUILDER", "RUNTIME") if os.environ.get(name)}
    if len(given) == 2 or _registries_answer():
        return given
    say("no registry answers: the base images are made from Debian's packages")
    made = {
        "BUILDER": tool.imported(base.builder(architecture(), say), f"linux/{architecture()}"),
        "RUNTIME": tool.imported(base.runtime(order.architecture, say), order.platform),
    }
    return made | given


def _registries_answer() -> bool:
    return all(map(_answers, _REGISTRIES))


def _answers(registry: str) -> bool:
    try:
        with urllib.request.urlopen(registry, timeout=_ANSWERS_WITHIN_SECONDS):  # noqa: S310 - two constants
            return True
    except urllib.error.HTTPError as error:
        # A registry asks who is there; something in between has its own words.
        return error.code == 401 and "Docker-Distribution-Api-Version" in error.headers
    except (OSError, ValueError):
        return False


def _certificates() -> Path | None:
    return next((Path(os.environ[name]) for name in _CERTIFICATES if os.environ.get(name)), None)


def say(line: str) -> None:
    """Tell a person what happens."""
    print(f"image: {line}", file=sys.stderr, flush=True)


def main() -> int:
    """Build the image that the arguments name; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m release.image", description=__doc__)
    parser.add_argument("--image", required=True)
    parser.add_argument("--platform", default=f"linux/{architecture()}")
    parser.add_argument("--push", action="store_true", help="push it to the registry in its name")
    parser.add_argument("--archive", type=Path, help="write it to a file, too, as an OCI archive")
    given = parser.parse_args()
    order = Order(given.image, given.platform, __version__, {})
    try:
        tool = working_tool()
        build(order, tool)
        if given.archive:
            tool.save(given.image, given.archive)
        if given.push:
            tool.push(given.image)
    except NotProvidedError as error:
        say(str(error))
        return 1
    except subprocess.CalledProcessError as error:
        say(why(error))
        return 1
    print(given.image)
    return 0


if __name__ == "__main__":
    sys.exit(main())
