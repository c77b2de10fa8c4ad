"""Which rule decides about a PVC."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from azdiskbackup.core.disk_protection_rule.claim import Claim, read_claim
from azdiskbackup.core.disk_protection_rule.rule_view import rule_view
from azdiskbackup.core.disk_protection_rule.selection import Selection, criteria, matches, preview, select
from azdiskbackup.core.objects.markers import PROTECT
from azdiskbackup.core.objects.pvc import NotBound
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.objects.vault_view import VaultView, vault_view
from azdiskbackup.core.rules import reasons
from harness import objects
from unit.core.disk_protection_rule.rule_claims import LONG_AGO, book, claim, rule, spec

OUT = {PROTECT: "false"}


@pytest.mark.parametrize(
    ("given", "of", "unmet"),
    [
        ({}, {}, None),
        ({"namespaceSelector": {"matchLabels": {"team": "shop"}}}, {}, "namespaceSelector"),
        ({"namespaceSelector": {"matchLabels": {"team": "shop"}}}, {"namespace_labels": {"team": "shop"}}, None),
        ({}, {"namespace": "kube-system"}, "namespaceSelector"),
        (
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}},
            {"namespace": "kube-system", "namespace_labels": {"kubernetes.io/metadata.name": "kube-system"}},
            None,
        ),
        (
            {
                "namespaceSelector": {
                    "matchExpressions": [
                        {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["kube-system"]}
                    ]
                }
            },
            {"namespace": "kube-system", "namespace_labels": {"kubernetes.io/metadata.name": "kube-system"}},
            None,
        ),
        (
            {"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}},
            {"namespace": "kube-system"},
            "namespaceSelector",
        ),
        ({"claimSelector": {"matchLabels": {"tier": "db"}}}, {"labels": {"tier": "web"}}, "claimSelector"),
        ({"claimSelector": {"matchLabels": {"tier": "db"}}}, {"labels": {"tier": "db"}}, None),
        ({"storageClassNames": ["fast"]}, {"storage_class": None}, "storageClassNames"),
        ({"storageClassNames": ["fast", "managed-csi"]}, {}, None),
        ({"accessModes": ["ReadWriteMany"]}, {}, "accessModes"),
        ({"accessModes": ["ReadWriteMany", "ReadWriteOnce"]}, {}, None),
        ({"minSizeGiB": 33}, {}, "minSizeGiB"),
        ({"minSizeGiB": 32, "maxSizeGiB": 32}, {}, None),
        ({"maxSizeGiB": 31}, {}, "maxSizeGiB"),
    ],
)
def test_each_criterion(given: Any, of: Any, unmet: str | None) -> None:
    wanted, found = spec(**given), claim(**of)
    assert matches(wanted, found) == (unmet is None)
    assert [each.field for each in criteria(wanted, found) if not each.holds] == ([unmet] if unmet else [])


def test_the_highest_priority_then_the_oldest_then_the_name() -> None:
    low, high = rule("a"), rule("z", priority=1)
    younger, named = replace(rule("c"), created=LONG_AGO + timedelta(days=1)), rule("b")
    rules = book(younger, low, named, high).enforced
    assert [each.name for each in rules] == ["z", "a", "b", "c"]
    assert select(claim(), rules) == Selection(high)
    assert select(claim(), (rule(claimSelector={"matchLabels": {"a": "b"}}),)) is None


def test_one_that_cannot_protect_it_leaves_it_to_the_next() -> None:
    elsewhere = rule("first", priority=1, serves={"matchLabels": {"team": "other"}})
    assert select(claim(), book(elsewhere, rule("second")).enforced) == Selection(rule("second"))
    assert select(claim(), (elsewhere,)) == Selection(elsewhere, reasons.NAMESPACE_NOT_ALLOWED)
    unknown = rule("third", vault=None)
    assert select(claim(), (unknown,)) == Selection(unknown), "its policy is what it waits for"


@pytest.mark.parametrize(
    ("labels", "of_namespace", "opts_out", "misread"),
    [
        ({}, {}, False, None),
        (OUT, {}, True, None),
        ({}, OUT, True, None),
        ({PROTECT: "true"}, OUT, False, None),
        ({PROTECT: "False"}, {}, True, None),
        ({PROTECT: "no"}, {}, False, "no"),
        ({PROTECT: ""}, OUT, False, ""),
    ],
)
def test_who_opts_out(labels: Any, of_namespace: Any, opts_out: bool, misread: str | None) -> None:
    found = claim(labels=labels, namespace_labels=of_namespace)
    assert (found.opts_out, found.misread_label) == (opts_out, misread)


def test_the_opt_out_counts_where_the_rule_allows_it() -> None:
    allowing, forbidding = rule("allows", priority=1), rule("forbids", optOut="Forbidden")
    out = claim(labels=OUT)
    assert select(out, (allowing,)) == Selection(allowing, reasons.OPTED_OUT)
    assert select(out, book(allowing, forbidding).enforced) == Selection(forbidding)


def test_what_a_dry_run_would_say() -> None:
    tried, before = rule("tried", mode="DryRun"), rule("before", priority=1)
    assert preview(claim(), tried, book(tried)) == Selection(tried)
    assert preview(claim(), tried, book(tried, before)) is None, "another one decides"
    assert preview(claim(), tried, book(tried, rule("after", priority=-1))) == Selection(tried)
    assert preview(claim(labels=OUT), tried, book(tried)) == Selection(tried, reasons.OPTED_OUT)
    assert preview(claim(), rule("tried", minSizeGiB=99), book()) is None


def test_a_pvc_is_read_as_the_api_server_has_it() -> None:
    raw = objects.claim("data-0", "pv-1")
    raw["metadata"] |= {
        "uid": "u",
        "creationTimestamp": "2026-01-05T08:00:00Z",
        "labels": {"a": "b"},
        "ownerReferences": [{"kind": "PersistentVolumeClaim"}],
    }
    raw["status"] = {"phase": "Bound"}
    volume = objects.volume("pv-1", objects.disk_id("d"), "data-0")
    volume["spec"]["claimRef"]["uid"] = "u"
    volume["spec"]["csi"]["volumeAttributes"] = {"maxShares": "2"}
    found = read_claim(raw, objects.namespace(team="shop"), volume)
    assert (found.size_gib, found.max_shares, found.place) == (32, 2, "shop/data-0")
    assert found.namespace_labels == {"team": "shop"} and found.is_temporary
    volume["spec"]["csi"]["volumeAttributes"] = {"maxShares": "many"}
    assert read_claim(raw, None, volume).max_shares == 1
    bare = {"metadata": {key: raw["metadata"][key] for key in ("name", "namespace", "uid", "creationTimestamp")}}
    least = read_claim(bare, None, None)
    assert isinstance(least.source, NotBound) and least.size_gib == 0 and least.storage_class is None
    assert isinstance(least, Claim) and not least.is_temporary


def test_a_rule_is_read_with_the_vault_of_its_policy() -> None:
    stored = Resource(objects.stored(objects.rule("databases", "gold")))
    served = {"namespaces": {"matchLabels": {"team": "shop"}}}
    vault = vault_view(Resource(objects.stored(objects.vault("demo", access=served))))
    assert isinstance(vault, VaultView)
    found = rule_view(stored, {"gold": vault}.get)
    assert found is not None
    assert (found.name, found.created, found.vault) == ("databases", stored.created, "demo")
    assert found.serves == vault.access.namespaces

    for nothing in (None, Invalid("no region")):
        unknown = rule_view(stored, {"gold": nothing}.get)
        assert unknown is not None and (unknown.vault, unknown.serves) == (None, None)


@pytest.mark.parametrize("change", [{"spec": {}}, {"metadata": {"name": "databases", "deletionTimestamp": "now"}}])
def test_a_rule_that_cannot_be_read_or_goes_decides_nothing(change: dict[str, Any]) -> None:
    assert rule_view(Resource(objects.stored(objects.rule()) | change), lambda _: None) is None
