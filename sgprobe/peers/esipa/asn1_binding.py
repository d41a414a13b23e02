"""The ASN.1 binding of ESipa: one bare message in each direction. SGP.32 §6.3."""

from __future__ import annotations

from collections.abc import Callable

from dissectors.asn1 import codec
from dissectors.asn1.tlv import tlv
from dissectors.spec.functions import ASN1_MEDIA, ASN1_PATH
from sgprobe.peers.es9.asn1_binding import TOLERABLE, NotAsn1
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa import wire
from sgprobe.peers.esipa.results import read_result, write_result
from sgprobe.peers.esipa.wire import contents, elements, integer, number, optional, parts, retag

MEDIA = ASN1_MEDIA
FIRST = "1.0.1"

TAGS = {
    m.IAU: "BF39",
    m.GBP: "BF3A",
    m.ACL: "BF3B",
    m.HNT: "BF3D",
    m.CAN: "BF41",
    m.TEP: "BF4E",
    m.GEP: "BF4F",
    m.PER: "BF50",
}
_NAMES = {tag: name for name, tag in TAGS.items()}
_FROM_IPA, _FROM_EIM = "EsipaMessageFromIpaToEim", "EsipaMessageFromEimToIpa"
# the arm that holds a function's error, and its tag
_ERRORS = {m.IAU: "81", m.ACL: "82", m.GBP: "81", m.CAN: "81", m.GEP: "02", m.PER: "02"}
# SGP.32 §6.3.2.6 has error codes for an EID that is missing or no EID: these are for the eIM
_EID_FAULTS = frozenset({"asn1.missing", "asn1.size"})


def function_of(body: bytes) -> str:
    """Return the function that a message belongs to, "" where it is none."""
    return _NAMES.get(wire.tag_of(body), "")


