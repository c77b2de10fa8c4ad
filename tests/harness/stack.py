"""The whole stack on this machine: a real control plane, the Azure simulator, the operator as in production."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azdiskbackup.kube.lease.record import Record, new_lease
from azure_simulator.client import Simulator
from controlplane.plane import ControlPlane
from harness import azure_rights
from harness.certificates import Authority, KeyPair
from harness.installation import NAMESPACE, OPERATOR_USER, RELEASE, ROOT, Installation, kubelet_of
from harness.objects import namespace
from harness.processes import Child, free_ports, wait_for

_BACK_OFF_SECONDS = 0.1
CLIENT_ID = "c0ffee00-0000-4000-8000-000000000001"
SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
SECOND_SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"
LOCATION = "westeurope"


def simulator_command(port: int, serving: KeyPair, rate: float, start: datetime) -> list[str]:
    """Return the command that runs the simulator on this machine."""
    return [
        *(sys.executable, "-W", "error", "-m", "azure_simulator"),
        f"--port={port}",
        f"--certificate={serving.certificate}",
        f"--key={serving.key}",
        f"--rate={rate}",
        f"--start={start.isoformat()}",
    ]


__all__ = ["NAMESPACE", "OPERATOR_USER", "ROOT", "Stack"]


class Stack:
    """Everything that runs; each part can be stopped and started on its own.

    Args:
        folder: for what it writes.
        plane: a control plane that runs already and is somebody else's to stop; without it, one of its own.
        rate: how many seconds of Azure pass in one; 0 for only when told.
        start: the time that it is in Azure at first.
        beside: another stack whose Azure this one uses, as another cluster would.
        with_data: whether disks hold data, which pods can mount.
        led_before: whether the Lease is there, as a replica left it that let it go: the first one leads at once, and
            need not wait whether somebody led until the Lease was deleted.
        preflight: whether a Job checks the access to Azure before each installation and upgrade.
    """

    def __init__(
        self,
        folder: Path,
        *,
        plane: ControlPlane | None = None,
        rate: float = 0,
        start: datetime | None = None,
        beside: Stack | None = None,
        with_data: bool = False,
        led_before: bool = False,
        preflight: bool = True,
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.plane = plane or ControlPlane(folder / "kubernetes")
        self._owns_plane = plane is None
        self._rate = rate
        self._led_before = led_before
        self._preflight = preflight
        self._start = start or datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
        authority = Authority(folder / "azure-pki", "simulator-ca")
        self._serving = authority.server("simulator")
        self._port = free_ports(1)[0]
        self.azure: Simulator = (
            beside.azure if beside else Simulator(f"https://localhost:{self._port}", authority.certificate)
        )
        self._simulator: Child | None = None
        self.data: Path | None = beside.data if beside else folder / "disks" if with_data else None
        # Which line of Helm installs.
        self.line = "helm"
        # Those that the operator may work in.
        self.subscriptions = [SUBSCRIPTION, SECOND_SUBSCRIPTION]
        self._kubelet_runs = False
        self._installation: Installation | None = None
        # What the operator was started with last, None before; and whether it is kept down.
        self._over: dict[str, Any] | None = None
        self._held = False

    # --- control plane ----------------------------------------------------------------------------

    def start_control_plane(self) -> None:
        """Start the control plane, and a kubelet that runs its pods here."""
        if self._owns_plane:
            self.plane.start()
        self.kubelet = kubelet_of(self.plane, self.folder / "pods", lambda restarts: _BACK_OFF_SECONDS, self.data)
        self.kubelet.start()
        self._kubelet_runs = True
        self.plane.apply(namespace(NAMESPACE))

    # --- Azure ------------------------------------------------------------------------------------

    def start_simulator(self) -> None:
        """Start the simulator; its state survives from an earlier life."""
        command = simulator_command(self._port, self._serving, self._rate, self._start)
        command.append(f"--state={self.folder / 'simulator.journal'}")
        if self.data is not None:
            command.append(f"--data={self.data}")
        self._simulator = Child("the simulator", command, self.folder / "simulator.log")
        self._simulator.wait_until(self.azure.answers)

    def stop_simulator(self) -> None:
        if self._simulator is not None:
            self._simulator.stop()
            self._simulator = None

    def kill_simulator(self) -> None:
        """End the simulator as a crash would."""
        assert self._simulator is not None, "the simulator was started"
        self._simulator.kill()
        self._simulator = None

    def writes(self, since: int) -> list[str]:
        """Return the routes of the writes that the operator sent after a number of requests."""
        return [each.route for each in self.azure.requests(since) if each.writes and each.caller == CLIENT_ID]

    # --- the operator -----------------------------------------------------------------------------

    @property
    def installation(self) -> Installation:
        """The release of the chart; Azure is seeded with its identity, and its authority can be mounted."""
        if self._installation is None:
            roles = azure_rights.assigned(self.subscriptions, CLIENT_ID)
            tenant = self.azure.seed(
                subscriptions=list(self.subscriptions), callers=[{"clientID": CLIENT_ID, "roles": roles}]
            )["tenant"]
            authority = self.azure.certificate_authority.read_text()
            self.plane.apply(
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": "azure-ca", "namespace": NAMESPACE},
                    "data": {"ca.crt": authority},
                }
            )
            if self._led_before:
                released = Record(new_lease(RELEASE, None)).held_by("", lasts=1, longest=0, unsettled=0, transitions=0)
                released["metadata"]["namespace"] = NAMESPACE
                self.plane.apply(released)
            self._installation = Installation(self.plane, self.kubelet, self._values(tenant), line=self.line)
        return self._installation

    def _values(self, tenant: str) -> dict[str, Any]:
        return {
            "replicaCount": 1,
            "image": {"registry": "localhost", "repository": "azdiskbackup", "tag": "test"},
            "azure": {
                "subscriptionID": SUBSCRIPTION,
                "clientID": CLIENT_ID,
                "tenantID": tenant,
                "resourceManagerEndpoint": self.azure.url,
                "authorityHost": self.azure.url,
            },
            # So rarely that no test can lean on it: the watches alone have to tell what happens.
            "operator": {"resyncMinutes": 1440},
            "preflight": {"enabled": self._preflight},
            "extraCA": {"configMapName": "azure-ca"},
            "extraEnv": [{"name": "AZDISKBACKUP_CLOCK", "value": f"simulated:{self.azure.url}"}],
        }

    def operator_said(self) -> str:
        """Return the operator's log, of all its lives."""
        return self.installation.said() if self._installation is not None else ""

    def complaints(self) -> list[str]:
        """Return the lines of the operator's log that are no mere information."""
        return [line for line in self.operator_said().splitlines() if '"level": "info"' not in line]

    def start_operator(self, values: Mapping[str, Any] | None = None, **environment: str) -> None:
        """Install the operator, or start it again, with values of the chart and environment of its own."""
        installation = self.installation
        over = dict(values or {})
        if environment:
            further = [{"name": name.upper(), "value": value} for name, value in environment.items()]
            over["extraEnv"] = [*installation.values["extraEnv"], *further]
        if over == self._over:
            self.start_again()
            return
        self._over, self._held = over, False
        self.kubelet.go_on()
        installation.apply(values=over)
        replicas = over.get("replicaCount", installation.values["replicaCount"])
        wait_for(lambda: len(installation.pods()) == replicas, "the pods of before are gone")
        wait_for(self._one_works, f"the operator works: {self.complaints()[-5:]}")

    def start_again(self) -> None:
        """Start the operator as it was started before."""
        assert self._over is not None, "it was started before"
        lives = self._lives()
        if self._held:
            self.kubelet.go_on()
        else:
            self.installation.scale(1)
        self._held = False
        wait_for(lambda: self._lives() > lives, f"the operator works: {self.complaints()[-5:]}")

    def _one_works(self) -> bool:
        """Return whether a replica that is to stay has begun to work."""
        elects = "AZDISKBACKUP_LEADER_ELECTION" not in str(self._over)
        holder = self.installation.leader()
        pods = [pod for pod in self.installation.pods() if not elects or pod.name == holder]
        return any('"event": "started"' in pod.log.read_text() for pod in pods if pod.log.exists())

    def works(self) -> None:
        """Wait until the operator works again that ended by itself, so that time waits for it."""
        wait_for(lambda: self.azure.followers, f"the operator follows the clock: {self.complaints()[-5:]}")
        self.azure.settle()

    def _lives(self) -> int:
        return self.operator_said().count('"event": "started"')

    @property
    def operator_runs(self) -> bool:
        return self._installation is not None and any(pod.run and pod.run.running for pod in self.installation.pods())

    @property
    def metrics_url(self) -> str:
        return f"http://{self.installation.leading().ip}:8081/metrics"

    @property
    def operator_pid(self) -> int:
        run = self.installation.leading().run
        assert run is not None
        return run.pid

    def stop_operator(self) -> int:
        """Stop the operator as the kubelet does; return its exit code."""
        pod = self.installation.leading()
        self.installation.scale(0)
        wait_for(lambda: not self.installation.pods() and pod.ended is not None, "the operator has ended")
        assert pod.ended is not None
        return pod.ended.code

    def kill_operator(self) -> None:
        """End the operator as a crash would, and let it stay down until it is started."""
        pod = self.installation.leading()
        self.kubelet.hold()
        self._held = True
        self.kubelet.kill(pod)
        wait_for(lambda: not self.operator_runs, "the operator is dead")

    # --- all of it --------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop everything, the operator first."""
        if self._kubelet_runs:
            self.kubelet.stop()
            self._kubelet_runs = False
        self.stop_simulator()
        if self._owns_plane:
            self.plane.stop()
