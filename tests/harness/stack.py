"""The whole stack on this machine: a real control plane, the Azure simulator, the operator as in production."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from azure_simulator.client import Simulator
from controlplane.plane import ControlPlane
from harness.certificates import Authority, KeyPair
from harness.processes import Child, free_ports

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "azdiskbackup"
SERVICE_ACCOUNT = "azdiskbackup"
OPERATOR_USER = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"
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


class Stack:
    """Everything that runs; each part can be stopped and started on its own."""

    def __init__(self, folder: Path, *, rate: float = 0, start: datetime | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.plane = ControlPlane(folder / "kubernetes")
        self._rate = rate
        self._start = start or datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
        authority = Authority(folder / "azure-pki", "simulator-ca")
        self._serving = authority.server("simulator")
        self._port = free_ports(1)[0]
        self.azure = Simulator(f"https://localhost:{self._port}", authority.certificate)
        self._simulator: Child | None = None
        self._operator: Child | None = None
        self._lives = 0

    # --- control plane ----------------------------------------------------------------------------

    def start_control_plane(self) -> None:
        """Start the control plane with our kinds and the operator's rights in it."""
        self.plane.start()
        self.plane.kubectl("apply", "-f", str(ROOT / "crds"))
        names = [f"crd/{path.stem.split('_', 1)[1]}.azdiskbackup.io" for path in sorted((ROOT / "crds").glob("*.yaml"))]
        self.plane.kubectl("wait", "--for=condition=Established", *names, "--timeout=30s")
        self.plane.kubectl("create", "namespace", NAMESPACE)
        self.plane.kubectl("apply", "-f", str(ROOT / "charts/azdiskbackup/templates/rbac.yaml"))

    # --- Azure ------------------------------------------------------------------------------------

    def start_simulator(self) -> None:
        """Start the simulator; its state survives from an earlier life."""
        command = simulator_command(self._port, self._serving, self._rate, self._start)
        command.append(f"--state={self.folder / 'simulator.journal'}")
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
    def operator_log(self) -> Path:
        return self.folder / "operator.log"

    def complaints(self) -> list[str]:
        """Return the lines of the operator's log that are no mere information."""
        lines = self.operator_log.read_text(errors="replace").splitlines() if self.operator_log.exists() else []
        return [line for line in lines if '"level": "info"' not in line]

    def start_operator(self, **settings: str) -> None:
        """Start the operator with the chart's service account, its token and no other right."""
        tenant = self.azure.seed(callers=[{"clientID": CLIENT_ID}])["tenant"]
        federated = self.folder / "azure.token"
        federated.write_text(
            self.plane.kubectl(
                "create", "token", SERVICE_ACCOUNT, "-n", NAMESPACE, "--audience=api://AzureADTokenExchange"
            ).strip()
        )
        environment = {
            "AZDISKBACKUP_SUBSCRIPTION_ID": SUBSCRIPTION,
            "AZDISKBACKUP_RESOURCE_MANAGER_ENDPOINT": self.azure.url,
            "AZDISKBACKUP_AZURE_CA_FILE": str(self.azure.certificate_authority),
            "AZDISKBACKUP_KUBECONFIG": str(self.plane.service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT)),
            "AZDISKBACKUP_CLOCK": f"simulated:{self.azure.url}",
            "AZDISKBACKUP_PROBE_PORT": "0",
            "AZDISKBACKUP_METRICS_PORT": "0",
            # So rarely that no test can lean on it: the watches alone have to tell what happens.
            "AZDISKBACKUP_RESYNC_MINUTES": "1440",
            "AZURE_CLIENT_ID": CLIENT_ID,
            "AZURE_TENANT_ID": tenant,
            "AZURE_AUTHORITY_HOST": self.azure.url,
            "AZURE_FEDERATED_TOKEN_FILE": str(federated),
        } | {f"AZDISKBACKUP_{name.upper()}": value for name, value in settings.items()}
        self._lives += 1
        wanted = self._lives
        self._operator = Child("the operator", [sys.executable, "-m", "azdiskbackup"], self.operator_log, environment)
        self._operator.wait_until(lambda: self.operator_log.read_text().count('"event": "started"') >= wanted)

    @property
    def operator_runs(self) -> bool:
        return self._operator is not None and self._operator.running

    @property
    def operator(self) -> Child:
        assert self._operator is not None, "the operator was started"
        return self._operator

    def stop_operator(self) -> int:
        """Stop the operator as the kubelet does; return its exit code."""
        stopped, self._operator = self.operator, None
        return stopped.stop(seconds=30)

    def kill_operator(self) -> None:
        """End the operator as a crash would."""
        killed, self._operator = self.operator, None
        killed.kill()

    # --- all of it --------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop everything, the operator first."""
        if self._operator is not None:
            self._operator.stop(seconds=30)
            self._operator = None
        self.stop_simulator()
        self.plane.stop()


def environment_hint(stack: Stack) -> str:
    """Return what a person types to go on with kubectl."""
    return f"export KUBECONFIG={stack.plane.kubeconfig} PATH={stack.plane.kubectl_path.parent}{os.pathsep}$PATH"
