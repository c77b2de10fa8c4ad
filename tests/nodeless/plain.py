"""A container as a plain process: its files are elsewhere, and what names them has to say where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from nodeless.isolation import Sandbox

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def of_this_machine(
    sandbox: Sandbox, command: Sequence[str], environment: dict[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return command and environment with the paths of this machine."""
    # The longest first; /tmp is the machine's own.
    mounts = sorted(((inside, outside) for inside, (outside, _) in sandbox.mounts.items()), reverse=True)

    def here(text: str) -> str:
        for inside, outside in mounts:
            if inside != "/tmp" and text.startswith(inside):  # noqa: S108 - a path in the container
                return text.replace(inside, str(outside), 1)
        return sandbox.image.on_this_machine(text)

    found = {name: here(value) for name, value in environment.items()}
    found[sandbox.image.termination_log_variable] = str(sandbox.termination_log)
    if SERVICE_ACCOUNT in sandbox.mounts:
        account = sandbox.mounts[SERVICE_ACCOUNT][0]
        found[sandbox.image.kubeconfig_variable] = str(_kubeconfig(account, environment, sandbox.termination_log))
    return [here(word) for word in command], found


def _kubeconfig(account: Path, environment: dict[str, str], beside: Path) -> Path:
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]
    cluster = {"server": f"https://{host}:{port}", "certificate-authority": str(account / "ca.crt")}
    context = {"cluster": "local", "user": "pod", "namespace": (account / "namespace").read_text()}
    path = beside.with_name("kubeconfig")
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": "local",
                "clusters": [{"name": "local", "cluster": cluster}],
                "users": [{"name": "pod", "user": {"tokenFile": str(account / "token")}}],
                "contexts": [{"name": "local", "context": context}],
            }
        )
    )
    return path
