"""``make bench-peers``: as many disks protected by Terraform's azurerm, against the same simulator in one run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.fleet import Fleet, FleetError, Tell, since_when
from bench.meter import Meter, resident_kib
from bench.report import machine, when
from bench.runs import on_a_stack
from bench.scenario import SWEEP
from bench.scopes import LIMITS
from bench.terraform import Cost, Terraform
from harness.processes import ProcessDiedError
from harness.stack import ROOT, Stack

SCOPES = ("Disk", "ResourceGroup")
_TOOLS = ("azdiskbackup", "Terraform")
_SWEEPS = 6


@dataclass(frozen=True)
class Row:
    """A line of the table: what it says, with how many digits, and which figure of a Cost it is of."""

    text: str
    digits: int
    figure: str


_ROWS = (
    Row("Azure calls a disk, apply → protected", 2, "protect_calls"),
    Row("of which writes", 2, "protect_writes"),
    Row("apply → all protected, seconds of the simulator's clock", 0, "protect_seconds"),
    Row("CPU seconds for that", 1, "protect_cpu"),
    Row("Azure calls a disk for a check that nothing changed", 2, "check_calls"),
    Row("memory, MiB", 0, "memory_mib"),
)


def main() -> int:
    """Run; return 1 if something could not be measured."""
    parser = argparse.ArgumentParser(prog="make bench-peers", description=__doc__)
    parser.add_argument("--terraform", default="", help="the program")
    parser.add_argument("--azurerm", default="", help="its provider, the program")
    parser.add_argument("--disks", type=int, default=20)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "peers.md")
    given = parser.parse_args()
    terraform = None
    columns: dict[str, Cost] = {}
    try:
        if given.terraform and given.azurerm:
            terraform = Terraform(Path(given.terraform), Path(given.azurerm))
        else:
            print("Terraform is not measured: TERRAFORM=… and AZURERM=… name the two programs.")
        for scope in SCOPES:
            measure = partial(_measure, scope=scope, size=given.disks, terraform=terraform)
            costs = on_a_stack(f"{given.disks} disks, {scope}", measure)
            columns |= {f"{tool}, `{scope}`": cost for tool, cost in zip(_TOOLS, costs, strict=False)}
    except (FleetError, ProcessDiedError) as error:
        print(f"bench-peers: {error}", file=sys.stderr)
        return 1
    table = Table("", *(name.replace("`", "") for name in columns))
    for row in _ROWS:
        table.add_row(row.text, *_cells(row, columns.values()))
    Console().print(table)
    if terraform is not None:
        given.out.write_text(_page(given.disks, terraform, columns))
    return 0


def _cells(row: Row, columns: Iterable[Cost]) -> list[str]:
    return [f"{getattr(each, row.figure):.{row.digits}f}" for each in columns]


def _measure(stack: Stack, tell: Tell, *, scope: str, size: int, terraform: Terraform | None) -> list[Cost]:
    """Measure ourselves, and then Terraform with as many other disks of the same Azure."""
    ours = _measure_ourselves(stack, scope, size, tell)
    if terraform is None:
        return [ours]
    stack.stop_operator()
    return [ours, terraform.measure(stack, scope, size, tell)]


def _measure_ourselves(stack: Stack, scope: str, size: int, tell: Tell) -> Cost:
    azure, fleet = stack.azure, Fleet(stack, size)
    azure.turn("limits", **LIMITS)
    fleet.prepare(tell, diskRoleScope=scope)
    meter, start = Meter(stack), azure.now
    fleet.protect()
    fleet.until_ready(timedelta(hours=2))
    spent = meter.read()
    last = max(since_when(each, "Ready") for each in fleet.disks())
    tell(f"calls: {dict(spent.azure)}")
    fleet.to_after_a_backup(timedelta(hours=1, minutes=30))
    meter.read()
    fleet.let_pass(_SWEEPS * SWEEP)
    idle = meter.read()
    tell(f"calls: {dict(idle.azure)}")
    return Cost(
        protect_calls=spent.calls / size,
        protect_writes=spent.azure_writes / size,
        protect_seconds=(last - start).total_seconds(),
        protect_cpu=spent.cpu,
        check_calls=idle.calls / _SWEEPS / size,
        memory_mib=resident_kib(stack.operator_pid) / 1024,
    )


def _page(disks: int, terraform: Terraform, columns: dict[str, Cost]) -> str:
    where, made = machine(), when()
    rows = "\n".join(f"| {row.text} | {' | '.join(_cells(row, columns.values()))} |" for row in _ROWS)
    return f"""# Beside Terraform

Made by `make bench-peers` on {made["date"]}, revision {made["revision"]}: {where["cores"]} cores of {where["cpu"]},
Python {where["python"]}, Terraform {terraform.version} with {terraform.provider_version}. {disks} disks each, one vault
and one policy, against the same simulator in the same run, whose roles work at once; `Disk` and `ResourceGroup` say
where the role on the disks is assigned.

| | {" | ".join(columns)} |
| --- |{" --- |" * len(columns)}
{rows}

- Vault, policy and the role on the group of the snapshots are there before we count.
- **Seconds** are those of the simulator's clock. Terraform works on ten resources at once, which is its default, and
  waits in its own steps.
- The operator leaves 60 % of Azure's limits to others and waits for its turn, and has each disk validated before it
  asks for its protection (`Disk`); Terraform does neither.
- **A check** is one `terraform plan` that finds no difference, and one sweep of the operator, which makes one every ten
  minutes. What a sweep costs is nearly the same for ten times as many disks ([all numbers](README.md)).
- **Memory** is that of the operator, which stays; and the most that Terraform and its provider had together while they
  ran.
- Terraform was given the disks' ids; it shows neither jobs nor restore points.
"""


if __name__ == "__main__":
    sys.exit(main())
