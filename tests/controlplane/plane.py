"""Start and stop a control plane, and talk to it with kubectl.

Authorization is RBAC, every request is in the audit log, and the controllers that bind volumes, protect them, collect
garbage, end namespaces and make pods are the real ones. There is no node: what runs pods is `nodeless`.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from controlplane import audit
from controlplane.audit import AuditEntry
from controlplane.binaries import program
from harness.certificates import Authority, KeyPair, service_account_key
from harness.kept_open import KeptOpen
from harness.processes import Child, free_ports, wait_for

CONTROLLERS = (
    "namespace-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "persistentvolume-binder-controller",
    "persistentvolumeclaim-protection-controller",
    "persistentvolume-protection-controller",
    "clusterrole-aggregation-controller",
    "deployment-controller",
    "replicaset-controller",
    "disruption-controller",
    "job-controller",
    "endpointslice-controller",
)


class KubectlError(RuntimeError):
    """kubectl failed; the message is what it printed on stderr."""


class ControlPlane:
    """A running control plane in a folder of its own.

    Attributes:
        claims_every: so often, in seconds, all claims are looked at: one that was there before its volume waits for
            that. With ten thousand of them it takes half a core. To be set before the start.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.audit_log = folder / "audit.log"
        self.claims_every = 1
        self._children: list[Child] = []
        self._ports = free_ports(4)
        self.server = f"https://127.0.0.1:{self._ports[2]}"
        self.etcd = f"http://127.0.0.1:{self._ports[0]}"
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = Authority(folder / "pki", "kubernetes-ca")
        self._serving = self.authority.server("apiserver")
        self._service_accounts = service_account_key(folder / "pki")
        self.admin = self.authority.client("admin", "system:masters")
        self.kubeconfig = self._write_kubeconfig("admin", pair=self.admin)
        self._connection: KeptOpen | None = None
        # Of each kind by its version: its plural, and whether it is in a namespace.
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}
        # Where in the audit log begins what is asked of it now.
        self._audited_from = 0

    def start(self) -> None:
        """Start etcd, the API server and the controller manager, and wait until they are ready."""
        peer = self._ports[1]
        self._run(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={self.etcd}",
            f"--advertise-client-urls={self.etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            "--unsafe-no-fsync=true",
            ready=f"{self.etcd}/health",
        )
        self._start_api_server()
        self._start_controllers()
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        wait_for(lambda: self.request("GET", account)[0] == 200, "pods can be made")

    def _start_api_server(self) -> None:
        policy = self.folder / "audit-policy.yaml"
        policy.write_text(yaml.safe_dump(audit.POLICY))
        self._run(
            "kube-apiserver",
            f"--etcd-servers={self.etcd}",
            f"--cert-dir={self.folder / 'apiserver'}",
            f"--tls-cert-file={self._serving.certificate}",
            f"--tls-private-key-file={self._serving.key}",
            f"--client-ca-file={self.authority.certificate}",
            f"--secure-port={self._ports[2]}",
            "--bind-address=127.0.0.1",
            "--authorization-mode=RBAC",
            f"--service-account-issuer={self.server}/",
            f"--service-account-key-file={self._service_accounts.certificate}",
            f"--service-account-signing-key-file={self._service_accounts.key}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none",
            "--kubelet-preferred-address-types=InternalIP",
            "--allow-privileged=true",
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self.audit_log}",
            # It is read from where somebody stopped: it must not begin anew after a hundred megabytes.
            "--audit-log-maxsize=100000",
            # Each request is in the log before it is answered, so that a test may count at once.
            "--audit-log-mode=blocking-strict",
            ready=f"{self.server}/readyz",
        )

    def _start_controllers(self) -> None:
        port = self._ports[3]
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={self.folder / 'controllers'}",
            f"--root-ca-file={self.authority.certificate}",
            f"--service-account-private-key-file={self._service_accounts.key}",
            f"--controllers={','.join(CONTROLLERS)}",
            "--leader-elect=false",
            f"--pvclaimbinder-sync-period={self.claims_every}s",
            # As many as there are: what is tested is not how fast volumes are bound.
            "--kube-api-qps=500",
            "--kube-api-burst=500",
            "--authorization-always-allow-paths=/healthz,/readyz,/livez,/metrics",
        )

    def stop(self) -> None:
        """End everything for good, the last started first: nobody needs what the API server would finish."""
        while self._children:
            self._children.pop().kill()

    def forget(self) -> None:
        """Forget what was logged and served so far."""
        self._audited_from = self.audit_log.stat().st_size
        self._kinds.clear()

    def _run(self, name: str, *flags: str, ready: str | None = None) -> None:
        child = Child(name, [program(name), *flags], self.folder / f"{name}.log")
        self._children.append(child)
        if ready:
            context = ssl.create_default_context(cafile=str(self.authority.certificate))
            child.wait_until(lambda: _answers_ok(ready, context))

    # --- clients ----------------------------------------------------------------------------------

    def kubectl(self, *arguments: str, stdin: str | None = None, kubeconfig: Path | None = None) -> str:
        """Run kubectl and return its output.

        Raises:
            KubectlError: with what kubectl printed on stderr.
        """
        done = subprocess.run(
            [
                program("kubectl"),
                f"--kubeconfig={kubeconfig or self.kubeconfig}",
                *arguments,
            ],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise KubectlError(done.stderr.strip())
        self.last_warnings = [line for line in done.stderr.splitlines() if line.strip()]
        return done.stdout

    def apply(self, *objects: dict[str, Any]) -> None:
        """Apply objects on the server's side, without the cost of a kubectl.

        Raises:
            KubectlError: the server's own words.
        """
        for each in objects:
            meta = each["metadata"]
            path = f"{self._resource(each['apiVersion'], each['kind'], meta.get('namespace', ''))}/{meta['name']}"
            query = "fieldManager=kubectl&force=true&fieldValidation=Strict"
            self._done("PATCH", f"{path}?{query}", each, "application/apply-patch+yaml")

    def patch(self, path: str, patch: dict[str, Any]) -> None:
        """Merge a patch into what is at a path.

        Raises:
            KubectlError: the server's own words.
        """
        self._done("PATCH", path, patch, "application/merge-patch+json")

    def delete(self, path: str) -> None:
        """Delete what is at a path, one object or all of a kind, and do not wait; it may be gone already.

        Raises:
            KubectlError: the server's own words.
        """
        self._done("DELETE", path, absent=True)

    def _resource(self, version: str, kind: str, namespace: str) -> str:
        """Return the path of the objects of a kind, in a namespace if they are in one."""
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, kind) not in self._kinds:
            served = (each for each in self.read(root)["resources"] if "/" not in each["name"])
            self._kinds |= {(version, each["kind"]): (each["name"], each["namespaced"]) for each in served}
        plural, namespaced = self._kinds[version, kind]
        return f"{root}/namespaces/{namespace or 'default'}/{plural}" if namespaced else f"{root}/{plural}"

    def _done(
        self, method: str, path: str, body: object = None, media: str = "application/json", *, absent: bool = False
    ) -> dict[str, Any]:
        status, answer = self.request(method, path, body, media)
        if status >= 400 and not (absent and status == 404):
            raise KubectlError(str(answer.get("message")))
        return answer

    def request(
        self, method: str, path: str, body: object = None, media: str = "application/json"
    ) -> tuple[int, dict[str, Any]]:
        """Send a request as admin; return status and answer."""
        if self._connection is None:
            context = ssl.create_default_context(cafile=str(self.authority.certificate))
            context.load_cert_chain(self.admin.certificate, self.admin.key)
            self._connection = KeptOpen("127.0.0.1", self._ports[2], context, timeout=30)
        text = None if body is None else json.dumps(body)
        status, answer = self._connection.request(method, path, text, {"Content-Type": media})
        return status, json.loads(answer)

    def read(self, path: str) -> dict[str, Any]:
        """Return what is at a path of the API server, without the cost of a kubectl.

        Raises:
            KubectlError: the server's own words.
        """
        return self._done("GET", path)

    @property
    def kubectl_path(self) -> Path:
        """Return where kubectl is, for a person who wants to go on."""
        return program("kubectl")

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """Return a kubeconfig that has a token of a service account, and no other right."""
        token = self.kubectl("create", "token", name, "-n", namespace, "--duration=8h").strip()
        return self._write_kubeconfig(f"{namespace}-{name}", token=token)

    def user_kubeconfig(self, user: str, group: str) -> Path:
        """Return a kubeconfig for a person with a client certificate."""
        return self._write_kubeconfig(user, pair=self.authority.client(user, group))

    def _write_kubeconfig(self, name: str, pair: KeyPair | None = None, token: str | None = None) -> Path:
        user: dict[str, str] = {}
        if pair:
            user = {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}
        if token:
            token_file = self.folder / f"{name}.token"
            token_file.write_text(token)
            token_file.chmod(0o600)
            user = {"tokenFile": str(token_file)}
        path = self.folder / f"{name}.kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [
                {
                    "name": "local",
                    "cluster": {
                        "server": self.server,
                        "certificate-authority": str(self.authority.certificate),
                    },
                }
            ],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": "local", "user": name}}],
        }
        path.write_text(yaml.safe_dump(config))
        path.chmod(0o600)
        return path

    def audit(self, user: str | None = None) -> Iterator[AuditEntry]:
        """Yield what the API server logged, optionally of one user only."""
        return audit.entries(self.audit_log, user, self._audited_from)


def _answers_ok(url: str, context: ssl.SSLContext) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2, context=context) as answer:  # noqa: S310 - our own URL
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
