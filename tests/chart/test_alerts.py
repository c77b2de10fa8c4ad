"""The alerts as promtool sees them: each fires when it must, and is quiet when it must, over a restart above all."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart.conftest import CHART, GIVEN, of_kind, render
from generated.metrics_page import families
from harness.installation import merged

ROOT = CHART.parents[1]
CASES = ROOT / "tests" / "alerts"
RULES: list[dict[str, Any]] = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())
NAMES = [each["alert"] for each in RULES]
_WANTED = {"metrics": {"prometheusRule": {"enabled": True, "runbooks": "RUNBOOKS/"}}}


def rendered(**more: Any) -> list[dict[str, Any]]:
    values = merged(GIVEN, merged(_WANTED, {"metrics": {"prometheusRule": more}}))
    (group,) = of_kind(render(values), "PrometheusRule")["spec"]["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is missing, and no alert was tried (Debian: apt-get install prometheus)")
    return subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "azdiskbackup", "rules": rendered()}]}))
    return path


def test_promtool_reads_them(rules: Path) -> None:
    done = promtool("check", "rules", rules)
    assert done.returncode == 0 and f"{len(RULES)} rules found" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_each_fires_when_it_must_and_then_alone(rules: Path, name: str) -> None:
    cases = yaml.safe_load((CASES / f"{name}.yaml").read_text())
    for case in cases["tests"]:
        case.setdefault("interval", "1m")
    asked = [each for case in cases["tests"] for each in case["alert_rule_test"]]
    assert {each["alertname"] for each in asked} == {name}
    fires = [case for case in cases["tests"] if any(each.get("exp_alerts") for each in case["alert_rule_test"])]
    assert fires and len(fires) < len(cases["tests"]), "one that fires, and one that does not at all"
    path = rules.parent / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(rules)], **cases}))
    done = promtool("test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_each_says_what_it_is_and_has_its_page(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"].keys() == {"summary", "description"}
    page = (ROOT / "docs" / "runbooks" / f"{rule['alert']}.md").read_text()
    assert page.startswith(f"# {rule['alert']}\n")
    for part in ("## What it means", "## What to do"):
        assert part in page
    known = {f"{family.name}{suffix}" for family in families() for suffix in ("", "_total", "_info")}
    assert set(re.findall(r"azdiskbackup_\w+", rule["expr"])) <= known


def test_there_is_no_page_and_no_case_without_an_alert() -> None:
    for folder, ending in ((ROOT / "docs" / "runbooks", "md"), (CASES, "yaml")):
        assert {path.stem for path in folder.glob(f"*.{ending}")} == set(NAMES)


def test_what_is_not_wanted_is_left_out_and_more_is_added() -> None:
    more = {"alert": "Mine", "expr": "vector(1)"}
    found = rendered(disabled=[NAMES[0]], additionalRules=[more])
    assert [each["alert"] for each in found] == [*NAMES[1:], "Mine"]
    assert found[0]["annotations"]["runbook_url"] == f"RUNBOOKS/{NAMES[1]}.md"
    assert not [each for each in render() if each["kind"] == "PrometheusRule"]
