"""What a release is made of: that it says its version everywhere, and is the same when it is made again."""

from __future__ import annotations

import datetime
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from azdiskbackup import __version__
from chart.conftest import IMAGE, ROOT, tree
from controlplane.releases import NotProvidedError, architecture
from controlplane.tools import tool
from release import __main__ as release_command
from release import archive, chart, krew, plugin, version

NEXT = "9.8.7"
PYTHON_BIN = Path(sys.prefix) / "bin"
PYTHON = ".".join(map(str, sys.version_info[:2]))
DAY = datetime.date(2031, 5, 3)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tree that says the next version."""
    found = tree(tmp_path_factory.mktemp("release") / "source")
    text = (found / "CHANGELOG.md").read_text()
    fixed = "## Unreleased\n\n### Fixed\n\n- One thing,\n  whole.\n"
    (found / "CHANGELOG.md").write_text(text.replace("## Unreleased\n", fixed, 1))
    version.set_to(found, NEXT, DAY)
    return found


def test_the_version_is_said_in_one_place_and_written_everywhere(released: Path) -> None:
    assert version.of(released) == NEXT and version.of(ROOT) == __version__
    about = yaml.safe_load((released / "charts/azdiskbackup/Chart.yaml").read_text())
    assert (about["version"], about["appVersion"]) == (NEXT, NEXT)
    base = (released / "deploy/kustomize/base/deployment-azdiskbackup.yaml").read_text()
    assert f"azdiskbackup:{NEXT}" in base
    for path in ("deploy/argocd/application.yaml", "deploy/flux/helmrelease.yaml"):
        assert f"v{NEXT}\n" in (released / path).read_text(), path
    unchanged = [path for path in released.rglob("*.yaml") if f": {__version__}\n" in path.read_text()]
    assert not unchanged


def test_the_changelog_has_what_was_unreleased(released: Path) -> None:
    text = (released / "CHANGELOG.md").read_text()
    assert f"## Unreleased\n\n## {NEXT} - 2031-05-03\n\n### Fixed\n\n- One thing,\n" in text
    assert version.changes(released, NEXT)[0] == ("Fixed", "One thing, whole.")
    assert version.epoch(released, NEXT) == datetime.datetime(2031, 5, 3, tzinfo=datetime.UTC).timestamp()


def test_nothing_is_released_without_a_word_about_it(tmp_path: Path) -> None:
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n## 0.1.0 - 2026-01-01\n\n- All.\n")
    (tmp_path / "operator" / "azdiskbackup").mkdir(parents=True)
    with pytest.raises(NotProvidedError, match="nothing under Unreleased"):
        version.set_to(tmp_path, NEXT, DAY)


@pytest.mark.parametrize("number", ["", "1.2", "v1.2.3", "1.2.3-beta", "1.2.3+build", "newest"])
def test_what_is_no_version_is_refused(number: str) -> None:
    with pytest.raises(NotProvidedError, match=r"give one such as 0\.2\.0"):
        version.check(number)
    version.check("1.2.3-rc.4")


def test_the_chart_is_packaged_with_what_artifact_hub_shows(released: Path, tmp_path: Path) -> None:
    packaged = tmp_path / "azdiskbackup.tgz"
    chart.package(released, NEXT, "https://example.com/backup", packaged)
    shown = subprocess.run([tool("helm"), "show", "chart", packaged], capture_output=True, text=True, check=True).stdout
    about: dict[str, Any] = yaml.safe_load(shown)
    assert (about["version"], about["home"]) == (NEXT, "https://example.com/backup")
    hub = {name.partition("/")[2]: text for name, text in about["annotations"].items()}
    assert yaml.safe_load(hub["images"])[0]["image"] == f"{IMAGE}:{NEXT}"
    assert yaml.safe_load(hub["changes"])[0] == {"kind": "fixed", "description": "One thing, whole."}
    kinds = {each["kind"] for each in yaml.safe_load(hub["crds"])}
    assert kinds == {each["kind"] for each in yaml.safe_load(hub["crdsExamples"])}
    assert hub["prerelease"] == "false"


def test_it_is_the_same_when_it_is_made_again(released: Path, tmp_path: Path) -> None:
    """By another one, elsewhere, from a copy of the same files."""
    other = tree(tmp_path / "elsewhere")
    (other / "CHANGELOG.md").write_text((released / "CHANGELOG.md").read_text())
    version.set_to(other, NEXT, DAY)
    platform = f"linux-{architecture()}"
    made = []
    for source in (released, other):
        folder = tmp_path / f"dist-{source.name}"
        folder.mkdir()
        wheel = plugin.wheel(source, folder, version.epoch(source, NEXT))
        chart.package(source, NEXT, "", folder / "chart.tgz")
        file = folder / "kubectl-azdiskbackup"
        plugin.write(source, wheel, platform, file, pythons=[PYTHON])
        archive.write(folder / "file.tar.gz", {"file": (file.read_bytes(), 0o755)}, 1_000_000_000)
        archive.write_zip(folder / "file.zip", {"file": (file.read_bytes(), 0o755)}, 1_000_000_000)
        made.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert made[0].keys() == made[1].keys()
    assert [name for name in made[0] if made[0][name] != made[1][name]] == []


# What the name of a wheel has that runs on a platform.
_WHEELS = {
    "linux-amd64": r"manylinux\w*_x86_64",
    "linux-arm64": r"manylinux\w*_aarch64",
    "darwin-amd64": r"macosx_\w+_(x86_64|universal2)",
    "darwin-arm64": r"macosx_\w+_(arm64|universal2)",
    "windows-amd64": r"win_amd64",
}


@pytest.mark.parametrize("platform", plugin.PLATFORMS)
@pytest.mark.parametrize("python", plugin.PYTHONS)
def test_all_that_the_command_needs_is_there(platform: str, python: str) -> None:
    """As wheels, in the lock file: a release is no time to find that one is not made any more."""
    locked = {each["name"]: each for each in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    export = (
        "export",
        "--frozen",
        "--no-dev",
        "--extra=cli",
        "--no-emit-project",
        "--no-header",
        "--no-hashes",
        "--quiet",
        *(f"--no-emit-package={each}" for each in plugin.LEFT_OUT),
    )
    lines = subprocess.run([PYTHON_BIN / "uv", *export], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    elsewhere = "sys_platform != 'win32'" if platform.startswith("windows") else "sys_platform == 'win32'"
    names = [line.partition("==")[0] for line in lines.splitlines() if "==" in line and elsewhere not in line]
    assert len(names) > 30
    compiled = f"cp{python.replace('.', '')}"
    fits = re.compile(rf"-none-any\.whl$|(-{compiled}-{compiled}-|-abi3-|-py3-none-).*{_WHEELS[platform]}")
    for name in names:
        files = [wheel["url"].rpartition("/")[2] for wheel in locked[name]["wheels"]]
        assert any(fits.search(file) for file in files), f"{name} has no wheel for {platform} and {python}"


def test_krew_finds_each_archive_by_its_checksum(tmp_path: Path) -> None:
    platforms = [each for each in plugin.PLATFORMS if not each.startswith("windows")]
    for platform in platforms:
        archive.write(tmp_path / f"kubectl-azdiskbackup-{platform}.tar.gz", {"LICENSE": (platform.encode(), 0o644)}, 0)
    found = yaml.safe_load(krew.manifest(tmp_path, NEXT, "https://example.com/backup"))
    assert found["spec"]["version"] == f"v{NEXT}"
    machines = {
        (each["selector"]["matchLabels"]["os"], each["selector"]["matchLabels"]["arch"])
        for each in found["spec"]["platforms"]
    }
    assert machines == {tuple(platform.split("-")) for platform in platforms}
    first = found["spec"]["platforms"][0]
    assert (
        first["uri"] == f"https://example.com/backup/releases/download/v{NEXT}/kubectl-azdiskbackup-darwin-amd64.tar.gz"
    )
    assert len({each["sha256"] for each in found["spec"]["platforms"]}) == len(platforms)


def test_an_archive_has_no_trace_of_its_maker(tmp_path: Path) -> None:
    archive.write(tmp_path / "a.tar.gz", {"b": (b"2", 0o755), "a": (b"1", 0o644)}, 1_000_000_000)
    with tarfile.open(tmp_path / "a.tar.gz") as found:
        members = [(each.name, each.mode, each.uid, each.uname, each.mtime) for each in found]
    assert members == [("a", 0o644, 0, "", 1_000_000_000), ("b", 0o755, 0, "", 1_000_000_000)]


def test_a_release_is_of_what_is_committed_and_tagged(
    released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused with changes that are not, and where the tag is that of something else; never pushed."""
    monkeypatch.setattr(release_command, "ROOT", tmp_path)
    shutil.copytree(released, tmp_path, dirs_exist_ok=True)
    for name, value in (("GIT_AUTHOR", "somebody"), ("GIT_COMMITTER", "somebody")):
        monkeypatch.setenv(f"{name}_NAME", value)
        monkeypatch.setenv(f"{name}_EMAIL", f"{value}@example.com")

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message=all")
    (tmp_path / "LICENSE").write_text("mine")
    with pytest.raises(NotProvidedError, match="not committed"):
        release_command._commit(NEXT)
    git("checkout", "--quiet", "LICENSE")
    release_command._commit(NEXT)
    assert git("rev-list", "--count", "HEAD") == "1", "it says this version already"
    with pytest.raises(NotProvidedError, match="nothing under Unreleased"):
        release_command._commit("9.9.0")
    assert git("status", "--porcelain") == "", "and nothing is changed"
    changelog = tmp_path / "CHANGELOG.md"
    text = changelog.read_text()
    changelog.write_text(text.replace("## Unreleased\n", "## Unreleased\n\n### Fixed\n\n- More.\n", 1))
    git("commit", "--quiet", "--all", "--message=more")
    release_command._commit("9.9.0")
    assert version.of(tmp_path) == "9.9.0" and git("tag") == f"v{NEXT}\nv9.9.0" and git("status", "--porcelain") == ""
    assert git("log", "-1", "--format=%s") == "release 9.9.0"
    (tmp_path / "LICENSE").write_text("mine")
    git("commit", "--quiet", "--all", "--message=later")
    with pytest.raises(NotProvidedError, match=r"v9\.9\.0 is that of another commit"):
        release_command._commit("9.9.0")


def test_what_is_released_can_be_checked(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("2")
    (tmp_path / "a").write_text("1")
    (tmp_path / "SHA256SUMS").write_text(release_command.checksums(tmp_path))
    done = subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "a: OK\nb: OK\n"
