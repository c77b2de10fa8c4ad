"""The report's page, as an auditor opens it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.plugin.cluster.coverage import Volumes
from azdiskbackup.plugin.report.gather import Found, report
from azdiskbackup.plugin.report.page import page
from azdiskbackup.plugin.report.shapes import CoverageAt
from pages.browser import Browser
from pages.test_site import _AXE, _CHECK, _DESK, _OVER_THE_EDGE, _TELEPHONE
from plugin import world

NOW = world.NOW


def made() -> str:
    """Return a page with something of everything."""
    objects = world.Api().objects
    found = Found(
        claims=[Resource(each) for each in objects["persistentvolumeclaims"]],
        disks=[Resource(each) for each in objects["protecteddisks"]],
        volumes=Volumes([Resource(each) for each in objects["persistentvolumes"]]),
        policies=[Resource(each) for each in objects["diskbackuppolicies"]],
        rules=None,
        restores=[Resource(each) for each in objects["diskrestores"]],
        successes={},
        coverage=[
            CoverageAt(
                time=NOW - timedelta(days=back), states={"protected": 40 - back, "skipped": 2, "unselected": back}
            )
            for back in range(20, 0, -1)
        ],
        points={},
    )
    first = (NOW - timedelta(days=29)).date()
    return page(report(found, "https://cluster.example", first, NOW.date(), NOW, ["From status."]))


@pytest.fixture(scope="module")
def opened(browser: Browser, site: Path) -> Browser:
    """The browser, at the report."""
    (site / "report.html").write_text(made())
    browser.opens("report.html")
    return browser


@pytest.mark.parametrize("width", [_TELEPHONE, _DESK])
def test_it_fits(opened: Browser, width: int) -> None:
    opened.is_wide(width)
    assert opened.driver.execute_async_script(_OVER_THE_EDGE, False) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read(opened: Browser, scheme: str) -> None:
    opened.is_wide(_DESK)
    opened.prefers(scheme)
    opened.runs(_AXE)
    assert opened.driver.execute_async_script(_CHECK) == []


def test_it_loads_nothing_and_runs_nothing(opened: Browser) -> None:
    assert (
        opened.runs(
            "return performance.getEntriesByType('resource').filter(each => !each.name.endsWith('favicon.ico')).length"
        )
        == 0
    )
    assert opened.runs("return document.scripts.length") == 0
    assert opened.runs("return document.querySelectorAll('.days i').length") >= 30


def test_printed_it_has_its_colours(opened: Browser) -> None:
    opened.prefers("light", "print")
    colour = "return getComputedStyle(document.querySelector('.days i')).printColorAdjust"
    assert opened.runs(colour) == "exact"
    opened.prefers("light")
