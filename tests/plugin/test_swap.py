"""`swap`, against an API server in memory whose volumes are bound and released as by the real controllers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

import pytest

from azdiskbackup.core.objects.markers import FOLLOW_PVC
from azdiskbackup.kube.client import KubeClient
from azdiskbackup.plugin.cluster.swap.record import ANNOTATION
from azdiskbackup.plugin.cluster.swap.steps import is_smaller
from harness import objects
from plugin.conftest import Run
from plugin.shop import CLAIMS, SCALED, SWAP, VOLUMES, Json, Killed, Shop


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr("azdiskbackup.plugin.cluster.swap.steps.LOOK_EVERY_SECONDS", 0)
    return Shop()


@pytest.fixture
def api(shop: Shop) -> KubeClient:
    return KubeClient(shop)


BEFORE = Shop().seen()
SWAPPED = {
    "claims": {"data-0": ("pv-new", "Bound", {"app": "data-0"}, "shop")},
    "volumes": {"pv-old": ("Released", "Retain"), "pv-new": ("Bound", "Retain")},
    "recorded": 2,
    "replicas": 3,
    "deleted": [],
    "follows": True,
}


def test_the_restored_pvc_takes_the_place_of_the_old_one_and_goes_back(
    run: Run, shop: Shop, golden: Callable[[str, str], None]
) -> None:
    code, out, err = run(*SCALED.split())
    golden("swap", f"$ {SCALED} → {code}\n{out}--- stderr\n{err}")
    assert code == 0 and shop.seen() == SWAPPED
    code, _, err = run(*SCALED.split())
    assert code == 1 and "has taken the place of 'data-0' already. To go back: kubectl azdiskbackup swap" in err
    code, out, err = run(*SCALED.split(), "--undo")
    golden("swap undo", f"$ {SCALED} --undo → {code}\n{out}--- stderr\n{err}")
    assert code == 0 and shop.seen() == BEFORE
    # And once more.
    assert run(*SCALED.split())[0] == 0 and shop.seen() == SWAPPED


def _writes() -> int:
    return 12


@pytest.mark.parametrize("is_lost", [False, True], ids=["answered", "lost"])
@pytest.mark.parametrize("kill_at", range(_writes()))
def test_a_swap_that_was_killed_goes_on_and_can_be_undone(run: Run, shop: Shop, kill_at: int, is_lost: bool) -> None:
    for last in ("", "--undo"):
        again = Shop()
        shop.__dict__.update(again.__dict__)
        shop.kill_at, shop.is_lost = kill_at, is_lost
        with pytest.raises(Killed):
            run(*SCALED.split())
        assert not shop.deleted_disks
        code, _, err = run(*SCALED.split(), *last.split())
        refused = {("--undo", 0, True): "Nothing to undo", ("", _writes() - 1, False): "already"}
        assert code == 0 or refused[last, kill_at, is_lost] in err, err
        assert shop.seen() == (BEFORE if last else SWAPPED)


def test_ctrl_c_says_how_to_continue(run: Run, shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.kill_at, shop.end = 5, asyncio.CancelledError
    with pytest.raises(asyncio.CancelledError):
        run(*SCALED.split())
    assert "Stopped in between. Repeat the command to continue. To go back:" in capsys.readouterr().err


def test_every_write_was_killed(run: Run, shop: Shop) -> None:
    assert run(*SCALED.split())[0] == 0
    assert shop.writes == _writes()


@pytest.mark.parametrize("kill_at", range(10))
def test_an_undo_that_was_killed_goes_on(run: Run, shop: Shop, kill_at: int) -> None:
    assert run(*SCALED.split())[0] == 0
    shop.writes, shop.kill_at = 0, kill_at
    with pytest.raises(Killed):
        run(*SCALED.split(), "--undo")
    code, _, err = run(*SCALED.split(), "--undo")
    # The last write took the record away.
    assert code == 0 or "Nothing to undo" in err
    assert shop.seen() == BEFORE


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("swap data-0 data-0-restored", 2, "Nothing was changed. To go ahead: --yes"),
        (SWAP, 1, "PVC 'data-0' is used by db-0. Scale down what uses it first, or use --scale statefulset/db."),
        ("swap data-0 gone --yes", 1, "PVC 'gone' does not exist in the namespace 'shop'."),
        ("swap data-0 data-0 --yes", 1, "are the same PVC"),
        ("swap data-0 Data --yes", 2, "invalid PVC name 'Data'"),
        (f"{SWAP} --scale db", 2, "use statefulset/NAME or deployment/NAME"),
        (f"{SWAP} --scale statefulset/none", 1, "StatefulSet 'none' does not exist"),
        (f"{SWAP} --undo", 1, "Nothing to undo"),
    ],
)
def test_what_is_not_swapped(run: Run, shop: Shop, command: str, code: int, says: str) -> None:
    if "--yes" not in command:
        shop.users = []
    ended, _, err = run(*command.split())
    assert ended == code and says in " ".join(err.split()), err
    assert shop.writes == 0


def test_scaling_down_that_would_delete_the_pvcs_is_refused(run: Run, shop: Shop) -> None:
    shop.retention = {"whenScaled": "Delete"}
    ended, _, err = run(*SCALED.split())
    assert ended == 1 and "would delete all its PVCs" in err and shop.writes == 0


def test_missing_permissions_are_named_before_anything_is_changed(run: Run, shop: Shop) -> None:
    shop.denied = ("persistentvolumes", "statefulsets")
    ended, _, err = run(*SCALED.split())
    assert ended == 1 and shop.writes == 0
    assert "You may not patch persistentvolumes, patch statefulsets/scale. Ask a cluster admin for it." in err


@pytest.mark.parametrize(
    ("patch", "says"),
    [
        ({"storageClassName": "other"}, "Restore again with --storage-class managed-csi."),
        ({"volumeMode": "Block"}, "has volumeMode 'Filesystem', and the restored volume 'Block'"),
        ({"accessModes": ["ReadOnlyMany"]}, "PVC 'data-0' is ReadWriteOnce, and the restored volume is not."),
    ],
)
def test_a_volume_that_does_not_fit(run: Run, shop: Shop, patch: Json, says: str) -> None:
    shop.change(f"{VOLUMES}/pv-new", {"spec": patch})
    ended, _, err = run(*SCALED.split())
    assert ended == 1 and says in " ".join(err.split()) and shop.writes == 0


def test_a_smaller_disk_and_another_zone_are_said(run: Run, shop: Shop) -> None:
    terms = [{"matchExpressions": [{"key": "topology.disk.csi.azure.com/zone", "values": ["westeurope-2"]}]}]
    shop.change(
        f"{VOLUMES}/pv-new",
        {"spec": {"capacity": {"storage": "16Gi"}, "nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}},
    )
    ended, out, err = run(*SCALED.split())
    assert ended == 0, err
    assert "The restored volume is smaller (16Gi) than the PVC (32Gi), which will ask for 16Gi." in out
    assert "The restored volume is in westeurope-2, the old one in any zone" in out
    assert shop.get(f"{CLAIMS}/data-0")["spec"]["resources"] == {"requests": {"storage": "16Gi"}}


def test_a_pvc_that_somebody_else_made_in_its_place_is_not_deleted(run: Run, shop: Shop) -> None:
    shop.kill_at = 4
    with pytest.raises(Killed):
        run(*SCALED.split())
    assert "data-0" not in shop.seen()["claims"]
    made = objects.volume("pv-other", objects.disk_id("pv-other"), "data-0")
    made["metadata"]["annotations"] = {}
    shop.put(VOLUMES, made)
    other = objects.claim("data-0", "pv-other")
    other["metadata"] |= {"labels": {}, "annotations": {}}
    shop.put(CLAIMS, other)
    ended, _, err = run(*SCALED.split())
    assert ended == 1 and "was created by another client meanwhile" in err
    assert shop.seen()["claims"]["data-0"][0] == "pv-other"


def test_pods_that_stay_end_it_and_it_can_be_undone(run: Run, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.users = []
    clock = count(0, 50)
    monkeypatch.setattr("azdiskbackup.plugin.cluster.swap.steps.time.monotonic", lambda: next(clock))
    code, _, err = run(*SWAP.split(), "--timeout", "100")
    assert (
        code == 124
        and "in the way: node node-1. Repeat the command to continue. To go back: kubectl azdiskbackup swap" in err
    )
    shop.attached = []
    assert run(*SWAP.split(), "--undo")[0] == 0
    assert shop.seen() == BEFORE


def test_what_somebody_wrote_as_a_record_is_none(run: Run, shop: Shop) -> None:
    for text in ("{", "[]", '{"namespace": "shop"}'):
        shop.change(f"{VOLUMES}/pv-old", {"metadata": {"annotations": {ANNOTATION: text}}})
        assert "Nothing to undo" in run(*SWAP.split(), "--undo")[2]


@pytest.mark.parametrize(("one", "other"), [("31Gi", "32Gi"), ("32G", "32Gi"), ("1000Mi", "1Gi"), ("0", "1k")])
def test_quantities(one: str, other: str) -> None:
    assert is_smaller(one, other) and not is_smaller(other, one) and not is_smaller(one, one)


def test_an_object_that_protects_the_new_disk_already_is_left_alone(run: Run, shop: Shop) -> None:
    shop.protect("again", "pv-new")
    code, _, err = run(*SCALED.split())
    assert code == 0 and "ProtectedDisk" not in err and not shop.follows() and not shop.follows("again")


def test_of_two_objects_of_the_pvc_that_of_the_old_disk_follows(run: Run, shop: Shop) -> None:
    shop.protect("before", "pv-before")
    code, out, err = run(*SCALED.split())
    assert code == 0 and "have ProtectedDisk data follow" in out and "have ProtectedDisk before" not in out
    assert shop.follows() and not shop.follows("before") and "shop/before" not in err


def test_who_may_not_see_the_protection_is_told_how(run: Run, shop: Shop) -> None:
    shop.hidden = "protecteddisks"
    code, _, err = run(*SCALED.split())
    shop.hidden = ""
    uid = shop.get(f"{CLAIMS}/data-0")["metadata"]["uid"]
    assert code == 0 and f"kubectl annotate protecteddisk NAME -n shop --overwrite {FOLLOW_PVC}={uid}" in err


def test_who_may_not_change_the_protection_is_told_how(run: Run, shop: Shop) -> None:
    shop.forbidden = "protecteddisks"
    code, _, err = run(*SCALED.split())
    uid = shop.get(f"{CLAIMS}/data-0")["metadata"]["uid"]
    assert code == 0 and f"kubectl annotate protecteddisk data -n shop --overwrite {FOLLOW_PVC}={uid}" in err
