"""The front door of an RSP server: HTTP requests in, function calls through, answers out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dissectors.asn1.codec import Codec
from dissectors.spec.functions import ASN1_MEDIA, ASN1_PATH, JSON_MEDIA
from sgprobe.peers.effects import Request, Response
from sgprobe.peers.es9 import asn1_binding, json_binding
from sgprobe.peers.es9 import messages as m
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9.json_binding import NotJson
from sgprobe.peers.es9.status import HNT, Refusal
from sgprobe.peers.rules import Rules

# a response of an eUICC with two certificates in base64 is below 8 kB
MAX_BODY = 65_536
JSON_ANSWER_MEDIA = f"{JSON_MEDIA};charset=UTF-8"
PROTOCOL_HEADER = "X-Admin-Protocol"

Perform = Callable[[m.Request, float], m.Answer]
# a function of an interface that is JSON only: members in, members out
JsonFunction = Callable[[dict[str, Any], float], dict[str, Any]]


class Front:
    """Reads requests of both bindings, has them performed, and writes what comes of it."""

    def __init__(
        self,
        codec: Codec,
        rules: Rules,
        prefix: str,
        names: frozenset[str],
        perform: Perform,
        json_functions: dict[str, JsonFunction],
    ) -> None:
        self._codec = codec
        self._rules = rules
        self._prefix = prefix
        self._paths = {path: one.name for path, one in m.PATHS.items() if one.name in names}
        self._names = names
        self._perform = perform
        self._json_functions = json_functions
        version = codec.spec.version
        self.protocol = f"gsma/rsp/v{version}.0"

    def answer(self, request: Request, now: float) -> Response:
        """Answer one request; HTTP errors are for faults of the transport alone."""
        known = request.path == ASN1_PATH or request.path in self._paths
        if not known and request.path not in self._json_functions:
            return self._response(404)
        if request.method != "POST":
            return self._response(405, headers=(("Allow", "POST"),))
        if len(request.body) > MAX_BODY:
            return self._response(413)
        wanted = ASN1_MEDIA if request.path == ASN1_PATH else JSON_MEDIA
        media = request.media.partition(";")[0].strip().lower()
        if media != wanted and self._rules.on(f"{self._prefix}.CONTENT-TYPE"):
            return self._response(415)
        try:
            if request.path == ASN1_PATH:
                return self._answer_asn1(request.body, now)
            if request.path in self._json_functions:
                return self._answer_members(self._json_functions[request.path], request, now)
            return self._answer_json(self._paths[request.path], request.body, now)
        except (NotJson, NotAsn1):
            return self._response(400)

    def _answer_json(self, name: str, body: bytes, now: float) -> Response:
        members = json_binding.read_object(body)
        try:
            answer = self._perform(json_binding.read_message(m.REQUESTS[name], members), now)
        except Refusal as refusal:
            if name == HNT:
                # SGP.22 §5.6.4: the function has no status to fail with
                return self._response(400)
            return self._json({"header": json_binding.failure(refusal)})
        if name == HNT:
            return self._response(204)
        written = {"header": json_binding.success()}
        written.update(json_binding.write_message(answer))
        return self._json(written)

    def _answer_members(self, function: JsonFunction, request: Request, now: float) -> Response:
        members = json_binding.read_object(request.body)
        try:
            written = {"header": json_binding.success(), **function(members, now)}
        except Refusal as refusal:
            written = {"header": json_binding.failure(refusal)}
        return self._json(written)

    def _answer_asn1(self, body: bytes, now: float) -> Response:
        request = asn1_binding.read_request(self._codec, body)
        name = m.NAMES[type(request)]
        if name not in self._names:
            return self._response(400)
        try:
            answer = self._perform(request, now)
        except Refusal as refusal:
            discovery = self._prefix == "SMDS"
            written = asn1_binding.write_refusal(
                name, refusal.status, self._codec.spec.version, discovery
            )
            return self._response(400) if written is None else self._asn1(written)
        if name == HNT:
            return self._response(204)
        return self._asn1(asn1_binding.write_answer(name, answer))

    def _json(self, members: dict[str, Any]) -> Response:
        return self._response(200, JSON_ANSWER_MEDIA, json_binding.write_object(members))

    def _asn1(self, body: bytes) -> Response:
        return self._response(200, ASN1_MEDIA, body)

    def _response(
        self,
        status: int,
        media: str = "",
        body: bytes = b"",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Response:
        return Response(status, media, body, ((PROTOCOL_HEADER, self.protocol), *headers))
