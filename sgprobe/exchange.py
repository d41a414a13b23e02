"""One request and its answer, as roles see them, whatever link carries them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """One request of an application protocol, whatever carries it (HTTP or CoAP)."""

    path: str
    media: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "POST"
    # the EID in the certificate that the client showed in TLS, where it was asked for one
    client: str = ""

    def header(self, name: str) -> str | None:
        """Return the first header of that name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Response:
    """The answer; `status` is an HTTP status, which a CoAP link maps to a code."""

    status: int
    media: str = ""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def header(self, name: str) -> str | None:
        """Return the first header of that name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)