class Asn1Binding:
    """Messages of one version of SGP.32 as octets."""

    media = MEDIA

    def __init__(self, version: str) -> None:
        self.version = version
        self.codec = codec.load(f"SGP.32@{version}")
        self._first = version == FIRST

    def path(self, name: str) -> str:
        """Return the path that a function is asked on."""
        return ASN1_PATH

    # --- from the IPA to the eIM ---

    def read_request(self, path: str, body: bytes) -> m.Request:
        """Return the request in a body that an IPA has sent."""
        name = function_of(body)
        if name == m.GEP:
            return self._read_get(body)
        value = wire.read(self.codec, _FROM_IPA, body)
        if name == m.PER:
            return self._read_provide(body)
        if name == m.IAU:
            found = parts(body)
            transaction = found.get("82")
            address = value["initiateAuthenticationRequestEsipa"].get("smdpAddress")
            return m.InitiateAuthentication(
                contents(found["81"]),
                address,
                found.get("BF20"),
                None if transaction is None else contents(transaction),
            )
        if name == m.HNT:
            return self._read_notification(body)
        if name in (m.ACL, m.GBP, m.CAN):
            transaction, response = elements(body)[:2]
            if name == m.CAN:
                # A1 replaces the BF41 of the card's answer
                return m.CancelSession(contents(transaction), retag(response, "BF41"))
            kind = m.AuthenticateClient if name == m.ACL else m.GetBoundProfilePackage
            return kind(contents(transaction), response)
        raise NotAsn1(f"{next(iter(value), 'nothing')} is no request of an IPA")

    def _read_get(self, body: bytes) -> m.GetEimPackage:
        decoded = self.codec.decode("GetEimPackageRequest", body)
        wrong = [one for one in decoded.findings if one.code not in TOLERABLE]
        if any(one.code not in _EID_FAULTS or "rPLMN" in one.path for one in wrong):
            raise NotAsn1(f"GetEimPackageRequest: {wrong[0].path}: {wrong[0].text}"[:300])
        found = parts(body)
        cause, rplmn = found.get("81"), found.get("82")
        if self._first:
            cause, rplmn = None, cause
        return m.GetEimPackage(
            contents(found["5A"]).hex() if "5A" in found else "",
            "80" in found,
            None if cause is None else number(cause),
            None if rplmn is None else contents(rplmn),
        )

    def _read_provide(self, body: bytes) -> m.ProvideEimPackageResult:
        inside = elements(body)
        eid = None
        if wire.tag_of(inside[0]) == "5A":
            eid = contents(inside.pop(0)).hex()
        return m.ProvideEimPackageResult(eid, read_result(inside[0], self._first))

    def _read_notification(self, body: bytes) -> m.HandleNotification:
        (inside,) = elements(body)[:1]
        if wire.tag_of(inside) == "A0":
            return m.HandleNotification(pending=elements(inside)[0])
        # v1.0.1 has A1 in place of BF50
        return m.HandleNotification(result=self._read_provide(inside))

    def write_request(self, request: m.Request) -> bytes:
        """Return a request as a body."""
        name = m.NAMES[type(request)]
        return tlv(TAGS[name], *_WRITERS[type(request)](self, request))

    def write_get(self, request: m.GetEimPackage) -> list[bytes]:
        """Return the elements of GetEimPackage."""
        found = [tlv("5A", bytes.fromhex(request.eid))]
        if request.state_change:
            found.append(tlv("80"))
        if request.cause is not None and not self._first:
            found.append(integer("81", request.cause))
        if request.rplmn is not None:
            found.append(tlv("81" if self._first else "82", request.rplmn))
        return found

    def write_provide(self, request: m.ProvideEimPackageResult) -> list[bytes]:
        """Return the elements of ProvideEimPackageResult."""
        eid = None if request.eid is None or self._first else bytes.fromhex(request.eid)
        return [optional("5A", eid), write_result(request.result, self._first)]

    def write_notification(self, request: m.HandleNotification) -> list[bytes]:
        """Return the element of HandleNotification."""
        if request.pending is not None:
            return [tlv("A0", request.pending)]
        assert request.result is not None
        return [tlv("A1" if self._first else "BF50", *self.write_provide(request.result))]

    def write_initiate(self, request: m.InitiateAuthentication) -> list[bytes]:
        """Return the elements of InitiateAuthentication."""
        address = None if request.address is None else request.address.encode()
        transaction = None if self._first else request.eim_transaction_id
        # SGP.32 §6.3.2.1: the transaction stands at the end, whatever its tag
        return [
            tlv("81", request.challenge),
            optional("83", address),
            request.info1 or b"",
            optional("82", transaction),
        ]

    # --- from the eIM to the IPA ---

    def write_answer(self, name: str, answer: m.Answer) -> bytes:
        """Return the answer to a function as a body."""
        if isinstance(answer, m.Failed):
            if name == m.PER and self._first:
                # SGP.32 v1.0.1 has no way to say it
                return tlv(TAGS[name])
            return tlv(TAGS[name], integer(_ERRORS[name], answer.code))
        if isinstance(answer, m.EimPackage):
            return tlv(TAGS[name], answer.package)
        if isinstance(answer, m.Acknowledged):
            if answer.numbers:
                return tlv(TAGS[name], acknowledgements(answer.numbers))
            return tlv(TAGS[name]) if self._first else tlv(TAGS[name], tlv("30"))
        if isinstance(answer, m.Done):
            return tlv(TAGS[name], tlv("A0"))
        if isinstance(answer, m.AuthenticatedEvent):
            inside = [tlv("80", answer.transaction_id), answer.trigger or b""]
            return tlv(TAGS[name], tlv("A1", *inside))
        return tlv(TAGS[name], tlv("A0", *_answer_parts(answer)))

    def read_answer(self, name: str, body: bytes) -> m.Answer:
        """Return the eIM's answer to a function."""
        if function_of(body) != name:
            raise NotAsn1(f"{wire.tag_of(body)} is no answer to {name}")
        if name == m.GEP:
            return self._read_package(body)
        value = next(iter(wire.read(self.codec, _FROM_EIM, body).values()))
        inside = elements(body)
        if name == m.PER and not inside:
            return m.Acknowledged()
        first = inside[0]
        tag = wire.tag_of(first)
        if tag == _ERRORS.get(name):
            return m.Failed(number(first))
        if name == m.PER:
            return m.Acknowledged(tuple(number(one) for one in elements(first)))
        if name == m.CAN:
            return m.Done()
        return self._read_ok(name, tag, first, next(iter(value.values())))

    def _read_package(self, body: bytes) -> m.Answer:
        """Return the package, even one that is broken: the IPA has to say so to the eIM."""
        inside = elements(body)
        if len(inside) != 1:
            raise NotAsn1("an answer holds one package")
        if wire.tag_of(inside[0]) == _ERRORS[m.GEP]:
            return m.Failed(number(inside[0]))
        return m.EimPackage(inside[0])

    def _read_ok(self, name: str, tag: str, data: bytes, value: dict[str, str]) -> m.Answer:
        found = parts(data)
        transaction = found.get("80")
        transaction_id = None if transaction is None else contents(transaction)
        if name == m.GBP:
            return m.Bound(found["BF36"], transaction_id)
        if name == m.ACL and tag == "A1":
            return m.AuthenticatedEvent(transaction_id or b"", found.get("BF54"))
        # two elements have the tag 30: what is signed, and the certificate
        signed, *_, certificate = (one for one in elements(data) if wire.tag_of(one) == "30")
        octets = contents(found["04"]) if "04" in found else None
        if name == m.ACL:
            return m.Authenticated(
                signed, found["5F37"], certificate, transaction_id, found.get("BF25"), octets
            )
        context = found.get("A2")
        return m.Initiated(
            signed,
            found["5F37"],
            octets or b"",
            certificate,
            transaction_id,
            value.get("matchingId"),
            None if context is None else elements(context)[0],
        )

    # --- injection ---

    def read_transfer(self, path: str, body: bytes) -> m.TransferEimPackage:
        """Return the package that an eIM injects."""
        if function_of(body) != m.TEP:
            raise NotAsn1(f"{wire.tag_of(body)} is no {m.TEP}")
        inside = elements(body)
        if len(inside) != 1:
            raise NotAsn1("one package is transferred at a time")
        return m.TransferEimPackage(inside[0])

    def write_transferred(self, answer: m.Answer) -> bytes:
        """Return the IPA's answer to an injected package."""
        if isinstance(answer, m.Received):
            return tlv(TAGS[m.TEP], tlv("05"))
        if isinstance(answer, m.Failed):
            return tlv(TAGS[m.TEP], integer("02", answer.code))
        assert isinstance(answer, m.EuiccResult | m.DataResult | m.TriggerResult | m.PackageError)
        return tlv(TAGS[m.TEP], write_result(answer, self._first))

    def read_transferred(self, body: bytes) -> m.Answer:
        """Return what the IPA answers to an injected package."""
        wire.read(self.codec, "TransferEimPackageResponse", body)
        first = elements(body)[0]
        tag = wire.tag_of(first)
        # SGP.32 v1.3 adds forms that carry a correlation identifier
        if tag in ("05", "BF60"):
            return m.Received()
        if tag == "02":
            return m.Failed(number(first))
        if tag == "BF61":
            return m.Failed(number(parts(first)["81"]))
        return read_result(first, self._first)


