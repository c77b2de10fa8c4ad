"""DiskProtectionRules on a real API server: what the operator may do with the chart's rights, and does."""

from __future__ import annotations

from datetime import timedelta

from harness import objects
from harness.tenant import Tenant

RULE = "azdiskbackup.io/rule"


def test_from_a_pvc_to_a_protected_disk_and_to_its_end(shop: Tenant, gold: str) -> None:
    """Made by apply, adjusted, taken over, and deleted once its PVC is gone; restore points stay."""
    for name in ("data-0", "data-1"):
        shop.make_claim(name)
    selector = {"matchLabels": {"kubernetes.io/metadata.name": shop.namespace}}
    rule = objects.rule(f"rule-{shop.namespace}", gold, namespaceSelector=selector, gracePeriodHours=1)
    shop.apply(rule)
    for name in ("data-0", "data-1"):
        shop.passes(lambda name=name: _has(shop, name), f"{name} is made")  # type: ignore[misc] # it is called at once
        shop.until("protecteddisk", name, "Ready")
    made = shop.get("protecteddisk", "data-0")
    assert made["metadata"]["labels"] == {RULE: rule["metadata"]["name"]} and made["spec"]["deletionPolicy"] == "Retain"
    shop.until("diskprotectionrule", rule["metadata"]["name"], "Ready")

    shop.kubectl("label", "protecteddisk", "data-1", f"{RULE}-")
    instance = shop.instance("data-0")
    for name in ("data-0", "data-1"):
        shop.kubectl("delete", "pvc", name)
    shop.gone("protecteddisk", "data-0", within=timedelta(hours=6))
    assert shop.portal("GET", instance)["properties"]["currentProtectionState"] == "ProtectionStopped"
    assert _has(shop, "data-1"), "it is a person's by now"


def _has(shop: Tenant, name: str) -> bool:
    return name in {each["metadata"]["name"] for each in shop.every("protecteddisk")}
