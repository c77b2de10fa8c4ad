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
from typer.core import TyperArgument, TyperOption

from azdiskbackup.kube.kubeconfig.reading import contexts
from azdiskbackup.kube.watched import CLAIM, NAMESPACE, WatchedResource
from azdiskbackup.plugin.cluster.client import DISKS, POLICIES, RESTORES, VAULTS, Cluster
from azdiskbackup.plugin.output.foreign import harmless
from azdiskbackup.plugin.runtime.app import COMPLETE_VAR, PROGRAM, app
from azdiskbackup.plugin.runtime.command_line import collect_rarely, with_what_is_asked
from azdiskbackup.plugin.runtime.options import Options

# As kubectl's own completion: no file names.
_NO_FILES = ":4"
_WITHIN_SECONDS = 3.0
_LISTED = {
    "disks": DISKS,
    "policies": POLICIES,
    "namespaces": NAMESPACE,
    "vaults": VAULTS,
    "restores": RESTORES,
    "claims": CLAIM,
}
_IN_NAMESPACE = (DISKS, RESTORES, CLAIM)


def main() -> None:
    """Answer kubectl: one suggestion a line, and a last line that says what the shell should do with them."""
    collect_rarely()
    words = sys.argv[1:]
    for each in (TyperArgument, TyperOption):
        # Nobody checks what is still being typed, and what the library imports for it is a quarter of a completion.
        each.process_value = lambda _self, _ctx, value: value  # type: ignore[method-assign,assignment] # in this process alone
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
            with_what_is_asked(app, words[:-1])(prog_name=PROGRAM, complete_var=COMPLETE_VAR)
    except SystemExit:
        pass
    sys.stdout.write("".join(f"{line}\n" for line in [*map(harmless, found.getvalue().splitlines()), _NO_FILES]))


def names(what: str, params: Mapping[str, Any], incomplete: str) -> list[str]:
    """Return the contexts, or the objects of the API server, that begin so."""
    found = contexts(params.get("kubeconfig")) if what == "contexts" else _objects(what, params)
    return [each for each in found if each.startswith(incomplete)]


def _objects(what: str, params: Mapping[str, Any]) -> list[str]:
    """Return names from the API server; none where it cannot be asked: a completion has no place for an error."""
    try:
        return asyncio.run(asyncio.wait_for(_ask(_LISTED[what], params), _WITHIN_SECONDS))
    except Exception:
        return []


async def _ask(what: WatchedResource, params: Mapping[str, Any]) -> list[str]:
    options = Options(
        namespace=params.get("namespace"), context=params.get("context"), kubeconfig=params.get("kubeconfig")
    )
    async with Cluster(options) as cluster:
        place = cluster.home if what in _IN_NAMESPACE else ""
        return [each.name for each in await cluster.all(what, place)]
