"""How a restored PVC gets into a pod, ready to paste."""

from __future__ import annotations

import json
from collections.abc import Iterator
from shlex import quote
from typing import Any

_VOLUME = "restored"


def mounting(namespace: str, claim: str, *, block: bool = False) -> Iterator[str]:
    """Yield a command that looks into a PVC, read-only, and the stanza of a pod that mounts it."""
    where = "/dev/restored" if block else "/restored"
    overrides = json.dumps({"spec": _pod(claim, where, block=block)}, separators=(",", ":"))
    yield f"To look into it, at {where}:"
    yield f"  kubectl run look -n {quote(namespace)} --rm -it --image=busybox --overrides={quote(overrides)}"
    yield "To mount it, in the spec of a pod:"
    yield "  volumes:"
    yield f"  - name: {_VOLUME}"
    yield "    persistentVolumeClaim:"
    yield f"      claimName: {json.dumps(claim)}"


def _pod(claim: str, where: str, *, block: bool) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "look",
        "image": "busybox",
        "command": ["sh"],
        "stdin": True,
        "tty": True,
    }
    if block:
        container["volumeDevices"] = [{"name": _VOLUME, "devicePath": where}]
    else:
        container["volumeMounts"] = [{"name": _VOLUME, "mountPath": where, "readOnly": True}]
    return {"containers": [container], "volumes": [{"name": _VOLUME, "persistentVolumeClaim": {"claimName": claim}}]}
