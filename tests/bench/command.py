"""What `kubectl azdiskbackup` costs a person's machine: CPU seconds and memory of whole processes, the best of five."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.meter import children_cpu
from harness import objects
from harness.stack import ROOT, Stack
from plugin import server, world

_TIMES = 5
# What the kernel counts for a child begins with the memory of the process that it was forked from; so it says itself.
_TELLING = """
import atexit, sys
atexit.register(lambda: sys.stderr.write(open("/proc/self/status").read()))
from azdiskbackup.plugin.runtime.app import main
main()
"""
_COMPLETING = "from azdiskbackup.plugin.runtime.completion import main; main()"


@dataclass(frozen=True)
class Costs:
    """CPU seconds of whole processes, where the name says nothing else; caches are warm.

    Attributes:
        help: of `--help`; ``single_file_help``: of the single file.
        complete: of a Tab that asks for a name of one of few disks.
        disks: of `disks`, ``describe`` and ``status`` likewise, in a cluster of a few disks.
        status_of_many: of `status` with 2,000 disks; ``status_megabytes``: its peak.
        report: of `report -o html` with as many; ``report_megabytes``: its peak; ``page_megabytes``: of the page.
        kubectl_get: of `kubectl get pdisk`, for comparison.
        single_file_megabytes: how large the single file is.
    """

    help: float
    complete: float
    disks: float
    describe: float
    status: float
    status_of_many: float
    status_megabytes: float
    report: float
    report_megabytes: float
    page_megabytes: float
    kubectl_get: float
    single_file_help: float
    single_file_megabytes: float


def measure(kubectl_get: float) -> Costs:
    """Measure, while nothing else runs.

    Args:
        kubectl_get: what kubectl costs, for comparison.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with server.cluster(folder, few=True) as few:
            small = {"KUBECONFIG": few}
            help_, complete = _cpu(_words("--help")), _cpu(_completing("describe", ""), small)
            disks, status = _cpu(_words("disks", "-A"), small), _cpu(_words("status"), small)
            describe = _cpu(_words("describe", "shop-0/data-0"), small)
        with server.cluster(folder) as many:
            large = {"KUBECONFIG": many}
            status_of_many, megabytes = _cpu(_words("status"), large), _peak(large, "status")
            page = ("report", "-o", "html")
            report, report_megabytes = _cpu(_words(*page), large), _peak(large, *page)
            page_megabytes = len(_output(_words(*page), large)) / 1e6
        single = folder / "dist" / "kubectl-azdiskbackup"
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
        make = ["make", "-s", "plugin", f"DIST={single.parent}"]
        subprocess.run(make, cwd=ROOT, env=clean, check=True, capture_output=True)
        python = f"{Path(sys.base_prefix) / 'bin'}:{os.environ['PATH']}"
        unpacked = {"PATH": python, "HOME": place, "XDG_CACHE_HOME": str(folder / "unpacked")}
        return Costs(
            help=help_,
            complete=complete,
            disks=disks,
            describe=describe,
            status=status,
            status_of_many=status_of_many,
            status_megabytes=megabytes,
            report=report,
            report_megabytes=report_megabytes,
            page_megabytes=page_megabytes,
            kubectl_get=kubectl_get,
            single_file_help=_cpu([str(single), "--help"], unpacked),
            single_file_megabytes=single.stat().st_size / 1e6,
        )


def measure_status(stack: Stack) -> tuple[float, float]:
    """Return CPU seconds and megabytes of `status` in the cluster of a stack."""
    environment = {"KUBECONFIG": str(stack.plane.kubeconfig)}
    return _cpu(_words("status"), environment), _peak(environment, "status")


def _words(*words: str) -> list[str]:
    return [sys.executable, "-c", _TELLING, *words]


def _completing(*words: str) -> list[str]:
    return [sys.executable, "-c", _COMPLETING, *words]


def measure_kubectl(stack: Stack) -> float:
    """Measure `kubectl get pdisk` at a real API server, which it needs."""
    stack.plane.kubectl("apply", "-f", str(ROOT / "crds"))
    stack.plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=300s")
    stack.plane.apply(objects.disk("data", "default"))
    return _cpu([str(stack.plane.kubectl_path), "get", "pdisk"], {"KUBECONFIG": str(stack.plane.kubeconfig)})


def _cpu(words: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """Return CPU seconds of a process, its children included."""
    found = []
    for _ in range(_TIMES):
        before = children_cpu()
        _run(words, environment)
        found.append(children_cpu() - before)
    return min(found)


def _peak(environment: Mapping[str, str], *words: str) -> float:
    """Return the most megabytes that a command had."""
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", _run(_words(*words), environment).stderr)
    return int(peak) / 1024


def _output(words: Sequence[str], environment: Mapping[str, str]) -> bytes:
    return _run(words, environment).stdout.encode()


def _run(words: Sequence[str], environment: Mapping[str, str] | None) -> subprocess.CompletedProcess[str]:
    known = {**os.environ, "AZDISKBACKUP_NOW": world.NOW.isoformat(), **(environment or {})}
    return subprocess.run(words, capture_output=True, text=True, env=known, check=True)
