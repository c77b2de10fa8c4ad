"""Control planes that serve one test after another: each gets what is there when one has just started.

To start one costs seconds of both cores, to put etcd back to its first keys a tenth of one. The API server and its
controllers see deletions, as if somebody had deleted all that came since, and no finalizer holds anything up.
"""

from __future__ import annotations

import atexit
import base64
import json
import shutil
import tempfile
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from controlplane.plane import ControlPlane
from harness.processes import wait_for

Json = dict[str, Any]

# What the API server writes for itself, whatever tests do.
_ITS_OWN = (
    *("/registry/leases/kube-system/", "/registry/masterleases/", "/registry/peerserverleases/"),
    "compact_rev_key",
)
_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_IN_EACH_NAMESPACE = ("serviceaccounts/default", "configmaps/kube-root-ca.crt")
# First the namespaces and definitions: without them no controller can make anew what is deleted after them.
_FIRST = ("/registry/namespaces/", "/registry/apiextensions.k8s.io/")
_DEFINITIONS = "/registry/apiextensions.k8s.io/customresourcedefinitions/"
_EVERYTHING = base64.b64encode(b"\0").decode()
# Controllers follow within seconds; one that does not is cheaper to replace than to wait for.
_PUT_BACK_SECONDS = 60
# Under load the API server tells once more of a group that it no longer serves.
_LOOKS_IN_A_ROW = 3
# So many operations etcd takes in one transaction.
_AT_ONCE = 100


class _Reusable:
    """A control plane, and what was in its etcd when it had started."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="azdiskbackup-plane-"))
        self.plane = ControlPlane(self._folder)
        try:
            self.plane.start()
            wait_for(self._is_furnished, "Kubernetes has brought along what it brings along")
            self._groups = self._served()
            self._first = self._keys()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self.plane.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def put_back(self) -> None:
        """Have what was there at first, and nothing else; return when the API server knows.

        Raises:
            AssertionError: it does not become so, and what differs.
        """
        differs: list[str] = []
        looks = 0

        def is_as_at_first() -> bool:
            nonlocal looks
            differs[:] = [*self._changed(), *sorted(self._served() ^ self._groups)]
            looks = 0 if differs else looks + 1
            return looks == _LOOKS_IN_A_ROW

        try:
            # The API server tells of a definition some time after it serves it, and would tell of it when it is gone.
            wait_for(lambda: self._defined() <= self._served(), "what is defined is told of", _PUT_BACK_SECONDS)
            wait_for(is_as_at_first, "the control plane is as at first", _PUT_BACK_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}: {', '.join(differs)}") from error
        self.plane.forget()

    def _is_furnished(self) -> bool:
        """Return whether all is there that controllers would make again if it was taken for a test's."""
        made = [f"{each}/{what}" for each in _NAMESPACES for what in _IN_EACH_NAMESPACE]
        return all(
            self.plane.request("GET", f"/api/v1/namespaces/{each}")[0] == 200
            for each in (*made, "default/services/kubernetes")
        )

    def _served(self) -> set[str]:
        return {each["name"] for each in self.plane.read("/apis")["groups"]}

    def _defined(self) -> set[str]:
        """Return the groups of the custom resources in etcd."""
        names = (
            _decoded(key).removeprefix(_DEFINITIONS) for key in self._keys() if _decoded(key).startswith(_DEFINITIONS)
        )
        return {name.partition(".")[2] for name in names}

    def _keys(self) -> dict[str, str]:
        """Return what is in etcd, keys and values in base64."""
        found = self._etcd("range", {"key": _EVERYTHING, "range_end": _EVERYTHING}).get("kvs", ())
        return {each["key"]: each.get("value", "") for each in found if not _decoded(each["key"]).startswith(_ITS_OWN)}

    def _changed(self) -> list[str]:
        """Put back what changed; return the keys."""
        now = self._keys()
        gone = sorted(now.keys() - self._first.keys(), key=lambda key: not _decoded(key).startswith(_FIRST))
        other = [key for key, value in self._first.items() if now.get(key) != value]
        todo: list[Json] = [{"request_delete_range": {"key": key}} for key in gone]
        todo += [{"request_put": {"key": key, "value": self._first[key]}} for key in other]
        for start in range(0, len(todo), _AT_ONCE):
            self._etcd("txn", {"success": todo[start : start + _AT_ONCE]})
        return [_decoded(key) for key in (*gone, *other)]

    def _etcd(self, what: str, asked: Json) -> Json:
        url = f"{self.plane.etcd}/v3/kv/{what}"
        with urllib.request.urlopen(url, json.dumps(asked).encode()) as answer:  # noqa: S310 - our own URL
            found: Json = json.load(answer)
        return found


_idle: list[_Reusable] = []


@contextmanager
def lent() -> Iterator[ControlPlane]:
    """Yield a control plane in which nothing is but what Kubernetes itself brings along.

    One whose test failed is not used again: what made it fail may be in it. Nor is one that cannot be put back, which a
    warning tells, and a second one is not kept.
    """
    found = _idle.pop() if _idle else _Reusable()
    with ExitStack() as ending:
        ending.callback(found.stop)
        yield found.plane
        if _idle:
            return
        try:
            found.put_back()
        except AssertionError as error:
            # No test is wrong because of it: the next one starts its own.
            warnings.warn(f"a control plane is not used again: {error}", stacklevel=1)
            return
        _idle.append(found)
        ending.pop_all()


@atexit.register
def stop_idle() -> None:
    """Stop those that nobody uses: each takes a twentieth of a core for nothing."""
    while _idle:
        _idle.pop().stop()


def _decoded(key: str) -> str:
    return base64.b64decode(key).decode()
