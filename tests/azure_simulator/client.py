"""Drive a running simulator from a test: its clock, its seed, its faults, its log."""

from __future__ import annotations

import json
import ssl
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from azure_simulator.http import tokens
from harness.kept_open import KeptOpen

# To let weeks pass takes minutes on a busy machine.
_PATIENCE_SECONDS = 1800


class SimulatorError(RuntimeError):
    """The simulator refused a command of the test."""


@dataclass(frozen=True)
class Sent:
    """One request that the simulator got."""

    number: int
    time: str
    route: str
    method: str
    path: str
    api_version: str
    status: int
    client_request_id: str
    correlation_id: str
    request_id: str
    caller: str
    body: Any

    @property
    def writes(self) -> bool:
        return self.method != "GET" and self.route != "resourceGraph.query"


class Simulator:
    """A running simulator, from outside."""

    def __init__(self, url: str, certificate_authority: Path) -> None:
        self.url = url
        self.certificate_authority = certificate_authority
        address = urlsplit(url)
        assert address.hostname and address.port, "of a simulator"
        context = ssl.create_default_context(cafile=str(certificate_authority))
        self._server = KeptOpen(address.hostname, address.port, context, _PATIENCE_SECONDS)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        return self._send(method, f"/__control/{path}", body, {})

    def arm(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to Azure as somebody who may do everything: a person in the portal, another tool."""
        self.seed(callers=[{"clientID": "a-person"}])
        return self._send(method, path, body, {"Authorization": f"Bearer {tokens.token_for('a-person')}"})

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        text = None if body is None else json.dumps(body)
        status, answer = self._server.request(method, path, text, {"Content-Type": "application/json"} | headers)
        if status >= 400:
            raise SimulatorError(answer.decode())
        return json.loads(answer or b"null")

    def answers(self) -> bool:
        """Return whether the simulator is up."""
        try:
            self._call("GET", "clock")
        except (OSError, HTTPException, SimulatorError):
            return False
        return True

    # --- the clock --------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return datetime.fromisoformat(self._call("GET", "clock")["now"])

    @property
    def followers(self) -> int:
        """Return how many processes follow the clock, and are waited for whenever it moves."""
        return int(self._call("GET", "clock")["followers"])

    def settle(self) -> None:
        """Wait until everybody who follows the clock is idle."""
        self._call("POST", "clock/settle", {})

    def advance(self, **span: float) -> None:
        """Let virtual time pass, ``minutes=30`` say; what is due on the way happens in order."""
        seconds = timedelta(**span).total_seconds()
        self._call("POST", "clock/advance", {"seconds": seconds})

    def step(self, most: timedelta) -> None:
        """Let virtual time pass to the next moment at which anything is due."""
        self._call("POST", "clock/step", {"most": most.total_seconds()})

    def set_rate(self, rate: float) -> None:
        self._call("POST", "clock/rate", {"rate": rate})

    # --- the cloud --------------------------------------------------------------------------------

    def seed(self, **what: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._call("POST", "seed", what)
        return answer

    def knobs(self, **seconds: float) -> None:
        self._call("POST", "knobs", seconds)

    def plant(self, route: str, **fault: Any) -> None:
        """Plant a fault; see ``PlantedFault``."""
        self._call("POST", "faults", {"route": route, **fault})

    def turn(self, knob: str, **how: Any) -> None:
        """Set what Azure does, by the name of a knob; see ``azure_simulator.http.knobs``."""
        self._call("POST", knob, how)

    def clear_faults(self) -> None:
        self._call("DELETE", "faults")

    def set_state(self, instance: str, state: str) -> None:
        """Let Azure say a state of a backup instance, one that no document knows, say."""
        self._call("POST", "state", {"instance": instance, "state": state})

    def fail_backups(self, code: str = "", message: str = "", action: str = "", disks: str = "") -> None:
        """Let each backup that ends from now on fail, of disks whose id fits; without a code they succeed again."""
        self._call("POST", "failing", {"code": code, "message": message, "action": action, "disks": disks})

    def lose_rows(self, pattern: str = "") -> None:
        """Leave rows out of Resource Graph whose ids fit a regular expression; none shows everything again."""
        self._call("POST", "lost", {"pattern": pattern})

    def deny(self, client: str, *denied: tuple[str, str]) -> None:
        """Take actions at scopes from a caller, both regular expressions; none gives everything back."""
        taken = [{"action": action, "scope": scope} for action, scope in denied]
        self.seed(callers=[{"clientID": client, "denied": taken}])

    def lacking(self, client: str) -> dict[str, int]:
        """Return the actions that a caller wanted to take and that no role of its allowed, and how often."""
        found: dict[str, int] = self._call("GET", f"lacking?client={client}")
        return {action: count for action, count in found.items() if count}

    @property
    def held(self) -> list[str]:
        """Return the paths of requests that get no answer."""
        held: list[str] = self._call("GET", "clock")["held"]
        return held

    def remove(self, identifier: str) -> None:
        """Delete a disk or a resource group, as somebody who may."""
        self._call("DELETE", f"things?id={quote(identifier)}")

    # --- the log ----------------------------------------------------------------------------------

    def requests(self, since: int = 0) -> list[Sent]:
        """Return what was sent after a number of requests, by everybody."""
        return [Sent(**entry) for entry in self._call("GET", f"requests?since={since}")["value"]]

    def points_kept(self) -> int:
        """Return how many restore points there are."""
        return int(self._call("GET", "points/count")["count"])

    def request_count(self) -> int:
        """Return how many requests were sent so far, by everybody."""
        return int(self._call("GET", "requests/count")["count"])

    def counts(self, since: int = 0) -> Counter[str]:
        return Counter(entry.route for entry in self.requests(since))
