"""What may refuse a claim before it is stored: a quota of its namespace, an admission webhook."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from world.quantity import bytes_of, quantity_of
from world.store import ApiError, Json, Resource

_COUNT, _STORAGE = "persistentvolumeclaims", "requests.storage"


@dataclass(frozen=True)
class Webhook:
    """An admission webhook that denies the objects of a kind.

    Attributes:
        name: its name, which the refusal tells.
        namespace: where; empty for everywhere.
        status: the status that it answers with; 400 is the API server's for one that names none.
    """

    name: str
    message: str
    kind: str = "PersistentVolumeClaim"
    namespace: str = ""
    status: int = 400


class Admission:
    """What an API server in memory refuses to create; nothing, until it is told."""

    def __init__(self) -> None:
        # Of each namespace: the name of its quota, and what it allows.
        self._quotas: dict[str, tuple[str, dict[str, str]]] = {}
        self._webhooks: dict[str, Webhook] = {}

    def limit(self, namespace: str, name: str = "quota", **hard: str) -> None:
        """Give a namespace a ResourceQuota of ``persistentvolumeclaims`` and ``requests_storage``, or none."""
        allowed = {resource.replace("_", "."): quantity for resource, quantity in hard.items()}
        if not allowed.keys() <= {_COUNT, _STORAGE}:
            raise ValueError(f"{sorted(allowed)}: only {_COUNT} and {_STORAGE} are counted")
        self._quotas.pop(namespace, None)
        if allowed:
            self._quotas[namespace] = (name, allowed)

    def deny(self, webhook: Webhook) -> None:
        """Let a webhook deny objects from now on."""
        self._webhooks[webhook.name] = webhook

    def allow(self, name: str) -> None:
        """Take a webhook away."""
        self._webhooks.pop(name, None)

    def check(self, resource: Resource, namespace: str, wanted: Json, held: Iterable[Json]) -> None:
        """Raise what the API server answers to an object that may not be made; webhooks come before quotas.

        Args:
            resource: of what kind it is.
            namespace: where it is to be made.
            wanted: the object.
            held: the objects of that kind in the namespace.
        """
        for each in self._webhooks.values():
            if each.kind == resource.kind and each.namespace in ("", namespace):
                text = f'admission webhook "{each.name}" denied the request: {each.message}'
                raise ApiError(each.status, _REASONS.get(each.status, ""), text)
        if resource.kind == "PersistentVolumeClaim" and namespace in self._quotas:
            self._check_quota(namespace, wanted, list(held))

    def _check_quota(self, namespace: str, wanted: Json, held: list[Json]) -> None:
        quota, hard = self._quotas[namespace]
        asked = {_COUNT: 1, _STORAGE: _storage(wanted)}
        used = {_COUNT: len(held), _STORAGE: sum(map(_storage, held))}
        over = [each for each in sorted(hard) if used[each] + asked[each] > bytes_of(hard[each])]
        if not over:
            return
        told = ", ".join(
            f"{word}: " + ",".join(f"{each}={quantities[each]}" for each in over)
            for word, quantities in (
                ("requested", {each: quantity_of(number) for each, number in asked.items()}),
                ("used", {each: quantity_of(number) for each, number in used.items()}),
                ("limited", hard),
            )
        )
        name = wanted["metadata"].get("name", "")
        text = f'persistentvolumeclaims "{name}" is forbidden: exceeded quota: {quota}, {told}'
        raise ApiError(403, "Forbidden", text)


_REASONS = {400: "BadRequest", 403: "Forbidden", 422: "Invalid"}


def _storage(claim: Json) -> int:
    return bytes_of((claim["spec"].get("resources") or {}).get("requests", {}).get("storage", "0"))
