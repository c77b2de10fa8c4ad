"""The image that was built of this checkout, looked at from outside and started: that it is as its Dockerfile says."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

from azdiskbackup import __version__
from harness.installation import ENVIRONMENT
from nodeless import isolation
from release import built
from release.oci import Archive, Json

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
NOT_BUILT = (
    "the image was not built: `make image-under-test` says why. Needed are docker, podman or buildah, and where no "
    "registry answers mmdebstrap (Debian: apt-get install buildah mmdebstrap)"
)

# Rules of hadolint that do not fit, each with its reason.
_NOT_FOLLOWED = {
    "DL3006": "the base images are arguments, given by digest when the image is published",
    "DL3008": "versions of Debian's packages follow the base image, which is given by digest",
    "DL3009": "lists of packages stay in the first stage, which is thrown away",
    "DL3059": "each step is a command of its own, and its stage is thrown away",
}
# What an attacker would look for, and an operator never needs.
_TOOLS = {
    "sh",
    "bash",
    "dash",
    "busybox",
    "gcc",
    "cc",
    "ld",
    "make",
    "pip",
    "pip3",
    "apt",
    "apt-get",
    "dpkg",
    "curl",
    "wget",
}


@pytest.fixture(scope="module")
def root() -> Path:
    """Return the folder with the files of the image."""
    found = built.root_files()
    if found is None:
        pytest.skip(NOT_BUILT)
    return found


@pytest.fixture(scope="module")
def archive() -> Archive:
    found = built.archive()
    if found is None:
        pytest.skip(NOT_BUILT)
    return Archive(found)


@pytest.fixture
def ours(archive: Archive) -> list[Json]:
    """Return the layers that the Dockerfile adds to its base."""
    added = [each for each in archive.layers if all(file.name.startswith("app") for file in archive.files(each))]
    assert len(added) == 2 and added == archive.layers[-2:], "packages, and the operator"
    return added


def test_the_dockerfile_is_well_formed() -> None:
    ignored = [f"--ignore={rule}" for rule in _NOT_FOLLOWED]
    command = [Path(sys.prefix) / "bin" / "hadolint", "--no-color", *ignored, DOCKERFILE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_pods_of_the_tests_have_the_environment_of_the_image() -> None:
    structure = DockerfileParser(path=str(DOCKERFILE)).structure
    (environment,) = (each["value"] for each in structure if each["instruction"] == "ENV")
    assert dict(part.split("=") for part in environment.split()) == ENVIRONMENT


def test_it_starts_the_operator_as_nobody_special(archive: Archive) -> None:
    found = archive.configuration["config"]
    assert found["User"] == "65532:65532"
    assert [*found["Entrypoint"], *found["Cmd"]] == ["/usr/bin/python3", "-m", "azdiskbackup", "run"]
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in found["Labels"].items()}
    assert labels["title"] == "azdiskbackup" and labels["licenses"] == "Apache-2.0"
    assert labels["version"] == __version__


def test_nothing_in_our_layers_can_be_changed_or_abused(archive: Archive, ours: list[Json]) -> None:
    for layer in ours:
        for file in archive.files(layer):
            assert file.issym() or not file.mode & 0o6022, f"{file.name} can be written to, or changes who runs it"
            assert (file.uid, file.gid) == (0, 0), file.name
            assert Path(file.name).name not in _TOOLS, file.name


def test_it_has_no_shell_and_no_tools_at_all(root: Path) -> None:
    """Where the base is made here. That of a registry is named by digest, and is somebody else's to look at."""
    programs = {path.name for folder in ("bin", "sbin", "usr/bin", "usr/sbin") for path in (root / folder).glob("*")}
    assert programs and not programs & _TOOLS
    assert all(name.startswith("python3") for name in programs), programs


def test_it_is_as_small_as_it_is_said_to_be(archive: Archive, ours: list[Json]) -> None:
    """Compressed: what is transferred. Of a new version usually the last layer only, since the other ones stay."""
    megabytes = {"all": archive.layers, "ours": ours, "operator": ours[-1:]}
    sizes = {name: sum(layer["size"] for layer in layers) / 1e6 for name, layers in megabytes.items()}
    assert sizes["all"] <= 100 and sizes["ours"] <= 45 and sizes["operator"] <= 5, sizes


def test_it_is_the_same_when_it_is_built_again() -> None:
    found = built.differing()
    if found is None:
        pytest.skip(NOT_BUILT)
    assert found == []


