"""What the documents promise is there."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from azdiskbackup.errors import Exit

ROOT = Path(__file__).resolve().parents[2]


def names_in_the_tree() -> set[str]:
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found.add(node.name)
    return found


def test_every_behaviour_has_its_test() -> None:
    rows = [line for line in (ROOT / "docs" / "behaviour.md").read_text().splitlines() if line.startswith("| ")][2:]
    known = names_in_the_tree()
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, f"no test in the row: {row}"
        assert not set(named) - known, f"no such test: {set(named) - known}"
    assert len(rows) > 50


def test_every_report_has_its_rule_and_its_test() -> None:
    """Of the reports that others made of their software, tried on ours."""
    text = (ROOT / "docs" / "decisions" / "0024-reports-from-the-field.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    rules = {"absence", "classes", "ways out", "errors", "Azure decides", "no new wish", "packaging"}
    known = names_in_the_tree()
    for row in rows:
        report, rule, happens, tests = (part.strip() for part in row.strip("|").split(" | "))
        assert re.search(r"\]\(https://\S+\)", report) and rule in rules and happens, row
        named = re.findall(r"`(test_\w+)`", tests)
        assert named and not set(named) - known, row
    assert len(rows) >= 25


def test_every_threat_has_its_control_and_its_test() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    known = names_in_the_tree()
    for row in rows:
        threat, control, tests = (part.strip() for part in row.strip("|").split(" | "))
        assert threat and control and tests, row
        assert not set(re.findall(r"`(test_\w+)`", tests)) - known, row
    assert len(rows) >= 15


def test_the_exit_codes_are_those_of_the_process() -> None:
    text = (ROOT / "docs" / "install.md").read_text().partition("| code | means |")[2].partition("\n\n")[0]
    assert [int(each) for each in re.findall(r"^\| (\d) \|", text, re.MULTILINE)] == [each.value for each in Exit]


def test_the_figures_in_the_readme_are_those_that_were_measured() -> None:
    found = json.loads((ROOT / "docs" / "benchmarks" / "results.json").read_text())
    measured = {each["measure"]: each["value"] for each in found["measures"]}
    readme = (ROOT / "README.md").read_text().partition("`make bench` measures it")[2].partition("docs/benchmarks")[0]
    shown = dict(re.findall(r"^\| (.+?) \| ([\d.]+) \|$", readme, re.MULTILINE))
    assert len(shown) > 5
    for text, value in shown.items():
        assert value == f"{measured[text]:.3g}", text


def _shown() -> list[tuple[str, str]]:
    """Return, of each page, the commands that it shows with what they print."""
    texts = [(ROOT / name).read_text() for name in ("README.md", "docs/kubectl-plugin.md")]
    return [
        found for text in texts for found in re.findall(r"\$ kubectl azdiskbackup (.+)\n((?:(?!```).*\n)+)```", text)
    ]


@pytest.mark.parametrize(("command", "shown"), _shown(), ids=[command for command, _ in _shown()])
def test_what_the_command_shows_on_a_page_is_what_it_shows(command: str, shown: str) -> None:
    name = re.sub(r"[^-a-z0-9]+", "-", f"{command} 160".lower()).strip("-")
    observed = iter((ROOT / "tests" / "plugin" / "golden" / f"{name}.txt").read_text().splitlines())
    lines = [line.removesuffix("…").rstrip() for line in shown.splitlines() if line.strip("…")]
    assert len(lines) > 5
    for line in lines:
        assert any(each.startswith(line) for each in observed), f"not there, or not in this order: {line}"


def test_the_worked_example_of_costs_is_right() -> None:
    page = (ROOT / "docs" / "costs-and-limits.md").read_text()
    stored, changed, price = 80, 80 * 0.02, 0.05
    assert f"{changed:g} GiB a day" in page and "2 % change a day" in page and f"{stored} GiB on it" in page
    rows = {"after the first backup": 0, "after a week": 7, "after 30 days": 30, "after 84 days, and from then on": 84}
    for when, days in rows.items():
        kept = stored + days * changed
        assert f"| {when} | {kept:g} | {kept * price:.2f} |" in page
