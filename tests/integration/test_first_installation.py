"""Installed where nothing of ours is, or something of somebody else: by both lines of Helm, and by Argo CD."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import argo_cd, manifests
from harness.installation import CHART, NAMESPACE, RELEASE, HelmError
from harness.life_cycle import kinds, protected
from harness.stack import Stack

Json = dict[str, Any]

_GUID = "11111111-1111-4111-8111-111111111111"
_GIVEN = [f"--set=azure.{name}={_GUID}" for name in ("subscriptionID", "clientID", "tenantID")]


def test_what_argo_cd_applies_is_all_that_it_takes_to_lead(clean: Stack, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(clean.installation.values))
    text = clean.installation.helm("template", RELEASE, str(CHART), "-n", NAMESPACE, "-f", str(values), "--no-hooks")
    applied = [each for each in manifests.read_all(text) if argo_cd.applies(each)]
    clean.plane.kubectl("apply", "--server-side", "-f", "-", stdin=manifests.written(applied))
    assert clean.installation.leading()
    clean.works()
    protected(clean)
    # Nobody can have led before where nothing of ours was: Azure is written to at once.
    assert "LeaderHandover" not in clean.operator_said()


@pytest.mark.parametrize(("line", "by_hand"), [("helm", False), ("helm3", True)], ids=["kept", "applied by hand"])
def test_definitions_of_somebody_else_are_taken_over(clean: Stack, line: str, by_hand: bool) -> None:
    """As docs/install.md says: kept by another release, or applied without Helm."""
    clean.line = line
    if by_hand:
        clean.plane.kubectl("apply", "--server-side", "-f", str(CHART / "files" / "crds"))
    else:
        clean.installation.helm("install", "earlier", str(CHART), "-n", "default", *_GIVEN, "--no-hooks")
        clean.installation.helm("uninstall", "earlier", "-n", "default", "--no-hooks")
    assert len(kinds(clean)) == len(list((CHART / "files" / "crds").glob("*.yaml")))
    with pytest.raises(HelmError, match="invalid ownership metadata"):
        clean.installation.apply()
    clean.installation.apply("--take-ownership")
    clean.works()
    protected(clean)


def test_without_definitions_nothing_is_installed(clean: Stack) -> None:
    with pytest.raises(HelmError, match="does not know the kind BackupVault: apply crds/ first"):
        clean.installation.apply(values={"crds": {"enabled": False}})
    assert not clean.installation.pods()
