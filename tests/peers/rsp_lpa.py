"""A plain LPA between the eUICC role and servers: what an IPA does in a direct download."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dissectors.asn1 import codec
from dissectors.asn1.tlv import read_tlv, split, tlv
from sgprobe.crypto import confirmation
from sgprobe.peers.es9client import Es9Client
from tests.peers.rsp_drive import NOW, run

SGP22 = codec.load("SGP.22@2.5")


def pieces(package: bytes) -> Iterator[bytes]:
    """Cut a bound package as ES10b.LoadBoundProfilePackage takes it. SGP.22 §2.5.5."""
    outer = read_tlv(package)
    first, *others = split(package, outer.body, outer.end)
    yield package[: first.end]
    for part in others:
        if part.tag in (b"\xa0", b"\xa2"):
            yield package[part.start : part.end]
            continue
        yield package[part.start : part.body]
        for segment in split(package, part.body, part.end):
            yield package[segment.start : segment.end]


@dataclass
class Lpa:
    """One device: a card, and a client of one server."""

    euicc: object
    server: object
    client: Es9Client
    now: float = NOW

    def card(self, hexadecimal: str) -> bytes:
        return self.euicc.command(bytes.fromhex(hexadecimal), self.now)

    def run(self, procedure):
        return run(procedure, self.server, self.now)

    def authenticate(self, matching_id: str = ""):
        challenge = self.card("BF2E00")
        self.initiated = self.run(
            self.client.initiate_authentication(challenge[-16:], self.card("BF2000"))
        )
        context = SGP22.encode(
            "CtxParams1",
            {
                "ctxParamsForCommonAuthentication": {
                    "matchingId": matching_id,
                    "deviceInfo": {"tac": "35290611", "deviceCapabilities": {}},
                }
            },
        )
        begun = self.initiated
        request = tlv(
            "BF38",
            begun.server_signed1,
            begun.server_signature1,
            begun.ci_key_id,
            begun.certificate,
            context,
        )
        response = self.euicc.command(request, self.now)
        return self.run(self.client.authenticate_client(begun, response))

    def fetch(self, authenticated, code: str | None = None) -> bytes:
        parts = [authenticated.smdp_signed2, authenticated.smdp_signature2]
        if code is not None:
            stored = confirmation.code_hash(code)
            parts.append(tlv("04", confirmation.hash_cc(stored, authenticated.transaction_id)))
        request = tlv("BF21", *parts, authenticated.certificate)
        response = self.euicc.command(request, self.now)
        call = self.client.get_bound_profile_package(authenticated.transaction_id, response)
        return self.run(call).package

    def load(self, package: bytes) -> bytes:
        for piece in pieces(package):
            answer = self.euicc.command(piece, self.now)
            if answer:
                return answer
        raise AssertionError("no result")

    def download(self, matching_id: str = "", code: str | None = None) -> bytes:
        return self.load(self.fetch(self.authenticate(matching_id), code))

    def cancel(self, reason: int) -> None:
        identity = tlv("80", self.initiated.transaction_id)
        request = tlv("BF41", identity, tlv("81", bytes([reason])))
        response = self.euicc.command(request, self.now)
        self.run(self.client.cancel_session(self.initiated.transaction_id, response))

    def deliver(self) -> int:
        """Deliver and remove every pending notification; return how many there were."""
        listed = self.card("BF2B00")
        outer = read_tlv(listed)
        inner = next(split(listed, outer.body, outer.end))
        count = 0
        for one in split(listed, inner.body, inner.end):
            pending = listed[one.start : one.end]
            self.run(self.client.handle_notification(pending))
            number = pending[pending.index(b"\xbf\x2f") + 3 :]
            element = read_tlv(number, 0, None)
            self.card("BF30" + tlv("00", number[: element.end]).hex()[2:])
            count += 1
        return count
