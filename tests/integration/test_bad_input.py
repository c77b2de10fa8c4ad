"""What a person gets wrong and the API server refuses, with a sentence that says what to do."""

import pytest

from controlplane.plane import KubectlError
from harness.objects import disk, policy, vault
from harness.tenant import Tenant


def refused(shop: Tenant, wanted: dict[str, object]) -> str:
    """Return what the API server says about an object that it must refuse."""
    with pytest.raises(KubectlError) as error:
        shop.stack.plane.apply(wanted)
    return str(error.value)


def test_wrong_enum(shop: Tenant) -> None:
    says = refused(shop, disk(namespace=shop.namespace, protection="Sometimes"))
    assert "spec.protection" in says and '"Active", "Suspended", "Stopped"' in says


def test_wrong_time(shop: Tenant) -> None:
    says = refused(shop, policy("bad", schedule={"frequency": "Daily", "startTime": "25:00"}))
    assert "spec.schedule.startTime" in says


def test_hours_without_hourly_and_hourly_without_hours(shop: Tenant) -> None:
    for schedule in ({"frequency": "Daily", "intervalHours": 4}, {"frequency": "Hourly"}):
        assert "must be set when `frequency` is 'Hourly', and only then" in refused(
            shop, policy("bad", schedule=schedule)
        )


@pytest.mark.parametrize("both", [True, False])
def test_both_sources_or_neither(shop: Tenant, both: bool) -> None:
    names = {"persistentVolumeClaim": {"name": "data-0"}, "diskID": shop_disk_id()} if both else {}
    says = refused(shop, disk(namespace=shop.namespace, source=names))
    assert "must have exactly one of `persistentVolumeClaim` and `diskID`" in says


def shop_disk_id() -> str:
    return "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/g/providers/Microsoft.Compute/disks/d"


def test_a_name_that_azure_does_not_take_needs_another_one_beside_it(shop: Tenant) -> None:
    assert "or `spec.azureName` must be set" in refused(shop, vault("with.dots"))
    assert "or `spec.azureName` must be set" in refused(shop, policy("with.dots"))


def test_two_groups_for_one_subscription(shop: Tenant) -> None:
    says = refused(shop, vault("bad", snapshotResourceGroups=[{"name": "a"}, {"name": "b"}]))
    assert "must name at most one group for each subscription" in says
