"""What a Prometheus has seen of the metrics of the operator, which outlasts what Azure and status have."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from azdiskbackup.plugin.report.shapes import CoverageAt
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode

_TIMEOUT = 30.0
_DAY = timedelta(days=1)


class Prometheus:
    """A server of Prometheus' HTTP API, asked for the ends of days.

    Args:
        url: its address; without credentials, as a port-forward has it.

    Raises:
        CliError: it is no address.
    """

    def __init__(self, url: str) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise CliError(f"{url!r} is not the URL of a Prometheus, such as http://localhost:9090", ExitCode.USAGE)
        self._url = url.rstrip("/")

    async def successes(self, first: date, last: date, now: datetime) -> dict[tuple[str, str], dict[date, datetime]]:
        """Return, by namespace and name of the ProtectedDisk, the newest success at the end of each day."""
        query = "max by (namespace, name) (azdiskbackup_disk_last_success_timestamp_seconds)"
        found: dict[tuple[str, str], dict[date, datetime]] = {}
        for labels, when, value in await self._at_ends(query, first, last, now):
            place = labels.get("namespace", ""), labels.get("name", "")
            found.setdefault(place, {})[_day_before(when)] = datetime.fromtimestamp(value, UTC)
        return found

    async def coverage(self, first: date, last: date, now: datetime) -> list[CoverageAt]:
        """Return how many PVCs were in which state at the end of each day."""
        query = "sum by (state) (max by (rule, state, reason) (azdiskbackup_claims))"
        found: dict[datetime, dict[str, int]] = {}
        for labels, when, value in await self._at_ends(query, first, last, now):
            found.setdefault(when, {})[labels.get("state", "")] = round(value)
        return [CoverageAt(time=when, states=states) for when, states in sorted(found.items())]

    async def _at_ends(
        self, query: str, first: date, last: date, now: datetime
    ) -> list[tuple[dict[str, str], datetime, float]]:
        begin = datetime.combine(first, time(), tzinfo=UTC) + _DAY
        end = datetime.combine(last, time(), tzinfo=UTC) + _DAY
        words = {"query": query, "start": begin.timestamp(), "end": end.timestamp(), "step": _DAY.total_seconds()}
        answer = await asyncio.to_thread(self._get, f"{self._url}/api/v1/query_range?{urlencode(words)}")
        return [each for each in _samples(answer) if each[1] <= now]

    def _get(self, url: str) -> Any:
        try:
            with urllib3.PoolManager(retries=False, timeout=_TIMEOUT) as pool:
                response = pool.request("GET", url)
        except urllib3.exceptions.HTTPError as error:
            raise CliError(f"{self._url} does not respond: {error}.") from error
        if response.status != 200:
            raise CliError(f"{self._url} answers with status {response.status}: is it a Prometheus?")
        try:
            return json.loads(response.data)
        except ValueError as error:
            raise CliError(f"{self._url} does not answer with JSON: is it a Prometheus?") from error


def _samples(answer: Any) -> Iterator[tuple[dict[str, str], datetime, float]]:
    try:
        for series in answer["data"]["result"]:
            for when, value in series["values"]:
                yield series["metric"], datetime.fromtimestamp(float(when), UTC), float(value)
    except (KeyError, TypeError, ValueError) as error:
        raise CliError("The answer is not that of a Prometheus.") from error


def _day_before(when: datetime) -> date:
    """Return the day that ended at a midnight."""
    return (when - timedelta(seconds=1)).date()
