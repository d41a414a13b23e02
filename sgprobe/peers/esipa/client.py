"""The client half of ESipa: posts a request of an IPA, reads the eIM's answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from sgprobe.peers.effects import Post, Procedure, Request, Response
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9.front import PROTOCOL_HEADER
from sgprobe.peers.es9.json_binding import NotJson
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.es9client import ServerFault
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.asn1_binding import function_of
from sgprobe.peers.esipa.front import PROTOCOL, Binding, media_type
from sgprobe.peers.rules import Rules

USER_AGENT = "gsma-rsp-ipad"
# a bound package of a megabyte in base64, and room
MAX_ANSWER = 4 << 20


# RFC 9110 §10.2.3 bounds nothing; a day is as good as for ever
_LONGEST = 86_400.0


class EimFault(ServerFault):
    """The eIM answered with an HTTP status that is no success."""

    def __init__(self, function: str, response: Response) -> None:
        super().__init__(function, f"HTTP status {response.status}", status=response.status)
        wanted = response.header("Retry-After") or ""
        # ten digits are more than enough; a date is not read
        seconds = (
            float(wanted) if len(wanted) <= 10 and wanted.isascii() and wanted.isdecimal() else 0.0
        )
        self.pause = min(seconds, _LONGEST)


def pause_of(fault: ServerFault) -> float:
    """Return how many seconds a server in trouble wants to be left alone."""
    return fault.pause if isinstance(fault, EimFault) else 0.0


@dataclass(frozen=True, slots=True)
class EsipaClient:
    """A client of one eIM; `address` is what is posted to."""

    address: str
    binding: Binding
    rules: Rules = field(repr=False)
    user_agent: str = USER_AGENT

    def ask(self, request: m.Request) -> Procedure[m.Answer]:
        """Execute one function; ServerFault says what is wrong with the answer."""
        name = m.NAMES[type(request)]
        headers = (("User-Agent", self.user_agent), (PROTOCOL_HEADER, PROTOCOL))
        body = self.binding.write_request(request)
        post = Request(self.binding.path(name), self.binding.media, body, headers)
        response: Response = yield Post(self.address, post)
        return self._read(name, response)

    def _read(self, name: str, response: Response) -> m.Answer:
        if response.status == 204 or (name == m.HNT and response.status == 200):
            # SGP.32 §6.3.2.4: 204; one eIM in the field answers 200 without a body
            if name == m.HNT:
                return m.Done()
            raise ServerFault(name, "an answer without a body", status=response.status)
        if response.status != 200:
            raise EimFault(name, response)
        if len(response.body) > MAX_ANSWER:
            raise ServerFault(name, f"an answer of {len(response.body)} octets")
        other = media_type(response.media) != media_type(self.binding.media)
        if other and self.rules.on("IPA.CONTENT-TYPE"):
            text = f"media type {response.media[:60]!r}"
            raise ServerFault(name, text, "IPA.CONTENT-TYPE")
        if not self.rules.on("IPA.ANSWER-FUNCTION"):
            name = function_of(response.body) or name
        try:
            return self.binding.read_answer(name, response.body)
        except (NotAsn1, NotJson) as error:
            raise ServerFault(name, str(error)) from None
        except Refusal as refusal:
            raise ServerFault(name, refusal.detail) from None
