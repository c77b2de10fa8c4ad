"""A hook of MkDocs: what the documents link to outside of docs/ is named, not linked, since the site has no copy of it.

A link to what is not in the repository is a warning, and with it a failure.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>\.\.?/[^)#\s]+|[^)#:\s]+)(?P<anchor>#[^)]*)?\)")
_log = logging.getLogger("mkdocs.hooks.site_links")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page with its links to files outside of docs/ as text."""
    here = (_ROOT / "docs" / page.file.src_uri).parent

    def named(link: re.Match[str]) -> str:
        target = (here / link["target"]).resolve()
        if target.is_relative_to(_ROOT / "docs") and not target.is_dir():
            return link[0]
        if not target.exists():
            _log.warning("%s links to %s, which does not exist", page.file.src_uri, link["target"])
        path = str(target.relative_to(_ROOT))
        return f"{link['text']} (`{path}`)" if path not in link["text"] else link["text"]

    return _LINK.sub(named, markdown)
