"""The front door of an eIM: ESipa requests in both bindings in, answers out. SGP.32 §6.1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dissectors.spec.functions import ASN1_PATH
from sgprobe.peers.effects import Procedure, Request, Response
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9.front import PROTOCOL_HEADER
from sgprobe.peers.es9.json_binding import NotJson
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.rules import Rules

# the RSP protocol generation, not a version of SGP.32
PROTOCOL = "gsma/rsp/v2.1.0"
_PROTOCOLS = "gsma/rsp/v"
# a result with a thousand notifications and their certificates
MAX_BODY = 4 << 20

Perform = Callable[[m.Request], Procedure[m.Answer]]


class Binding(Protocol):
    """How messages stand in bodies."""

    @property
    def media(self) -> str:
        """The media type of bodies."""

    def path(self, name: str) -> str:
        """Return the path that a function is asked on."""

    def read_request(self, path: str, body: bytes) -> m.Request:
        """Return the request in a body that an IPA has sent."""

    def write_request(self, request: m.Request) -> bytes:
        """Return a request as a body."""

    def write_answer(self, name: str, answer: m.Answer) -> bytes:
        """Return the answer to a function as a body."""

    def read_answer(self, name: str, body: bytes) -> m.Answer:
        """Return the eIM's answer to a function."""

    def read_transfer(self, path: str, body: bytes) -> m.TransferEimPackage:
        """Return the package that an eIM injects."""

    def write_transferred(self, answer: m.Answer) -> bytes:
        """Return the IPA's answer to an injected package."""

    def read_transferred(self, body: bytes) -> m.Answer:
        """Return what the IPA answers to an injected package."""


class Refused(Exception):
    """A request is answered with an HTTP status alone."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def respond(
    status: int, media: str = "", body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()
) -> Response:
    """Return a response with the protocol header that every one has."""
    return Response(status, media, body, ((PROTOCOL_HEADER, PROTOCOL), *headers))


def media_type(text: str) -> str:
    """Return a media type without its parameters."""
    return text.partition(";")[0].strip().lower()


def check_request(request: Request, binding: Binding, rules: Rules, prefix: str) -> None:
    """Refuse a request whose HTTP form is not that of the binding. SGP.32 §6.1.1."""
    if request.method != "POST":
        raise Refused(405, f"method {request.method[:20]}")
    if len(request.body) > MAX_BODY:
        raise Refused(413, f"{len(request.body)} octets")
    wanted = media_type(binding.media)
    if media_type(request.media) != wanted and rules.on(f"{prefix}.CONTENT-TYPE"):
        raise Refused(415, f"media type {request.media[:60]!r}")
    protocol = request.header(PROTOCOL_HEADER)
    bad = protocol is not None and not protocol.startswith(_PROTOCOLS)
    if bad and rules.on(f"{prefix}.PROTOCOL-HEADER"):
        raise Refused(400, f"{PROTOCOL_HEADER} {str(protocol)[:60]!r}")


class Front:
    """Reads requests of an IPA, has them performed, and writes what comes of it."""

    def __init__(
        self,
        asn1: Binding,
        json: Binding | None,
        rules: Rules,
        prefix: str,
        perform: Perform,
        journal: Callable[[str, str], None],
        check_client: Callable[[Request, m.Request], None] = lambda request, message: None,
    ) -> None:
        self._asn1 = asn1
        self._json = json
        self._rules = rules
        self._prefix = prefix
        self._perform = perform
        self._journal = journal
        self._check_client = check_client

    def answer(self, request: Request) -> Procedure[Response]:
        """Answer one request; HTTP errors are for faults of the transport alone."""
        binding = self._binding(request.path)
        if binding is None:
            return respond(404)
        try:
            check_request(request, binding, self._rules, self._prefix)
            message = binding.read_request(request.path, request.body)
            self._check_client(request, message)
        except Refused as refused:
            self._journal("HTTP", str(refused))
            headers = (("Allow", "POST"),) if refused.status == 405 else ()
            return respond(refused.status, headers=headers)
        except (NotAsn1, NotJson, Refusal) as error:
            self._journal("HTTP", str(error))
            return respond(400)
        name = m.NAMES[type(message)]
        answer = yield from self._perform(message)
        if name == m.HNT:
            # SGP.32 §6.3.2.4: no response; what is not taken can only be told by the status
            return respond(204 if isinstance(answer, m.Done) else 400)
        return respond(200, binding.media, binding.write_answer(name, answer))

    def _binding(self, path: str) -> Binding | None:
        if path == ASN1_PATH:
            return self._asn1
        return self._json if path in m.PATHS and m.PATHS[path] != m.TEP else None
