"""What a container finds in its environment, as Kubernetes describes it."""

from __future__ import annotations

import re
from typing import Any

Json = dict[str, Any]


class BadContainerError(RuntimeError):
    """The pod asks for what cannot be had; the message is for its status."""


def environment(container: Json, pod: Json, ip: str, service: dict[str, str]) -> dict[str, str]:
    """Return the environment of a container: the services', then its own, each able to use those before it."""
    found = dict(service)
    for each in container.get("env", ()):
        if "valueFrom" in each:
            source = each["valueFrom"]
            if "fieldRef" not in source:
                raise BadContainerError(f"env {each['name']}: {', '.join(source)} is not known here")
            found[each["name"]] = field_of(pod, ip, source["fieldRef"]["fieldPath"])
        else:
            found[each["name"]] = expanded(each.get("value", ""), found)
    return found


def expanded(text: str, known: dict[str, str]) -> str:
    """Return a text with each $(NAME) that is known replaced; $$ is a dollar."""

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return known.get(match[1], match[0])

    return re.sub(r"\$\$|\$\(([A-Za-z_.-][\w.-]*)\)", replace, text)


def field_of(pod: Json, ip: str, path: str) -> str:
    """Return what the downward API says of a pod."""
    fixed = {"status.podIP": ip, "status.hostIP": "127.0.0.1"}
    if path in fixed:
        return fixed[path]
    found: Any = pod
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if not isinstance(found, str):
        raise BadContainerError(f"fieldRef {path} is not known here")
    return found
