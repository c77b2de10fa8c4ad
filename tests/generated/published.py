"""Where an installation comes from, as every page and sample says it: one's own build, or what is published.

One setting decides, ``[project.urls] Repository`` in pyproject.toml; ``published.yaml`` has both texts of each place.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Formatter

import yaml

_GITHUB = re.compile(r"https://github\.com/(?P<owner>[A-Za-z0-9-]+)/[\w.-]+")
_TEXTS = Path(__file__).with_suffix(".yaml")


@dataclass(frozen=True)
class Places:
    """Where what a release made is found. Registries take small letters only.

    Attributes:
        address: of the repository, such as ``https://github.com/contoso/azdiskbackup``.
        registry: such as ``ghcr.io/contoso``.
        repository: of the image in GitHub's registry, such as ``contoso/azdiskbackup``.
        chart: such as ``oci://ghcr.io/contoso/charts/azdiskbackup``.
    """

    address: str
    registry: str
    repository: str
    chart: str


def address(root: Path) -> str:
    """Return the address of the repository; empty until it has one."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return str(project.get("urls", {}).get("Repository", "")).rstrip("/")


def places(address: str) -> Places | None:
    """Return where what is published is; None without an address.

    Raises:
        ValueError: the address is not that of a repository at GitHub, whose registry the release is pushed to.
    """
    if not address:
        return None
    match = _GITHUB.fullmatch(address)
    if match is None:
        raise ValueError(
            f"[project.urls] Repository in pyproject.toml is {address}: give https://github.com/OWNER/REPOSITORY."
        )
    owner = match["owner"].lower()
    return Places(address, f"ghcr.io/{owner}", f"{owner}/azdiskbackup", f"oci://ghcr.io/{owner}/charts/azdiskbackup")


def files() -> list[str]:
    """Return the files that say it, as paths in the repository."""
    return list(yaml.safe_load(_TEXTS.read_text()))


def said(file: str, text: str, at: Places | None, version: str) -> str:
    """Return what is in a file, with where an installation comes from.

    Raises:
        ValueError: a place has neither of its two texts.
    """
    for own, published in _texts(file):
        there = re.compile(f"{_pattern(own)}|{_pattern(published)}")
        known = {"version": version, **(asdict(at) if at else {})}
        right = (own if at is None else published).format_map(known)
        text, count = there.subn(lambda _, right=right: right, text)  # type: ignore[misc]  # a lambda's default
        if count != 1:
            raise ValueError(f"{file} has {count} times what published.yaml says of it: {own}")
    return text


def _texts(file: str) -> Iterator[tuple[str, str]]:
    for each in yaml.safe_load(_TEXTS.read_text())[file]:
        yield each["own"].rstrip("\n"), each["published"].rstrip("\n")


def _pattern(template: str) -> str:
    """Return an expression for a text, whatever stands for what is in braces."""
    return "".join(
        re.escape(literal) + (r"[^\s`)]+" if field is not None else "")
        for literal, field, _, _ in Formatter().parse(template)
    )
