"""A Prometheus of our own, from Debian's packages: one that scrapes, or one that has a recording."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from harness.processes import Child, free_ports

# Of a recording: longer than between two of its scrapes, or there would be gaps.
_LOOK_BACK = timedelta(minutes=15)

Series = list[dict[str, Any]]


class Prometheus:
    """A server; ``stop`` ends it.

    Args:
        folder: for its files.
        options: of the command.
        scrapes: what it scrapes, as in its configuration.
    """

    def __init__(self, folder: Path, *options: str, scrapes: list[dict[str, Any]] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (port,) = free_ports(1)
        settings = {"global": {"scrape_interval": "1s"}, "scrape_configs": scrapes or []}
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(settings))
        self.url = f"http://127.0.0.1:{port}"
        words = ["--config.file", str(folder / "prometheus.yaml"), "--storage.tsdb.path", str(folder / "data")]
        command = ["prometheus", *words, "--web.listen-address", f"127.0.0.1:{port}", *options]
        self._process = Child("Prometheus", command, folder / "prometheus.log")

    @classmethod
    def scraping(cls, folder: Path, target: str) -> Prometheus:
        """Return one that scrapes host and port once a second, as the chart's ServiceMonitor has it done."""
        scraped = {"job_name": "operator", "honor_labels": True, "static_configs": [{"targets": [target]}]}
        return cls(folder, scrapes=[scraped])

    @classmethod
    def of_recording(cls, folder: Path, recording: Path) -> Prometheus:
        """Return one that has samples with times of their own, in OpenMetrics."""
        folder.mkdir(parents=True, exist_ok=True)
        blocks = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(recording), str(folder / "data")]
        subprocess.run(blocks, check=True, capture_output=True)
        back = f"--query.lookback-delta={round(_LOOK_BACK.total_seconds())}s"
        return cls(folder, back, "--storage.tsdb.retention.time=100y")

    def stop(self) -> None:
        self._process.stop()

    def ask(self, expression: str, at: datetime | None = None) -> Series:
        """Return what an expression is now, or at a time; nothing while it does not answer."""
        return self._get("query", query=expression, **({"time": at.isoformat()} if at else {}))

    def ask_range(self, expression: str, begin: datetime, end: datetime, step: timedelta) -> Series:
        """Return what an expression was between two times."""
        span = {"start": begin.isoformat(), "end": end.isoformat(), "step": f"{round(step.total_seconds())}s"}
        return self._get("query_range", query=expression, **span)

    def _get(self, what: str, **asked: str) -> Series:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(asked)}") as answer:  # noqa: S310 - our own URL
                found: Series = json.load(answer)["data"]["result"]
        except OSError:
            return []
        return found
