"""`make release VERSION=…`: all that a release is, from a clean tree, into a folder.

The tree is made to say the version, which is a commit and a tag, if it does not yet; everything is then built of what
is committed, and is the same each time: of one time, the date of the version in the changelog, and without a trace of
who built it or where. Nothing is pushed.

    python -m release --version 0.2.0 --out dist [--platform linux/amd64 …]
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from controlplane.releases import NotProvidedError
from generated import published
from release import archive, chart, image, krew, plugin, sbom, version
from release.tools import Tool, why, working_tool

ROOT = Path(__file__).resolve().parents[2]
# Where nothing is: what is published names it until the repository has an address.
NOWHERE = "https://example.invalid/azdiskbackup"


def main() -> int:
    """Make a release; return the exit code."""
    parser = argparse.ArgumentParser(prog="make release VERSION=…", description=__doc__)
    parser.add_argument("--version", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--platform", action="append", choices=image.PLATFORMS, help="of the image; both, if not given")
    given = parser.parse_args()
    started = time.monotonic()
    try:
        version.check(given.version)
        # Before anything is committed.
        tool = working_tool()
        _commit(given.version)
        with tempfile.TemporaryDirectory(prefix="azdiskbackup-release-") as place:
            source, made = _committed(Path(place) / "source"), Path(place) / "dist"
            build(source, given.version, made, given.platform or image.PLATFORMS, tool)
            given.out.mkdir(parents=True, exist_ok=True)
            for path in sorted(made.iterdir()):
                shutil.copy(path, given.out)
                print(f"{path.stat().st_size / 1e6:8.1f} MB  {given.out / path.name}")
    except NotProvidedError as error:
        _say(str(error))
        return 1
    except subprocess.CalledProcessError as error:
        _say(why(error))
        return 1
    _say(f"done in {time.monotonic() - started:.0f} s")
    return 0


def build(source: Path, number: str, out: Path, platforms: Iterable[str], tool: Tool) -> None:
    """Build all of a release of a tree that says its version, into a folder that is not there yet.

    Raises:
        NotProvidedError: something that is needed is missing here.
    """
    out.mkdir()
    epoch, repository = version.epoch(source, number), published.address(source)
    if not repository:
        _say(f"pyproject.toml has no address of the repository ([project.urls] Repository): {NOWHERE} stands for it")
    _say("wheel and chart")
    wheel = plugin.wheel(source, out, epoch)
    chart.package(source, number, repository, out / f"azdiskbackup-{number}.tgz")
    for platform in plugin.PLATFORMS:
        _say(f"kubectl-azdiskbackup for {platform}")
        plugin.published(source, wheel, platform, out, epoch)
    (out / "azdiskbackup.yaml").write_text(krew.manifest(out, number, repository or NOWHERE))
    _say("list of what the image installs")
    sbom.write(source, out / f"azdiskbackup-{number}.cdx.json")
    for platform in platforms:
        _say(f"image for {platform}")
        name = f"localhost/azdiskbackup-release:{number}-{platform.rpartition('/')[2]}"
        labels = {"org.opencontainers.image.source": repository} if repository else {}
        image.build(image.Order(name, platform, number, labels, epoch, source), tool)
        saved = out / "image.tar"
        tool.save(name, saved)
        archive.again(saved, out / f"azdiskbackup-{number}-{platform.replace('/', '-')}.oci.tar", epoch)
        saved.unlink()
    (out / "SHA256SUMS").write_text(checksums(out))


def checksums(out: Path) -> str:
    """Return what `sha256sum --check` reads."""
    names = sorted(path.name for path in out.iterdir())
    return "".join(f"{hashlib.sha256((out / name).read_bytes()).hexdigest()}  {name}\n" for name in names)


def _commit(number: str) -> None:
    """Have what is committed say the version, and be tagged with it.

    Raises:
        NotProvidedError: the tree is not clean, or the tag is that of another commit.
    """
    if _git("status", "--porcelain"):
        raise NotProvidedError("the tree has changes that are not committed: commit them, or stash them.")
    if version.of(ROOT) != number or version.released_on(ROOT, number) is None:
        version.set_to(ROOT, number, datetime.now(UTC).date())
        _git("commit", "--quiet", "--all", f"--message=release {number}")
        _say(f"the tree says {number} now, which is a commit")
    tag = f"v{number}"
    tagged = _git("tag", "--list", "--format=%(objectname)", tag)
    if not tagged:
        _git("tag", tag)
    elif _git("rev-parse", f"{tag}^{{commit}}") != _git("rev-parse", "HEAD"):
        raise NotProvidedError(f"the tag {tag} is that of another commit: check that out, or choose another version.")


def _committed(folder: Path) -> Path:
    """Write what is committed to a folder, without what only lies around."""
    folder.mkdir()
    packed = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "--extract", f"--directory={folder}"], input=packed, check=True)
    return folder


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _say(line: str) -> None:
    print(f"release: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
