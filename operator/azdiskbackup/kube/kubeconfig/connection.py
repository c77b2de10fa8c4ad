"""What is known of the way to the API server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class KubeConnection:
    """Where the API server is and how to prove who we are.

    Attributes:
        namespace: where we are.
        token_file: file with the token; it is read anew, since the kubelet rotates it.
        token_of: returns the token of whoever has no such file; what it is had from may renew it.
        verify: whether the server has to prove who it is.
        server_name: name for which its certificate is, where that is not the host's.
        proxy: URL of a proxy to go through.
    """

    server: str
    namespace: str
    ca_file: str | None
    token_file: Path | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    token_of: Callable[[], str | None] = lambda: None
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = None

    def token(self) -> str | None:
        """Return the token as it is now; None where a certificate says who we are."""
        return self.token_file.read_text().strip() if self.token_file else self.token_of()
