"""What the tests of the IPA stand on: an eIM that says what it is told, a card that is watched."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dissectors.asn1.tlv import tlv
from dissectors.spec.functions import ASN1_MEDIA
from sgprobe.peers.effects import CardFailure, Request, Response
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.asn1_binding import Asn1Binding
from sgprobe.peers.euicc.values import bit_string
from sgprobe.peers.run import EuiccSlot
from tests.peers.world import World

NONE = bytes.fromhex("BF4F03020101")
EMPTY = bytes.fromhex("BF50023000")


def asn1(body: bytes) -> Response:
    return Response(200, ASN1_MEDIA, body)


class Watched(EuiccSlot):
    """A card whose commands are kept, and whose answers may be another's."""

    def __init__(self, euicc: Any) -> None:
        super().__init__(euicc)
        self.commands: list[bytes] = []
        self.refreshed = 0
        self.instead: Callable[[bytes], bytes | None] = lambda command: None

    def command(self, command: bytes, now: float) -> bytes:
        self.commands.append(command)
        answer = self.instead(command)
        return super().command(command, now) if answer is None else answer

    def refresh(self, now: float) -> None:
        self.refreshed += 1
        super().refresh(now)

    def sent(self, tag: str) -> list[bytes]:
        return [one for one in self.commands if one.hex().upper().startswith(tag)]

    def failing(self, tag: str, sw: int) -> None:
        """Answer a status word to the commands of a tag."""

        def instead(command: bytes) -> bytes | None:
            if command.hex().upper().startswith(tag):
                raise CardFailure(sw)
            return None

        self.instead = instead


class Bench(World):
    """A world in which the test speaks ESipa in the place of the eIM, where it wants to."""

    def __init__(self, version: str = "1.2", **how: Any) -> None:
        super().__init__(version, **how)
        self.binding = Asn1Binding(version)
        self.card = Watched(self.euicc)
        self.driver.slot = self.card

    def script(self, *answers: bytes | Response | None) -> None:
        """Give these answers, one after the other; None lets the eIM itself answer."""
        waiting: list[bytes | Response | None] = list(answers)

        def instead(request: Request) -> Response | None:
            if not waiting:
                return None
            answer = waiting.pop(0)
            return asn1(answer) if isinstance(answer, bytes) else answer

        self.link.instead = instead

    def offer(self, *packages: bytes, answer: bytes = EMPTY) -> None:
        """Offer packages; their results get an answer, other functions the eIM's."""
        waiting = list(packages)

        def instead(request: Request) -> Response | None:
            if request.body[:2] == b"\xbf\x4f":
                return asn1(tlv("BF4F", waiting.pop(0)) if waiting else NONE)
            return asn1(answer) if request.body[:2] == b"\xbf\x50" else None

        self.link.instead = instead

    def requests(self, kind: type | None = None) -> list[Any]:
        """Return the requests that came to the eIM."""
        read = [self.binding.read_request(one.path, one.body) for one in self.link.seen]
        return [one for one in read if kind is None or isinstance(one, kind)]

    def results(self) -> list[m.PackageResult]:
        """Return the results that came to the eIM."""
        return [one.result for one in self.requests(m.ProvideEimPackageResult)]

    def said(self, what: str) -> list[str]:
        return [text for name, text in self.ipa.journal if name == what]


def bits(*places: int) -> dict[str, Any]:
    value: dict[str, Any] = bit_string(places)
    return value


def tags(names: Iterable[str]) -> bytes:
    return b"".join(bytes.fromhex(one) for one in names)
