"""Role assignments wherever they can be made, for whoever, with whichever role: what they allow is what counts."""

from __future__ import annotations

import pytest

from azure_simulator.model.roles import DISK_BACKUP_READER, DISK_SNAPSHOT_CONTRIBUTOR
from contract.portal import DISKS, INSTANCE, POLICY, ROOT, SNAPSHOTS, VAULT, Portal, instance_body, policy_body
from harness.objects import DISK_GROUP, LOCATION, SUBSCRIPTION

LANDING_ZONE = "/providers/Microsoft.Management/managementGroups/landing-zone"
TEAM, ALL = (f"00000000-0000-4000-8000-0000000000{number}" for number in (41, 42))
CUSTOM = "11111111-2222-4333-8444-555555555555"


class Cloud(Portal):
    """A vault and a disk that nobody has rights on yet."""

    def __init__(self) -> None:
        super().__init__()
        self.turn("management-group", name="landing-zone", parent="top")
        self.turn("management-group", name="team-zone", parent="landing-zone", subscriptions=[SUBSCRIPTION])
        self.turn("management-group", name="elsewhere", parent="top")
        self.principal = self.make_vault()
        self.disk = self.seed(
            disks=[{"subscription": SUBSCRIPTION, "group": DISK_GROUP, "name": "data", "location": LOCATION}]
        )["disks"][0]
        assert self.ask("PUT", POLICY, policy_body()).status == 200

    def is_protected(self) -> bool:
        """Try it, with rights that had their time to spread."""
        self.passes(minutes=11)
        assert self.ask("PUT", INSTANCE, instance_body(self.disk)).status == 201
        self.passes(seconds=61)
        return self.state() == "ProtectionConfigured"


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.mark.parametrize(
    ("scope", "works"),
    [
        ("/", True),
        (LANDING_ZONE, True),
        (f"{LANDING_ZONE}".replace("landing", "team").lower(), True),
        (ROOT, True),
        (SNAPSHOTS, False),
        ("/providers/Microsoft.Management/managementGroups/elsewhere", False),
    ],
)
def test_what_is_assigned_above_holds_below(cloud: Cloud, scope: str, works: bool) -> None:
    cloud.assign(DISK_SNAPSHOT_CONTRIBUTOR, SNAPSHOTS, cloud.principal, 1)
    made = cloud.assign(DISK_BACKUP_READER, scope, cloud.principal, 2)
    assert made.status == 201, made.body
    path = f"{cloud.disk}/providers/Microsoft.Authorization/roleAssignments?$filter=principalId eq '{cloud.principal}'"
    seen = [each["properties"]["scope"] for each in cloud.body(path)["value"]]
    assert (scope.rstrip("/") in [each.rstrip("/") for each in seen]) is works
    assert cloud.is_protected() is works


def test_a_management_group_that_does_not_exist(cloud: Cloud) -> None:
    nowhere = "/providers/Microsoft.Management/managementGroups/nowhere"
    assert cloud.assign(DISK_BACKUP_READER, nowhere, cloud.principal).status == 404


def test_groups_of_the_directory_hold_roles_for_their_members(cloud: Cloud) -> None:
    cloud.turn("directory-group", group=TEAM, members=[cloud.principal])
    cloud.turn("directory-group", group=ALL, members=[TEAM])
    cloud.assign(DISK_BACKUP_READER, DISKS, ALL, 1)
    cloud.assign(DISK_SNAPSHOT_CONTRIBUTOR, SNAPSHOTS, TEAM, 2)
    listed = f"{DISKS}/providers/Microsoft.Authorization/roleAssignments?$filter="
    assert not cloud.body(f"{listed}principalId eq '{cloud.principal}'")["value"], "only its own"
    by_group = cloud.body(f"{listed}assignedTo('{cloud.principal}')")["value"]
    assert [each["properties"]["principalType"] for each in by_group] == ["Group"]
    assert cloud.is_protected()


@pytest.mark.parametrize(
    ("actions", "works"),
    [
        (["*"], True),
        (["Microsoft.Compute/disks/*", "Microsoft.Authorization/*/read"], True),
        (["Microsoft.Compute/disks/read", "Microsoft.Compute/disks/beginGetAccess/action"], False),
        (["*/read"], False),
    ],
)
def test_a_role_is_what_it_allows(cloud: Cloud, actions: list[str], works: bool) -> None:
    cloud.turn("role", guid=CUSTOM, name="Our own", actions=actions)
    cloud.assign(DISK_SNAPSHOT_CONTRIBUTOR, SNAPSHOTS, cloud.principal, 1)
    assert cloud.assign(CUSTOM, DISKS, cloud.principal, 2).status == 201
    assert cloud.is_protected() is works


def test_ids_of_role_definitions_name_no_group(cloud: Cloud) -> None:
    for scope in (DISKS, cloud.disk, ROOT):
        path = f"{scope}/providers/Microsoft.Authorization/roleDefinitions?$filter=roleName eq 'Disk Backup Reader'"
        assert [each["id"] for each in cloud.body(path)["value"]] == [
            f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions/{DISK_BACKUP_READER}"
        ]
    assert cloud.ask("GET", VAULT).status == 200