def acknowledgements(numbers: tuple[int, ...]) -> bytes:
    """Return EimAcknowledgements (BF53)."""
    return tlv(m.ACKNOWLEDGEMENTS, *(integer("80", one) for one in numbers))


def _answer_parts(answer: m.Answer) -> list[bytes]:
    if isinstance(answer, m.Initiated):
        matching = None if answer.matching_id is None else answer.matching_id.encode()
        return [
            optional("80", answer.transaction_id),
            answer.signed1,
            answer.signature1,
            tlv("04", answer.ci_key_id),
            answer.certificate,
            optional("0C", matching),
            optional("A2", answer.context),
        ]
    if isinstance(answer, m.Authenticated):
        return [
            optional("80", answer.transaction_id),
            answer.metadata or b"",
            answer.signed2,
            answer.signature2,
            answer.certificate,
            optional("04", answer.hash_cc),
        ]
    assert isinstance(answer, m.Bound)
    return [optional("80", answer.transaction_id), answer.package]


def _write_cancel(binding: Asn1Binding, request: m.CancelSession) -> list[bytes]:
    return [tlv("80", request.transaction_id), retag(request.response, "A1")]


def _write_session(
    binding: Asn1Binding, request: m.AuthenticateClient | m.GetBoundProfilePackage
) -> list[bytes]:
    return [tlv("80", request.transaction_id), request.response]


def _write_transfer(binding: Asn1Binding, request: m.TransferEimPackage) -> list[bytes]:
    return [request.package]


# each takes the requests of its own kind only
_WRITERS: dict[type[m.Request], Callable[..., list[bytes]]] = {
    m.GetEimPackage: Asn1Binding.write_get,
    m.ProvideEimPackageResult: Asn1Binding.write_provide,
    m.HandleNotification: Asn1Binding.write_notification,
    m.InitiateAuthentication: Asn1Binding.write_initiate,
    m.AuthenticateClient: _write_session,
    m.GetBoundProfilePackage: _write_session,
    m.CancelSession: _write_cancel,
    m.TransferEimPackage: _write_transfer,
}
