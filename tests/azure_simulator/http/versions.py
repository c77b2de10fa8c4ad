"""The api-versions that each provider takes."""

from __future__ import annotations

import re

from azure_simulator.model.faults import AzureFault

# Every one that was published from 2023-11-01 on.
_DATA_PROTECTION = {
    "2023-11-01",
    "2023-12-01",
    "2024-02-01-preview",
    "2024-03-01",
    "2024-04-01",
    "2025-01-01",
    "2025-02-01",
    "2025-07-01",
    "2025-09-01",
    "2026-03-01",
    "2026-06-01",
}
# Of the others each client asks for another one, and what is simulated of them has not changed for years.
_OTHERS = {
    "Microsoft.Authorization": {"2015-07-01", "2018-01-01-preview", "2020-04-01-preview", "2022-04-01"},
    "Microsoft.Compute": {"2022-03-02", "2023-04-02", "2023-10-02", "2024-03-02", "2025-01-02"},
    "Microsoft.ResourceGraph": {"2019-04-01", "2021-03-01", "2022-10-01", "2024-04-01"},
    "Microsoft.Resources": {"2016-06-01", "2019-11-01", "2020-01-01", "2020-06-01", "2021-01-01", "2021-04-01",
                            "2022-09-01", "2022-12-01", "2023-07-01", "2024-03-01", "2024-11-01", "2025-04-01"},
}  # fmt: skip
_DATED = re.compile(r"20(1[5-9]|2[0-6])-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])(-preview)?")


def known_versions(provider: str) -> set[str]:
    """Return the versions that a provider says that it takes."""
    return _DATA_PROTECTION if provider == "Microsoft.DataProtection" else _OTHERS.get(provider, {"2022-12-01"})


def check(version: str | None, provider: str) -> None:
    """Raise what Azure answers to a version that is missing, or that nobody published."""
    if not version:
        raise AzureFault(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    strict = provider == "Microsoft.DataProtection"
    if version in known_versions(provider) or (not strict and _DATED.fullmatch(version)):
        return
    raise AzureFault(
        "NoRegisteredProviderFound",
        f"No registered resource provider found for API version '{version}'. The supported "
        f"api-versions are '{', '.join(sorted(known_versions(provider)))}'.",
    )
