"""The operator as a user installs it: the chart, by Helm, on a cluster whose pods run as local processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from azure_simulator.model.disk_folders import path_of
from controlplane.plane import ControlPlane
from controlplane.tools import tool
from harness.processes import PATIENCE_SECONDS, wait_for
from nodeless import isolation
from nodeless.disks import Disks
from nodeless.images import Image, Images
from nodeless.kubelet import Cluster, Kubelet
from nodeless.pod import Pod
from release.built import root_files

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "azdiskbackup"
NAMESPACE = "azdiskbackup"
RELEASE = "azdiskbackup"
IMAGE = "localhost/azdiskbackup"
# What deploy/Dockerfile sets; a test compares.
ENVIRONMENT = {
    "PYTHONPATH": "/app/operator:/app/packages",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONNODEBUGRANGES": "1",
    "HOME": "/tmp",  # noqa: S108 - a path in the container
}
OPERATOR_USER = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"

Json = dict[str, Any]


class HelmError(RuntimeError):
    """Helm failed; the message is all that it printed."""


def operator_image(source: Path = ROOT / "operator") -> Image:
    """Return the image of this checkout: what was built of it, else its files in the places that the Dockerfile names.

    Args:
        source: the operator, if it is another than that of this checkout.
    """
    built = root_files() if source == ROOT / "operator" and isolation.available() else None
    if built is not None:
        return Image(
            entrypoint=["/usr/bin/python3", "-m", "azdiskbackup"], folders={}, root=built, environment=ENVIRONMENT
        )
    return Image(
        entrypoint=["/app/venv/bin/python", "-m", "azdiskbackup"],
        folders={"/app/venv": Path(sys.prefix), "/app/operator": source},
        environment=ENVIRONMENT,
    )


def kubelet_of(
    plane: ControlPlane, folder: Path, back_off: Callable[[int], float], data: Path | None = None
) -> Kubelet:
    """Return a kubelet for a control plane, which knows the operator's image; ``data`` is what the simulator keeps."""
    disks = Disks(lambda handle: path_of(data, handle)) if data is not None else None
    cluster = Cluster(plane.server, plane.authority.certificate, plane.admin, plane.authority.server("kubelet"))
    return Kubelet(cluster, Images({IMAGE: operator_image()}), folder, back_off=back_off, disks=disks)


class Installation:
    """A release of the chart.

    Args:
        plane: the control plane.
        kubelet: runs its pods.
        values: of the chart.
        chart: the chart.
        namespace: where it is installed.
        line: `helm` for Helm 4, `helm3` for Helm 3.
    """

    def __init__(
        self,
        plane: ControlPlane,
        kubelet: Kubelet,
        values: Json,
        *,
        chart: Path = CHART,
        namespace: str = NAMESPACE,
        line: str = "helm",
    ) -> None:
        self.plane = plane
        self.kubelet = kubelet
        self.values = values
        self.chart = chart
        self.namespace = namespace
        self.line = line

    def helm(self, *arguments: str, seconds: float = 2 * PATIENCE_SECONDS) -> str:
        """Run Helm and return all that it printed.

        Raises:
            HelmError: with all that it printed.
        """
        with tempfile.TemporaryDirectory() as home:
            done = subprocess.run(
                [tool(self.line), f"--kubeconfig={self.plane.kubeconfig}", *arguments],
                env={**os.environ, "HELM_CACHE_HOME": home, "HELM_CONFIG_HOME": home, "HELM_DATA_HOME": home},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=seconds,
            )
        if done.returncode != 0:
            raise HelmError(done.stdout)
        return done.stdout

    def apply(
        self, *arguments: str, values: Json | None = None, wait: bool = True, seconds: int = PATIENCE_SECONDS
    ) -> str:
        """Install the chart, or upgrade to it, with values that replace some of the installation's."""
        wanted = merged(self.values, values or {})
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(wanted, file)
            file.flush()
            # What somebody scaled or patched by hand is the chart's again; the other line does so by itself.
            forced = ["--force-conflicts"] if self.line == "helm" else []
            words = ["upgrade", "--install", *forced, RELEASE, str(self.chart), "-n", self.namespace, "-f", file.name]
            return self.helm(*words, *(["--wait", f"--timeout={seconds}s"] if wait else []), *arguments)

    def uninstall(self, *arguments: str) -> str:
        return self.helm(
            "uninstall", RELEASE, "-n", self.namespace, "--wait", f"--timeout={PATIENCE_SECONDS}s", *arguments
        )

    # --- its pods -----------------------------------------------------------------------------------

    def pods(self) -> list[Pod]:
        """Return the operator's pods, the oldest first."""
        found = self.kubelet.pods(app_kubernetes_io_component="operator", app_kubernetes_io_instance=RELEASE)
        return [pod for pod in found if pod.namespace == self.namespace]

    def leader(self) -> str:
        """Return which pod holds the Lease, none being empty."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases/{RELEASE}"
        status, found = self.plane.request("GET", path)
        return str(found.get("spec", {}).get("holderIdentity") or "") if status == 200 else ""

    def leading(self) -> Pod:
        """Return the pod that leads, waiting for it."""
        found: list[Pod] = []

        def leads() -> bool:
            pod = self._leading()
            # Kept from the very look that saw it: a moment later it may be gone, as one that was just killed is.
            found.extend([pod] if pod is not None else [])
            return bool(found)

        wait_for(leads, "a replica leads")
        return found[-1]

    def _leading(self) -> Pod | None:
        holder = self.leader()
        running = (pod for pod in self.pods() if pod.run is not None and pod.run.running)
        return next((pod for pod in running if pod.name == holder), None)

    def scale(self, replicas: int) -> None:
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{RELEASE}"
        self.plane.patch(path, {"spec": {"replicas": replicas}})

    def said(self) -> str:
        """Return all that the operator's pods wrote, those that are gone first."""
        return self.kubelet.said(RELEASE)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Json:
    """Return values with others over them, as Helm does; lists are replaced."""
    found = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
        found[key] = merged(found[key], value) if both else value
    return found
