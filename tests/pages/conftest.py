"""The documentation as a site, and a browser that looks at it."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from pages.browser import Browser

ROOT = Path(__file__).resolve().parents[2]


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built into a folder."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, text=True)
    return folder


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """Where the site is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def browser(address: str) -> Iterator[Browser]:
    """Chromium, without a window."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium is missing, and no page was looked at (Debian: apt-get install chromium-driver)")
    options = ChromeOptions()
    options.binary_location = chromium
    for each in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(each)
    found = Chrome(options, Service(driver))
    try:
        opened = Browser(found, address)
        opened.loads_search(False)
        # What slides into its place need not be waited for.
        found.execute_cdp_cmd("Animation.enable", {})
        found.execute_cdp_cmd("Animation.setPlaybackRate", {"playbackRate": 100})
        yield opened
    finally:
        found.quit()


@pytest.fixture(scope="session")
def pages(site: Path) -> list[str]:
    """The paths of all pages."""
    found = sorted(str(path.parent.relative_to(site)) for path in site.rglob("index.html"))
    return ["" if each == "." else f"{each}/" for each in found]
