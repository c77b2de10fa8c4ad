"""Completion: what kubectl asks `kubectl_complete-azdiskbackup`, and the names that it is answered from."""

from __future__ import annotations

import asyncio
import io
import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any

from typer import completion

from azdiskbackup.plugin.cluster.client import DISKS, NAMESPACE, POLICIES, Cluster
from azdiskbackup.plugin.runtime.app import COMPLETE_VAR, PROGRAM, app
from azdiskbackup.plugin.runtime.options import Options

# As kubectl's own completion: no file names.
_NO_FILES = ":4"
_WITHIN_SECONDS = 3.0


def main() -> None:
    """Answer kubectl: one suggestion a line, and a last line that says what the shell should do with them."""
    words = sys.argv[1:]
    # Through the library's protocol for fish: value, tab, help, which is what kubectl wants too.
    completion.completion_init()  # type: ignore[attr-defined] # it is imported there, and not declared
    asked = shlex.join(["x", *words[:-1]]) + f" {shlex.quote(words[-1]) if words and words[-1] else ''}"
    os.environ |= {
        COMPLETE_VAR: "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": asked,
    }
    found = io.StringIO()
    try:
        with redirect_stdout(found):
            app(prog_name=PROGRAM, complete_var=COMPLETE_VAR)
    except SystemExit:
        pass
    sys.stdout.write("".join(f"{line}\n" for line in [*found.getvalue().splitlines(), _NO_FILES]))


def disks(params: Mapping[str, Any], incomplete: str) -> list[str]:
    """Return the disks of the namespace that begin so."""
    return _names(params, incomplete, DISKS)


def policies(params: Mapping[str, Any], incomplete: str) -> list[str]:
    """Return the policies that begin so."""
    return _names(params, incomplete, POLICIES)


def namespaces(params: Mapping[str, Any], incomplete: str) -> list[str]:
    """Return the namespaces that begin so."""
    return _names(params, incomplete, NAMESPACE)


def contexts(params: Mapping[str, Any], incomplete: str) -> list[str]:
    """Return the contexts of the kubeconfig that begin so."""
    from azdiskbackup.kube import kubeconfig as connection

    return [each for each in connection.contexts(params.get("kubeconfig")) if each.startswith(incomplete)]


def _names(params: Mapping[str, Any], incomplete: str, what: Any) -> list[str]:
    """Return names from the API server; none where it cannot be asked: a completion has no place for an error."""
    try:
        found = asyncio.run(asyncio.wait_for(_ask(params, what), _WITHIN_SECONDS))
    except Exception:
        return []
    return [each for each in found if each.startswith(incomplete)]


async def _ask(params: Mapping[str, Any], what: Any) -> list[str]:
    options = Options(
        namespace=params.get("namespace"), context=params.get("context"), kubeconfig=params.get("kubeconfig")
    )
    async with Cluster(options) as cluster:
        place = cluster.home if what is DISKS else ""
        return [each.name for each in await cluster.all(what, place)]
