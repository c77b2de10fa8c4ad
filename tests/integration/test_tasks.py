"""The pages of docs/tasks, word for word, as somebody follows them who has what a page asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.tools import tool
from demo.world import NAMESPACE
from harness.objects import RESTORE_GROUP
from harness.pages import blocks
from harness.task_pages import KAFKA, PAGES, World, needs_jq, started


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from started(tmp_path_factory.mktemp("tasks"), "here")


def test_every_page_has_its_test() -> None:
    files = Path(__file__).parent.glob("test_tasks*.py")
    tried = {
        name.replace("_", "-") for file in files for name in re.findall(r"^def test_(\w+)", file.read_text(), re.M)
    }
    pages = {page.stem for page in PAGES.glob("*.md")}
    assert pages and not pages - tried, "a page that nobody follows"
    assert all(any(block.language == "sh" for block in blocks(page)) for page in PAGES.glob("*.md"))


def test_protect_a_pvc(world: World) -> None:
    world.has_a_policy()
    world.kubectl("delete", "pdisk", "--all", "-n", NAMESPACE)
    world.follows("protect-a-pvc")
    assert world.state_in_azure("pvc-postgres-0") == "ProtectionConfigured"


def test_protect_a_statefulset(world: World) -> None:
    world.has_a_policy()
    world.follows("protect-a-statefulset")
    assert {world.state_in_azure(disk) for disk in KAFKA.values()} == {"ProtectionConfigured"}


def test_change_a_policy(world: World) -> None:
    world.has_a_disk()
    world.follows("change-a-policy")
    assert world.state_in_azure("pvc-postgres-0") == "ProtectionConfigured"


def test_backup_before_an_upgrade(world: World) -> None:
    world.has_a_disk()
    world.follows("backup-before-an-upgrade")


@pytest.mark.parametrize("line", ["helm", "helm3"])
def test_a_backup_as_a_hook_of_helm(world: World, line: str) -> None:
    world.has_a_disk()
    shown = {block.title: block.text for block in blocks(PAGES / "backup-before-an-upgrade.md")}["backup-hook.yaml"]
    chart = world.folder / line
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("{apiVersion: v2, name: app, version: 1.0.0}")
    hook = chart / "templates" / "hook.yaml"
    hook.write_text(shown)
    upgrade = f"{tool(line)} upgrade --install app-{line} {chart} -n {NAMESPACE} --timeout=600s"

    def uid() -> str:
        world.types(upgrade)
        path = "jsonpath={.status.completionTime}"
        world.kubectl("wait", "-n", NAMESPACE, f"--for={path}", "odbackup/app-before-upgrade", "--timeout=600s")
        return world.kubectl("get", "-n", NAMESPACE, "odbackup/app-before-upgrade", "-o", "jsonpath={.metadata.uid}")

    world.types(upgrade)
    assert len({uid(), uid()}) == 2, "each upgrade takes one"
    hook.write_text(shown.replace("  name: app-before-upgrade", "  generateName: app-before-upgrade-"))
    with pytest.raises(AssertionError, match="name"):
        world.types(upgrade)


def test_restore_by_hand(world: World) -> None:
    world.has_a_disk()
    world.follows("restore-by-hand")
    volume = "restored-as-data-postgres-restored"
    handle = world.kubectl("get", "pv", volume, "-o", "jsonpath={.spec.csi.volumeHandle}")
    assert handle.endswith("/disks/postgres-data-restored")


def test_deploy_with_gitops(world: World) -> None:
    _protects_what_nothing_protected(world, "deploy-with-gitops")


def test_come_from_volume_snapshots(world: World) -> None:
    _protects_what_nothing_protected(world, "come-from-volume-snapshots")


def test_come_from_velero(world: World) -> None:
    _protects_what_nothing_protected(world, "come-from-velero")


def _protects_what_nothing_protected(world: World, page: str) -> None:
    world.has_a_policy()
    world.kubectl("delete", "pdisk", "--all", "-n", NAMESPACE)
    world.follows(page)
    assert world.state_in_azure("pvc-postgres-0") == "ProtectionConfigured"
    # Those of another name would keep what the next page writes from protecting the same disk.
    world.kubectl("delete", "pdisk", "--all", "-n", NAMESPACE)


def test_restore_a_table(world: World) -> None:
    world.has_a_disk()
    world.follows("restore-a-table")


def test_restore(world: World) -> None:
    needs_jq()
    world.has_a_disk()
    world.follows("restore")
    # Both disks were protected by one object, which the page deletes at its end.
    volume = world.kubectl("get", "pvc", "data-postgres-0", "-n", NAMESPACE, "-o", "jsonpath={.spec.volumeName}")
    handle = world.kubectl("get", "pv", volume, "-o", "jsonpath={.spec.csi.volumeHandle}")
    restored = handle.rsplit("/", 1)[-1]
    assert restored.startswith("restored-data-postgres-0-restored-")
    assert world.state_in_azure(restored, RESTORE_GROUP) == "ProtectionStopped"
    assert world.state_in_azure("pvc-postgres-0") == "ProtectionStopped"
