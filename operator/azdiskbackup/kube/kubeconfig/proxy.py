"""Which servers are reached without a proxy, as the environment says."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from requests.utils import should_bypass_proxies


def beside_the_proxy(server: str) -> bool:
    """Return whether NO_PROXY says to go straight to a server, and have the HTTP library believe it.

    That asks the environment itself, and does not know ranges of addresses, which name the API server as a rule.
    """
    if not should_bypass_proxies(server, no_proxy=None):
        return False
    host = urlsplit(server).hostname or ""
    for name in ("NO_PROXY", "no_proxy"):
        known = os.environ.get(name)
        if known and host not in known.split(","):
            os.environ[name] = f"{known},{host}"
    return True
