"""Every page as a reader sees it: on a telephone and at a desk, by day and by night; and where its links lead."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import axe_core_python
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from harness.processes import PATIENCE_SECONDS
from pages.browser import Browser

_TELEPHONE, _DESK = 390, 1280
# What stands over the edge: the page itself; at a desk also code and tables, which a telephone scrolls.
_OVER_THE_EDGE = """
const [isDesk, done] = arguments;
const named = each => `${each.tagName} ${each.textContent.trim().slice(0, 60)}`;
(async () => {
await Promise.all(document.getAnimations().map(each => each.finished.catch(() => null)));
const wide = [];
if (document.documentElement.scrollWidth > innerWidth) {
  for (const each of document.querySelectorAll("body *")) {
    const edge = each.getBoundingClientRect();
    if (edge.right > innerWidth + 1 && edge.width > 0) wide.push(named(each));
  }
  wide.splice(3);
  wide.push("the page is wider than the screen");
}
if (isDesk) {
  for (const each of document.querySelectorAll(".md-content pre, .md-content pre > code, .md-typeset__scrollwrap")) {
    if (each.scrollWidth > each.clientWidth + 1) wide.push(named(each));
  }
}
done(wide);
})();
"""
# One of each kind of page: text, commands, samples of output, pictures, wide tables.
_KINDS = (
    *("", "quick-start/", "concepts/", "kubectl-plugin/", "reference/reasons/", "behaviour/", "tasks/restore/"),
    *("monitoring/", "runbooks/AzdiskbackupBackupFailed/", "benchmarks/"),
)
_AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text()
_CHECK = r"""
const done = arguments[arguments.length - 1];
const named = node => node.html.replace(/\s+/g, " ").slice(0, 120);
axe.run(document, {runOnly: ["color-contrast", "image-alt", "link-name", "document-title", "html-has-lang"]})
  .then(found => done(found.violations.flatMap(each => each.nodes.map(
    node => `${each.id}: ${named(node)} ${node.any.map(one => one.message).join("; ")}`))));
"""


def test_nothing_stands_over_the_edge(browser: Browser, pages: list[str]) -> None:
    faults = []
    for page in pages:
        browser.opens(page)
        for width in (_TELEPHONE, _DESK):
            browser.is_wide(width)
            found = browser.driver.execute_async_script(_OVER_THE_EDGE, width == _DESK)
            faults += [f"{width} px, {page}: {each}" for each in found]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read(browser: Browser, scheme: str) -> None:
    """WCAG AA, as axe sees it."""
    browser.is_wide(_DESK)
    browser.prefers(scheme)
    faults = []
    for page in _KINDS:
        browser.opens(page)
        browser.runs(_AXE)
        faults += [f"{page}: {each}" for each in browser.driver.execute_async_script(_CHECK)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("BackupFailed", "runbooks/AzdiskbackupBackupFailed/"),
        ("BackupFailed", "reference/reasons/#backupfailed"),
        ("restore namespace", "tasks/restore-a-namespace/"),
        ("role assignment", "install/"),
    ],
)
def test_the_search_finds(browser: Browser, words: str, page: str) -> None:
    """Among the first three pages."""
    browser.loads_search(True)
    browser.is_wide(_DESK)
    browser.prefers("light")
    browser.opens("")
    browser.driver.find_element(By.CSS_SELECTOR, "input.md-search__input").send_keys(words)

    def found(_: object) -> list[str]:
        links = browser.driver.find_elements(By.CSS_SELECTOR, ".md-search-result__link")
        return [str(each.get_attribute("href")) for each in links]

    hits = WebDriverWait(browser.driver, PATIENCE_SECONDS).until(found)
    browser.loads_search(False)
    first = list(dict.fromkeys(urldefrag(each)[0] for each in hits))[:3]
    assert any(page in each for each in hits if urldefrag(each)[0] in first), hits


def test_printed_a_page_has_its_text_alone(browser: Browser) -> None:
    browser.prefers("light", "print")
    browser.opens("install/")
    shown = browser.runs(
        "return [...document.querySelectorAll('.md-header, .md-tabs, .md-sidebar, .md-footer, .md-clipboard')]"
        ".filter(each => each.getClientRects().length).map(each => each.className)"
    )
    text = browser.runs("return document.querySelector('.md-content').innerText")
    browser.prefers("light")
    assert not shown and "helm upgrade --install" in text


# --- links ----------------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """What a page links to, and what of it can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {str(found[each]) for each in ("id", "name") if found.get(each)}
        self.links += [str(found[each]) for each in ("href", "src") if found.get(each)]


def test_no_link_is_dead(site: Path, pages: list[str]) -> None:
    read = {page: _Page((site / page / "index.html").read_text()) for page in pages}
    faults = [fault for page in pages for fault in _dead(site, page, read)]
    assert not faults, "\n".join(faults)
    assert sum(len(each.links) for each in read.values()) > 1000, "there are links to look at"


def _dead(site: Path, page: str, read: dict[str, _Page]) -> Iterator[str]:
    for link in read[page].links:
        address, anchor = urldefrag(urljoin(f"http://site/{page}", link))
        parts = urlsplit(address)
        if parts.netloc != "site" or parts.scheme != "http":
            continue
        path = unquote(parts.path).lstrip("/")
        target: Any = read.get(path)
        if target is None and not (site / path).is_file():
            yield f"{page or 'index'}: {link}"
        elif target is not None and unquote(anchor) not in target.anchors:
            yield f"{page or 'index'}: {link}: there is no such place"
