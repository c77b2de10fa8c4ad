"""A hook of MkDocs: what the search finds first, and links to what is outside of docs/, of which the site has no copy.

Such a file is linked in the repository, at the version of the site, if the repository has an address (``[project.urls]
Repository`` in pyproject.toml), and else named. A link to what is not there is a warning, and with it a failure.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from azdiskbackup import __version__
from generated import published

_ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>\.\.?/[^)#\s]+|[^)#:\s]+)(?P<anchor>#[^)]*)?\)")
_BOOSTS = {"decisions": 0.1, "benchmarks": 0.1, "architecture.md": 0.2, "tasks": 2, "runbooks": 3, "reference": 2}
_log = logging.getLogger("mkdocs.hooks.site_links")


def on_config(config: Any, **_: Any) -> Any:
    """Have each page link to the repository."""
    config.repo_url = published.address(_ROOT) or None
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page with its links to files outside of docs/ leading to the repository, or as text."""
    repository = published.address(_ROOT)
    here = (_ROOT / "docs" / page.file.src_uri).parent
    # Who searches has a task or a problem; why something was decided is hardly ever what is looked for.
    page.meta.setdefault("search", {"boost": _BOOSTS.get(page.file.src_uri.partition("/")[0], 1)})

    def named(link: re.Match[str]) -> str:
        target = (here / link["target"]).resolve()
        if target.is_relative_to(_ROOT / "docs") and not target.is_dir():
            return link[0]
        if not target.exists():
            _log.warning("%s links to %s, which does not exist", page.file.src_uri, link["target"])
        path = str(target.relative_to(_ROOT))
        if repository:
            return f"[{link['text']}]({repository}/blob/v{__version__}/{path}{link['anchor'] or ''})"
        return f"{link['text']} (`{path}`)" if path not in link["text"] else link["text"]

    return _LINK.sub(named, markdown)
