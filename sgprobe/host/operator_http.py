"""HTTP to an operator's interface: what `sgprobe.product.operator` sends its calls by."""

from __future__ import annotations

from urllib.parse import urlsplit

from sgprobe.exchange import Request, Response
from sgprobe.links.https_client import HttpsClient, Unreachable
from sgprobe.links.tape import Tape
from sgprobe.links.tls import TlsSettings


class OperatorHttp:
    """Sends requests to any origin; `trust` are the certificates (DER) of its TLS."""

    def __init__(self, trust: tuple[bytes, ...] = (), *, tape: Tape | None = None) -> None:
        self._trust = trust
        self._tape = tape
        self._clients: dict[str, HttpsClient] = {}

    async def __call__(self, origin: str, request: Request) -> Response:
        """Return the answer of `http://HOST:PORT`; raises ConnectionError."""
        client = self._clients.get(origin)
        if client is None:
            client = self._clients[origin] = self._client(origin)
        try:
            return await client.ask(request)
        except Unreachable as error:
            raise ConnectionError(str(error)) from None

    def _client(self, origin: str) -> HttpsClient:
        parts = urlsplit(origin)
        host, port = parts.hostname or "", parts.port or 80
        if parts.scheme == "http":
            return HttpsClient((host, port), None, tape=self._tape)
        settings = TlsSettings(trust=self._trust)
        return HttpsClient((host, port), settings, name=host, tape=self._tape)

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()
