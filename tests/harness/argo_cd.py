"""What Argo CD leaves out of what it applies, whatever a chart renders."""

from __future__ import annotations

from typing import Any

# Group and kind; an asterisk is for every kind. What cannot be configured is `coreExcludedResources` in Argo CD's
# util/settings/resources_filter.go; the rest is `resource.exclusions` as installations have had it since version 3.0.
_ALWAYS = {("events.k8s.io", "*"), ("metrics.k8s.io", "*"), ("", "Event"), ("coordination.k8s.io", "Lease")}
_SINCE_3 = {
    ("", "Endpoints"),
    ("discovery.k8s.io", "EndpointSlice"),
    ("authentication.k8s.io", "*"),
    ("authorization.k8s.io", "*"),
    ("certificates.k8s.io", "CertificateSigningRequest"),
    ("cert-manager.io", "CertificateRequest"),
}


def applies(document: dict[str, Any]) -> bool:
    """Return whether Argo CD applies an object."""
    group = document["apiVersion"].rpartition("/")[0]
    return not {(group, document["kind"]), (group, "*")} & (_ALWAYS | _SINCE_3)
