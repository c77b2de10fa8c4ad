"""`restore --wait`: each step is said once, and at the end how to reach the data."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from azdiskbackup.plugin.output.mounting import mounting
from plugin import world
from plugin.conftest import Run
from plugin.world import Api, Json

Story = Callable[[str, list[Json]], None]


@pytest.fixture
def story(api: Api, monkeypatch: pytest.MonkeyPatch) -> Story:
    """Return what lets an object have one status after the other, a look each."""
    monkeypatch.setattr("azdiskbackup.plugin.cluster.follow.LOOK_EVERY_SECONDS", 0)

    answer = api.get

    def told(name: str, statuses: list[Json]) -> None:
        left = list(statuses)

        async def looks(path: str) -> Any:
            if path.endswith(f"/diskrestores/{name}"):
                for made in api.objects["diskrestores"]:
                    if made["metadata"]["name"] == name:
                        made["status"] = left.pop(0)
            return await answer(path)

        monkeypatch.setattr(api, "get", looks)

    return told


def succeeded(status: str, reason: str, message: str = "") -> Json:
    return world.condition("Succeeded", status, reason, message)


_POINT: Json = {"restorePoint": world.PINNED}
_CLAIM: Json = {**_POINT, "persistentVolumeClaim": "data-0-restored"}
_VALIDATED = world.condition("Validated", "True", "Passed")
_RUNNING: Json = {**_CLAIM, "jobID": "job-7", "startTime": world.ago(minutes=4)}
_DISK: Json = {
    **_RUNNING,
    "durationSeconds": 216,
    "disk": {
        "id": "/subscriptions/s/resourceGroups/restored-rg/providers/Microsoft.Compute/disks/data-0-restored-7",
        "name": "data-0-restored-7",
        "sizeGiB": 128,
        "sku": "Premium_LRS",
        "location": "westeurope",
        "zones": ["1"],
    },
    "persistentVolume": "azdiskbackup-7",
}
WAITING = "Azure refuses the vault's identity access. Waiting for {} min; next attempt at 2026-11-22 12:0{} UTC."
BACK = [
    {},
    {**_POINT, "conditions": [succeeded("Unknown", "Creating")]},
    *({**_CLAIM, "conditions": [succeeded("Unknown", "WaitingForPermissions", WAITING.format(n, n))]} for n in (1, 2)),
    {**_CLAIM, "conditions": [_VALIDATED, succeeded("Unknown", "Starting")]},
    *({**_RUNNING, "conditions": [_VALIDATED, succeeded("Unknown", "InProgress")]} for _ in range(2)),
    {**_DISK, "conditions": [_VALIDATED, succeeded("Unknown", "BindPending")]},
    {
        **_DISK,
        "completionTime": world.ago(minutes=0),
        "conditions": [
            _VALIDATED,
            world.condition("VolumeBound", "True", "Bound"),
            succeeded("True", "Completed", "The restore succeeded."),
        ],
    },
]


def test_each_step_is_told_once(run: Run, story: Story, golden: Callable[[str, str], None]) -> None:
    story("data-0-restored", BACK)
    code, out, err = run("restore", "data", "--wait")
    golden("restore story", f"$ restore data --wait → {code}\n{out}--- stderr\n{err}")
    lines = err.splitlines()
    assert code == 0 and len(lines) == len(set(lines))


def test_one_that_is_followed_again_is_no_other_one(run: Run, api: Api, story: Story) -> None:
    assert run("restore", "data")[0] == 0
    story("data-0-restored", BACK[3:])
    code, out, err = run("restore", "data", "--wait")
    assert code == 0 and "does that already" in err and "claimName" in out
    assert len(api.objects["diskrestores"]) == 3
    # Its end can be read later, too.
    story("data-0-restored", BACK[-1:])
    assert "Completed in 3m" in run("restore", "--name", "data-0-restored", "--wait")[1]


def test_a_failure_has_its_exit_code_and_its_words(run: Run, api: Api) -> None:
    code, out, _ = run("restore", "-n", "bank", "--name", "ledger-0-restored", "--wait")
    assert code == 3 and world.QUOTA["code"] in out and "kubectl run" not in out
    code, out, _ = run("restore", "-n", "bank", "--name", "ledger-0-restored", "--wait", "-o", "json")
    assert code == 3 and json.loads(out)["succeeded"] is False


def test_what_does_not_end_is_left_alone(run: Run, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 50))
    monkeypatch.setattr("azdiskbackup.plugin.cluster.follow.time.monotonic", lambda: next(clock))
    story("data-0-restored", [{}] * 9)
    code, _, err = run("restore", "data", "--wait", "--timeout", "200")
    assert code == 124 and err.count("kubectl azdiskbackup check") == 1
    assert "It continues; to follow it: kubectl azdiskbackup restore -n shop --name data-0-restored --wait" in err


def test_an_object_that_somebody_deletes(run: Run, api: Api, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story("data-0-restored", [{}])
    answer = api.get

    async def deleted(path: str) -> Any:
        found = await answer(path)
        api.objects["diskrestores"] = []
        return found

    monkeypatch.setattr(api, "get", deleted)
    code, _, err = run("restore", "data", "--wait", "--pvc", "data-0-restored")
    assert code == 1 and "was deleted. A restore that Azure has started continues, and its disk stays." in err


# --- what mounts it -----------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [False, True])
def test_the_command_that_looks_into_it_is_one_that_works(block: bool) -> None:
    lines = list(mounting("shop", "it's.data", block=block))
    words = shlex.split(next(each for each in lines if "kubectl" in each))
    (overrides,) = [each.partition("=")[2] for each in words if each.startswith("--overrides=")]
    pod = json.loads(overrides)["spec"]
    (container,) = pod["containers"]
    (mounted,) = container["volumeDevices" if block else "volumeMounts"]
    assert pod["volumes"] == [{"name": mounted["name"], "persistentVolumeClaim": {"claimName": "it's.data"}}]
    assert ("devicePath" if block else "mountPath") in mounted
    stanza = yaml.safe_load("\n".join(lines[3:]))
    assert stanza == {"volumes": pod["volumes"]}
