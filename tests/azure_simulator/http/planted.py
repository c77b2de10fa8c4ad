"""Answers that a test plants instead of, or after, the real ones."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from azure_simulator.http.messages import Request


@dataclass
class PlantedFault:
    """An answer that a test wants instead of, or after, the real one.

    Attributes:
        route: regular expression over the name of the route.
        path: regular expression over the path.
        times: how often it strikes.
        status: status of the answer; 0 drops the connection, -1 cuts it in the middle of the real answer, -2 holds
            the request without an answer until the client goes away.
        after: whether the request is carried out before.
        at_end: whether the request is accepted, and the operation that it starts ends with the error; one that only
            reads is not struck.
        is_user_error: whether Azure blames the request for it.
        endless: whether the request is accepted, and the operation that it starts never ends.
        skip: how many requests pass before it strikes.
        every: of how many requests it strikes one: 2 for every other one.
        writes: whether it strikes writes alone.
    """

    route: str
    times: int = 1
    path: str = ""
    status: int = 500
    code: str = "InternalServerError"
    message: str = "Something went wrong."
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False
    at_end: bool = False
    is_user_error: bool = True
    skip: int = 0
    writes: bool = False
    endless: bool = False
    every: int = 1
    met: int = field(default=0, init=False)

    def strikes(self, request: Request, route: str) -> bool:
        """Return whether it strikes a request, and count it."""
        hit = re.search(self.route, route) and re.search(self.path, request.path, re.IGNORECASE)
        # A request that only reads starts no operation.
        writes = self.writes or self.at_end or self.endless
        if not hit or self.times <= 0 or (writes and not request.mutates):
            return False
        self.met += 1
        if self.met <= self.skip or (self.met - self.skip) % self.every:
            return False
        self.times -= 1
        return True