def test_what_differs_between_two_images_is_named(archive: Archive, tmp_path: Path) -> None:
    path = built.archive()
    assert path is not None and archive.differing(Archive(path)) == []
    # The same, but for one file of the last layer.
    folder = tmp_path / "oci"
    folder.mkdir()
    subprocess.run(["tar", "--extract", f"--file={path}", f"--directory={folder}"], check=True)
    index = json.loads((folder / "index.json").read_text())

    def blob(digest: str) -> Path:
        return folder / "blobs" / digest.replace(":", "/")

    manifest = blob(index["manifests"][0]["digest"])
    content = json.loads(manifest.read_text())
    last = content["layers"][-1]
    packed = tmp_path / "layer.tar"
    packed.write_bytes(gzip.decompress(blob(last["digest"]).read_bytes()))
    with tarfile.open(packed, "a") as layer:
        layer.addfile(tarfile.TarInfo("app/more"))
    (folder / "blobs" / "sha256" / "more").write_bytes(gzip.compress(packed.read_bytes()))
    content["layers"][-1] = {**last, "digest": "sha256:more"}
    manifest.write_text(json.dumps(content))
    changed = tmp_path / "changed.tar"
    subprocess.run(["tar", "--create", f"--file={changed}", f"--directory={folder}", "index.json", "blobs"], check=True)
    assert archive.differing(Archive(changed)) == ["app/more"]


def started(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Start a process in the image, with nothing else of this machine."""
    if not isolation.available():
        pytest.skip("bubblewrap is needed to start a process in the image (apt-get install bubblewrap)")
    files = [part for each in isolation.of_image(root) for part in each]
    inside = ["bwrap", "--die-with-parent", *files, "--dev", "/dev", "--proc", "/proc"]
    return subprocess.run([*inside, *words], env=ENVIRONMENT, capture_output=True, text=True, check=False)


def test_it_starts_and_says_what_is_missing(root: Path) -> None:
    entry = ("/usr/bin/python3", "-m", "azdiskbackup")
    told = started(root, *entry, "--help")
    assert told.returncode == 0 and "--subscription-id" in told.stdout, told.stderr
    refused = started(root, *entry, "run")
    assert refused.returncode == 2 and "AZDISKBACKUP_SUBSCRIPTION_ID: Field required" in refused.stdout


_IMPORTS = """
import importlib, pkgutil, sys
import azdiskbackup
names = [each.name for each in pkgutil.walk_packages(azdiskbackup.__path__, "azdiskbackup.")]
for name in names:
    # The command for people is no part of the image: it needs more.
    if not name.startswith("azdiskbackup.plugin") and not name.endswith("__main__"):
        importlib.import_module(name)
"""


def test_all_of_the_operator_can_be_imported(root: Path) -> None:
    done = started(root, "/usr/bin/python3", "-c", f"{_IMPORTS}\nprint(len(names), azdiskbackup.__version__)")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > 100 and done.stdout.split()[1] == __version__


def test_nothing_that_is_left_out_is_imported() -> None:
    """Also where the image is not built: of the packages here, by what the image leaves out of them."""
    sys.path.insert(0, str(ROOT / "deploy"))
    try:
        from prune import is_unused
    finally:
        sys.path.pop(0)
    asks = f"{_IMPORTS}\nprint(*(getattr(each, '__file__', None) or '' for each in sys.modules.values()), sep=chr(10))"
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    packages = [line.rpartition("site-packages/")[2] for line in done.stdout.splitlines() if "site-packages/" in line]
    assert len(packages) > 500 and not [name for name in packages if is_unused(name)]
    assert is_unused("kubernetes/client/models/v1_pod.py") and not is_unused("kubernetes/client/api_client.py")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_all_that_is_installed_is_there_for_both_processors(machine: str) -> None:
    """As wheels, by the hashes in the lock file: nothing is compiled while the image is built."""
    locked = {each["name"]: each for each in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    lines = (ROOT / "deploy" / "requirements.txt").read_text().splitlines()
    names = [line.partition("==")[0] for line in lines if "==" in line]
    assert len(names) > 40
    for name in names:
        files = [wheel["url"].rpartition("/")[2] for wheel in locked[name]["wheels"]]
        fits = [
            file
            for file in files
            if file.endswith("-none-any.whl")
            or ("manylinux" in file and machine in file and ("-cp311-cp311-" in file or "-abi3-" in file))
        ]
        assert fits, f"{name} has no wheel for {machine}: {files}"
