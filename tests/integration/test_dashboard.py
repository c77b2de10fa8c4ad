"""Every query of the dashboard, asked of a real Prometheus that scrapes the operator."""

from __future__ import annotations

import json
import re
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from generated.dashboard import ROWS
from harness.objects import SUBSCRIPTION, disk_id
from harness.processes import Child, free_ports, wait_for
from harness.stack import Stack
from harness.tenant import Tenant

QUERIES = [
    pytest.param(expression, id=f"{row}: {panel.title}")
    for row, panels in ROWS
    for panel in panels
    for _, expression in panel.queries
]


class Prometheus:
    """A Prometheus of our own, which scrapes once a second."""

    def __init__(self, folder: Path, target: str) -> None:
        (port,) = free_ports(1)
        scraped = {"job_name": "operator", "honor_labels": True, "static_configs": [{"targets": [target]}]}
        (folder / "prometheus.yaml").write_text(
            yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [scraped]})
        )
        self.url = f"http://127.0.0.1:{port}"
        words = ["--config.file", str(folder / "prometheus.yaml"), "--storage.tsdb.path", str(folder / "data")]
        command = ["prometheus", *words, "--web.listen-address", f"127.0.0.1:{port}"]
        self.process = Child("Prometheus", command, folder / "prometheus.log")

    def ask(self, expression: str) -> list[Any]:
        query = urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?{query}") as answer:  # noqa: S310 - our own URL
                found: list[Any] = json.load(answer)["data"]["result"]
        except OSError:
            return []
        return found


@pytest.fixture(scope="module")
def scraped(
    stack: Stack, gold: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Prometheus, dict[str, str]]]:
    """A namespace with a disk that is backed up and one that waits for a person, and a Prometheus that saw both."""
    if shutil.which("prometheus") is None:
        pytest.skip("Prometheus is missing, and no query was asked (Debian: apt-get install prometheus)")
    shop = Tenant(stack, "watched")
    shop.create()
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    shop.after_the_next_backup()
    shop.make_claim("lost-0")
    shop.protect("lost", "lost-0")
    shop.until("protecteddisk", "lost", "Ready")
    shop.kubectl("delete", "pvc", "lost-0")
    place = {"subscription": SUBSCRIPTION, "group": "disks-rg", "location": "westeurope"}
    stack.azure.seed(disks=[{**place, "name": "watched-other"}])
    shop.bind("lost-0", "watched-other", disk_id("watched-other"))
    shop.until("protecteddisk", "lost", "Stalled", "True")
    # And no further backup comes.
    stack.azure.knobs(schedule_delay=10**7)
    stack.azure.advance(hours=12)
    found = Prometheus(tmp_path_factory.mktemp("prometheus"), stack.metrics_url.split("/")[2])
    try:
        wait_for(lambda: len(found.ask("azdiskbackup_disk_info[1m]")) > 1, "it has scraped")
        wait_for(lambda: found.ask("rate(azdiskbackup_reconcile_total[30s])"), "it has scraped twice")
        yield found, {"namespace": ".*", "disk_namespace": "watched", "disk": "data", "__rate_interval": "30s"}
    finally:
        found.process.stop()
        stack.azure.knobs(schedule_delay=10)
        shop.clear()


@pytest.mark.parametrize("expression", QUERIES)
def test_no_panel_is_empty(scraped: tuple[Prometheus, dict[str, str]], expression: str) -> None:
    prometheus, variables = scraped
    asked = re.sub(r"\$(\w+)", lambda match: variables[match[1]], expression)
    assert prometheus.ask(asked), asked
