"""``make picture``: the report's page of a small fleet, as a browser shows it."""

from __future__ import annotations

import argparse
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.plugin.cluster.coverage import Volumes
from azdiskbackup.plugin.report.gather import Found, report
from azdiskbackup.plugin.report.page import page
from azdiskbackup.plugin.report.shapes import CoverageAt
from harness import objects
from plugin import world

_WIDTH, _HEIGHT = 1100, 900
# What a window has beside its page.
_FRAME = 140
_SHORTER = """
[...document.querySelectorAll("details")].slice(3).forEach(each => each.remove());
document.querySelector("details").open = true;
return document.body.scrollHeight;
"""
_DAYS = 30
_TEAMS = ("shop", "bank", "maps", "mail")
# In how many days the rule made so many more of them protected.
_GROWS = 2

# As many as status has.
_POINTS = 20
_FAILED = {
    "operation": "Backup",
    "status": "Failed",
    "type": "Scheduled",
    "error": {"code": "UserErrorSubscriptionDiskQuotaLimitReached", "message": "The quota of snapshots is used up."},
}

Json = dict[str, Any]


def fleet(now: datetime = world.NOW) -> str:
    """Return the page of some teams: most disks are well, one fails, one is not protected."""
    disks: list[Json] = [_daily(world.failing(), now, missing=2), world.waiting()]
    claims: list[Json] = [world.claim("cache-0", "shop")]
    volumes: list[Json] = [world.volume("cache-0", "shop")]
    for number in range(10):
        team = _TEAMS[number % len(_TEAMS)]
        disks.append(_daily(world.good(f"data-{number}", team), now))
        claims.append(world.claim(f"data-{number}-0", team))
        volumes.append(world.volume(f"data-{number}-0", team))
    found = Found(
        claims=[Resource(each) for each in claims],
        disks=[Resource(each) for each in disks],
        volumes=Volumes([Resource(each) for each in volumes]),
        policies=[Resource(_policy())],
        rules=None,
        restores=[Resource(each) for each in world.Api().objects["diskrestores"]],
        successes={},
        coverage=[_coverage(now, back) for back in range(_DAYS, 0, -1)],
        points={},
    )
    first = (now - timedelta(days=_DAYS - 1)).date()
    sources = ["Restore points and jobs: from status. Coverage: from Prometheus."]
    return page(report(found, "https://cluster.example", first, now.date(), now, sources))


def _policy() -> Json:
    found = objects.policy("gold", schedule={"frequency": "Daily"}, retention={"default": {"days": 60}})
    return objects.stored(found)


def _daily(raw: Json, now: datetime, missing: int = 0) -> Json:
    """Return a disk that was backed up once a day lately, but for the last days, on which backups failed."""
    morning = now.replace(hour=2, minute=5, second=0, microsecond=0)
    days = [morning - timedelta(days=back) for back in range(_POINTS)]
    points = [{"id": f"p-{back}", "time": _wire(when)} for back, when in enumerate(days) if back >= missing]
    failed = [_FAILED | {"id": f"j-{back}"} | _times(when) for back, when in enumerate(days[:missing])]
    raw["status"] |= {
        "activeSince": _wire(days[-1] - timedelta(hours=1)),
        "lastSuccessfulBackupTime": points[0]["time"],
        "restorePoints": {
            "count": len(points),
            "oldest": points[-1]["time"],
            "newest": points[0]["time"],
            "recent": points,
            "observedTime": _wire(now),
        },
        "jobs": {"completed": 7 - missing, "failed": missing, "inProgress": 0, "recent": failed},
    }
    return raw


def _times(when: datetime) -> Json:
    return {"startTime": _wire(when), "endTime": _wire(when)}


def _wire(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def _coverage(now: datetime, back: int) -> CoverageAt:
    protected = max(2, 11 - back // _GROWS)
    return CoverageAt(time=now - timedelta(days=back), states={"protected": protected, "unselected": 13 - protected})


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for each in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(each)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        path.write_text(fleet())
        browser = Chrome(options, Service("/usr/bin/chromedriver"))
        try:
            browser.set_window_size(_WIDTH, _HEIGHT)
            browser.get(path.as_uri())
            # A page is long; of the days some are enough to see what they are like.
            height = browser.execute_script(_SHORTER)
            browser.set_window_size(_WIDTH, height + _FRAME)
            browser.save_screenshot(str(out))
        finally:
            browser.quit()


if __name__ == "__main__":
    main()
