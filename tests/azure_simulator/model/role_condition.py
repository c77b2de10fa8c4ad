"""Conditions on role assignments (Azure ABAC, version 2.0), as far as those need them that delegate role assignments.

The language: terms in parentheses, joined by AND, OR and !, as the documentation of Azure role-based access control
describes them. A term asks for the action, or compares an attribute of the request or of the resource.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from azure_simulator.model.faults import AzureFault

_TOKEN = re.compile(
    r"\s*(?:(?P<mark>&&|\|\||[()!])"
    r"|(?P<word>AND|OR)\b"
    r"|ActionMatches\s*\{\s*'(?P<action>[^']+)'\s*\}"
    r"|@(?P<source>Request|Resource)\[(?P<attribute>[^\]]+)\]\s*(?P<operator>[A-Za-z:]+)\s*\{(?P<values>[^}]*)\})"
)
_EQUALS = {"ForAnyOfAnyValues:GuidEquals", "ForAnyOfAnyValues:StringEqualsIgnoreCase"}
# Different from each of the values.
_DIFFERS = {"ForAnyOfAllValues:GuidNotEquals", "ForAnyOfAllValues:StringNotEqualsIgnoreCase"}


@dataclass(frozen=True)
class Attempt:
    """What is attempted: the action, and the attributes of the request and of the resource as it is."""

    action: str
    request: Mapping[str, str]
    resource: Mapping[str, str]


Term = Callable[[Attempt], bool]


def parse(text: str) -> Term:
    """Return what decides a condition.

    Raises:
        AzureFault: it is not understood.
    """
    parser = _Parser(text)
    found = parser.any_of()
    if parser.rest:
        raise AzureFault("InvalidCondition", f"The condition cannot be read at: {parser.rest[:60]}")
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self.rest = text.strip()

    def _peek(self) -> re.Match[str] | None:
        return _TOKEN.match(self.rest)

    def _take(self) -> re.Match[str]:
        match = self._peek()
        if match is None:
            raise AzureFault("InvalidCondition", f"The condition cannot be read at: {self.rest[:60]}")
        self.rest = self.rest[match.end() :].strip()
        return match

    def _takes(self, *words: str) -> bool:
        match = self._peek()
        if match is None or (match["mark"] or match["word"]) not in words:
            return False
        self._take()
        return True

    def any_of(self) -> Term:
        terms = [self._all_of()]
        while self._takes("OR", "||"):
            terms.append(self._all_of())
        return lambda attempt: any(term(attempt) for term in terms)

    def _all_of(self) -> Term:
        terms = [self._one()]
        while self._takes("AND", "&&"):
            terms.append(self._one())
        return lambda attempt: all(term(attempt) for term in terms)

    def _one(self) -> Term:
        if self._takes("!"):
            inner = self._one()
            return lambda attempt: not inner(attempt)
        if self._takes("("):
            inner = self.any_of()
            if not self._takes(")"):
                raise AzureFault("InvalidCondition", f"A parenthesis is missing before: {self.rest[:60]}")
            return inner
        return _term(self._take())


def _term(match: re.Match[str]) -> Term:
    if match["action"]:
        action = match["action"].lower()
        return lambda attempt: attempt.action.lower() == action
    if match["operator"] not in _EQUALS | _DIFFERS:
        raise AzureFault("InvalidCondition", f"The operator {match['operator']} is not known.")
    values = {value.strip().strip("'").lower() for value in match["values"].split(",")}
    source, attribute, differs = match["source"], match["attribute"].rpartition(":")[2], match["operator"] in _DIFFERS

    def compares(attempt: Attempt) -> bool:
        have = attempt.request if source == "Request" else attempt.resource
        # What is not there equals nothing, and differs from nothing either.
        return attribute in have and (have[attribute].lower() in values) != differs

    return compares
