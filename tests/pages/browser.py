"""A browser as its user handles it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from selenium.webdriver import Chrome


@dataclass(frozen=True)
class Browser:
    """A browser at the site.

    Attributes:
        address: where the site is served.
    """

    driver: Chrome
    address: str

    def opens(self, page: str) -> None:
        """Open a page by its path in the site."""
        self.driver.get(f"{self.address}/{page}")

    def is_wide(self, width: int) -> None:
        """Have a screen of so many pixels."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def loads_search(self, wanted: bool) -> None:
        """Have pages build the index of the search, which costs more than all else that they do; or not."""
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": [] if wanted else ["*/search/*"]})

    def prefers(self, scheme: str, medium: str = "screen") -> None:
        """Have a system that is light or dark; or print."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": features})

    def runs(self, script: str, *arguments: Any) -> Any:
        """Return what a script returns in the page."""
        return self.driver.execute_script(script, *arguments)
