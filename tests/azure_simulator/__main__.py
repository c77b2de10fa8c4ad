"""Run the simulator: ``python -m azure_simulator --help``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import ssl
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azure_simulator.http.control import described
from azure_simulator.http.server import Server
from azure_simulator.model.cloud import Knobs
from harness.certificates import Authority

_ABOUT = """\
A stand-in for the parts of Azure that azdiskbackup calls, over HTTPS.

Other clients can be pointed at it, unmodified, for comparison or to rehearse a migration. Make a folder for the
certificates, start it, and trust the authority that it writes there:

  python -m azure_simulator --port 8443 --make-certificates pki \\
      --subscription 11111111-1111-4111-8111-111111111111 --caller c0ffee00-0000-4000-8000-000000000001:secret \\
      --group backup-rg:westeurope
  export SSL_CERT_FILE=$PWD/pki/simulator-ca.crt REQUESTS_CA_BUNDLE=$PWD/pki/simulator-ca.crt

  Terraform (azurerm):  export ARM_METADATA_HOSTNAME=localhost:8443 ARM_CLIENT_ID=… ARM_CLIENT_SECRET=secret \\
                          ARM_TENANT_ID=0b1a3c5d-0000-4000-8000-000000000001 ARM_SUBSCRIPTION_ID=…
  az CLI:               az cloud register -n sim --endpoint-resource-manager https://localhost:8443 \\
                          --endpoint-active-directory https://localhost:8443 \\
                          --endpoint-active-directory-resource-id https://localhost:8443
                        az cloud set -n sim; export AZURE_CORE_INSTANCE_DISCOVERY=false
                        az login --service-principal -u … -p secret --tenant 0b1a3c5d-0000-4000-8000-000000000001
  Service Operator:     AZURE_RESOURCE_MANAGER_ENDPOINT, AZURE_RESOURCE_MANAGER_AUDIENCE and AZURE_AUTHORITY_HOST,
                        each https://localhost:8443

Seen to work with: Terraform's azurerm of August 2026 (groups, disks, identities, roles, vault, policy, instance:
apply, plan without a difference, change, destroy), az CLI 2.91 (groups, disks, roles), azcore and azidentity for Go.

A caller may do everything. Federated tokens of a Kubernetes service account are taken instead of a secret.

While it runs, commands set what Azure does; their members are sent as JSON, as in
  curl --cacert pki/simulator-ca.crt https://localhost:8443/__control/lock \\
      -d '{"name": "keep", "scope": "/subscriptions/…", "level": "CanNotDelete"}'
"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m azure_simulator",
        description=_ABOUT + described(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, required=True, help="port on loopback")
    parser.add_argument("--certificate", type=Path, help="PEM file")
    parser.add_argument("--key", type=Path, help="PEM file")
    parser.add_argument(
        "--make-certificates",
        type=Path,
        metavar="FOLDER",
        help="make an authority and a certificate there, instead of --certificate and --key",
    )
    parser.add_argument(
        "--start",
        type=datetime.fromisoformat,
        default=datetime.now(UTC),
        help="virtual time at the start (ISO 8601); default: now",
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=1.0,
        help="virtual seconds a second; 0: time passes only when told (default: 1)",
    )
    parser.add_argument("--state", type=Path, help="journal that lets the state survive a kill; default: none")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="what is on the disks, which backups and restores copy: by-id/<ARM id> in it; default: nothing is kept",
    )
    parser.add_argument("--subscription", action="append", default=[], help="a subscription that exists; repeatable")
    parser.add_argument(
        "--caller", action="append", default=[], metavar="ID:SECRET", help="an application that may sign in; repeatable"
    )
    parser.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="NAME:LOCATION",
        help="a resource group, in each subscription; repeatable",
    )
    parser.add_argument(
        "--knob",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="how long something takes, in seconds, or how it is; repeatable. "
        + ", ".join(f"{each.name} (default: {each.default:g})" for each in fields(Knobs))
        + ". schedule_by_offset=1: schedules go by the offset of their start, not by the wall clock of their time zone",
    )
    found = parser.parse_args()
    if found.make_certificates is None and (found.certificate is None or found.key is None):
        parser.error("name --certificate and --key, or --make-certificates")
    return found


def _seed(arguments: argparse.Namespace) -> dict[str, Any]:
    callers = [each.partition(":") for each in arguments.caller]
    groups = [each.partition(":") for each in arguments.group]
    return {
        "subscriptions": arguments.subscription,
        "callers": [{"clientID": client, "secret": secret or None} for client, _, secret in callers],
        "groups": [
            {"subscription": subscription, "name": name, "location": location}
            for subscription in arguments.subscription
            for name, _, location in groups
        ],
    }


async def _serve(arguments: argparse.Namespace) -> None:
    certificate, key = arguments.certificate, arguments.key
    if arguments.make_certificates is not None:
        pair = Authority(arguments.make_certificates, "simulator-ca").server("simulator")
        certificate, key = pair.certificate, pair.key
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    start = arguments.start
    if start.tzinfo is None:
        start = start.replace(tzinfo=UTC)
    server = Server(start, arguments.rate, arguments.state, arguments.data)
    server.seed(_seed(arguments))
    server.turn(dict(each.split("=", 1) for each in arguments.knob))
    task = asyncio.create_task(server.run(arguments.port, context))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(_arguments()))
