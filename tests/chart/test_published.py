"""From the first release on, one setting makes every page and sample install what is published."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from azdiskbackup import __version__
from chart.conftest import GIVEN, ROOT, render_of, tree
from generated import published, site_links
from harness import manifests
from release import version

ADDRESS = "https://github.com/Contoso/azdiskbackup"
# What only an installation of one's own build says.
OWN = ("registry.example.com/azdiskbackup/", "example.invalid", "No image", "--set image.registry", "az acr build")


def set_repository(found: Path, address: str) -> None:
    """Have a tree know the address of its repository, or none, and say it everywhere."""
    project = found / "pyproject.toml"
    text = re.sub(r"(?m)^\[project\.urls\]\n(?:.+\n)*\n*", "", project.read_text())
    setting = f'[project.urls]\nRepository = "{address}"\n\n' if address else ""
    project.write_text(text.replace("[project.optional-dependencies]", f"{setting}[project.optional-dependencies]"))
    version.generate(found)


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tree whose repository has an address."""
    found = tree(tmp_path_factory.mktemp("published") / "source")
    set_repository(found, ADDRESS)
    return found


@pytest.mark.parametrize("file", published.files())
def test_every_place_says_it_and_none_says_both(at_home: Path, file: str) -> None:
    text = (at_home / file).read_text()
    assert "contoso/" in text.lower()
    assert not [words for words in OWN if words in text]


def test_what_is_installed_is_what_the_release_pushed(at_home: Path) -> None:
    """To where .github/workflows/release.yaml pushes, and for both processors, as it builds the image."""
    pushed = (ROOT / ".github" / "workflows" / "release.yaml").read_text()
    assert 'image="$REGISTRY/azdiskbackup:$version"' in pushed and '"oci://$REGISTRY/charts"' in pushed
    objects = render_of(at_home / "charts" / "azdiskbackup", GIVEN)
    pods = [each["spec"]["template"]["spec"] for each in objects if each["kind"] in ("Deployment", "Job")]
    images = {container["image"] for pod in pods for container in pod["containers"]}
    assert images == {f"ghcr.io/contoso/azdiskbackup:{__version__}"}
    base = (at_home / "deploy/kustomize/base/deployment-azdiskbackup.yaml").read_text()
    assert f"image: ghcr.io/contoso/azdiskbackup:{__version__}\n" in base
    overlay = at_home / "deploy/kustomize/overlays/workload-identity/kustomization.yaml"
    assert yaml.safe_load(overlay.read_text())["images"][0]["name"] == "ghcr.io/contoso/azdiskbackup"
    for pod in pods:
        terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        assert terms[0]["matchExpressions"][0]["values"] == ["amd64", "arm64"]


def test_argo_cd_and_flux_take_the_published_chart(at_home: Path) -> None:
    application = yaml.safe_load((at_home / "deploy/argocd/application.yaml").read_text())
    source: dict[str, Any] = application["spec"]["source"]
    assert (source["repoURL"], source["chart"]) == ("ghcr.io/contoso/charts", "azdiskbackup")
    assert source["targetRevision"] == __version__ and "path" not in source
    documents = manifests.read_all((at_home / "deploy/flux/helmrelease.yaml").read_text())
    chart = next(each for each in documents if each["kind"] == "OCIRepository")["spec"]
    assert (chart["url"], chart["ref"]) == ("oci://ghcr.io/contoso/charts/azdiskbackup", {"tag": __version__})
    release = next(each for each in documents if each["kind"] == "HelmRelease")["spec"]
    assert release["chartRef"] == {"kind": "OCIRepository", "name": "azdiskbackup"} and "chart" not in release
    for values in (source["helm"]["valuesObject"], release["values"]):
        assert "image" not in values
        assert render_of(at_home / "charts" / "azdiskbackup", values)


@pytest.mark.parametrize("file", published.files())
def test_it_can_be_set_to_another_and_taken_back(file: str) -> None:
    def said(text: str, address: str) -> str:
        return published.said(file, text, published.places(address), __version__)

    before = said((ROOT / file).read_text(), "")
    here = said(before, ADDRESS)
    there = said(here, "https://github.com/fabrikam/backup")
    assert "fabrikam" not in here and "fabrikam/" in there and "contoso" not in there.lower()
    assert said(there, "") == before == said(before, "")


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("", "[metrics](../metrics.md), and roles (`deploy/azure/roles`)"),
        (
            ADDRESS,
            f"[metrics](../metrics.md), and [roles]({ADDRESS}/blob/v{__version__}/deploy/azure/roles)",
        ),
    ],
)
def test_the_site_links_into_the_repository_once_it_has_an_address(
    monkeypatch: pytest.MonkeyPatch, address: str, link: str
) -> None:
    monkeypatch.setattr(published, "address", lambda _: address)
    page = SimpleNamespace(file=SimpleNamespace(src_uri="tasks/restore.md"), meta={})
    text = "[metrics](../metrics.md), and [roles](../../deploy/azure/roles)"
    assert site_links.on_page_markdown(text, page) == link
    assert site_links.on_config(SimpleNamespace()).repo_url == (address or None)


def test_an_address_that_leads_to_no_registry_is_refused() -> None:
    with pytest.raises(ValueError, match=r"give https://github\.com/OWNER/REPOSITORY"):
        published.places("https://git.example.com/backup")


def test_a_place_that_says_neither_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match=r"^README\.md has 0 times what published\.yaml says of it: "):
        published.said("README.md", "# azdiskbackup", None, __version__)
