"""The ASN.1 binding of the RSP servers: A2 around one function's message. SGP.22 §6.6."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.asn1.codec import Codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import TlvError, read_tlv, tlv
from sgprobe.peers.es9 import messages as m
from sgprobe.peers.es9.messages import number_column
from sgprobe.peers.es9.status import ACL, CAN, GBP, HNT, IAU, Status, number_of

REQUEST_TYPE = "RemoteProfileProvisioningRequest"
RESPONSE_TYPE = "RemoteProfileProvisioningResponse"
WRAPPER = "A2"

_TAGS = {IAU: "BF39", ACL: "BF3B", GBP: "BF3A", CAN: "BF41", HNT: "BF3D"}
_DISCOVERY_TAG = "BF40"
_REQUEST_ARMS = {
    IAU: "initiateAuthenticationRequest",
    ACL: "authenticateClientRequest",
    GBP: "getBoundProfilePackageRequest",
    CAN: "cancelSessionRequestEs9",
    HNT: "handleNotification",
}
_FUNCTION_OF = {arm: name for name, arm in _REQUEST_ARMS.items()}
_ERROR_ARMS = {
    "initiateAuthenticationResponse": (IAU, "initiateAuthenticationError"),
    "authenticateClientResponseEs9": (ACL, "authenticateClientError"),
    "authenticateClientResponseEs11": (ACL, "authenticateClientError"),
    "getBoundProfilePackageResponse": (GBP, "getBoundProfilePackageError"),
    "cancelSessionResponseEs9": (CAN, "cancelSessionError"),
}
# findings that leave the meaning whole; everything else makes a message unreadable
TOLERABLE = frozenset(
    {
        "der.length-not-minimal",
        "der.integer-not-minimal",
        "der.boolean-not-ff",
        "der.bits-trailing-zero",
        "der.default-encoded",
        "asn1.unknown-extension",
        "asn1.certificate-nested",
    }
)


class NotAsn1(ValueError):
    """The body is no message of the ASN.1 binding."""


@dataclass(frozen=True, slots=True)
class Number:
    """An error INTEGER, and the column of the status table that it belongs to."""

    value: int
    column: str


class Octets:
    """A message as a tree, from which values and exact octets are taken."""

    def __init__(self, codec: Codec, type_name: str, data: bytes) -> None:
        self._tree = codec.tree(type_name, data)
        root = self._tree.root
        wrong = [one for one in self._tree.findings if one.code not in TOLERABLE]
        if root is None or wrong:
            first = wrong[0] if wrong else None
            where = f"{first.path or type_name}: {first.text}" if first else "nothing to read"
            raise NotAsn1(f"{type_name}: {where}"[:300])
        self.value: Value = root.to_value()

    def raw(self, path: str) -> bytes:
        """Return the exact octets of the element at `path`."""
        return self._tree.octets(path)


def read_request(codec: Codec, body: bytes) -> m.Request:
    """Return the request in a body of the ASN.1 binding."""
    octets = Octets(codec, REQUEST_TYPE, body)
    arm, value = next(iter(octets.value.items()))
    name = _FUNCTION_OF.get(arm)

    def raw(member: str) -> bytes:
        return octets.raw(f"{arm}.{member}")

    if name == IAU:
        challenge = bytes.fromhex(value["euiccChallenge"])
        return m.InitiateAuthentication(challenge, raw("euiccInfo1"), value["smdpAddress"])
    if name == HNT:
        kind = next(iter(value["pendingNotification"]))
        return m.HandleNotification(raw(f"pendingNotification.{kind}"))
    if name is None:
        raise NotAsn1(f"no function has the message {arm}")
    transaction_id = bytes.fromhex(value["transactionId"])
    if name == ACL:
        acr = "useMatchingIdForAcr" in value
        return m.AuthenticateClient(transaction_id, raw("authenticateServerResponse"), acr)
    if name == GBP:
        return m.GetBoundProfilePackage(transaction_id, raw("prepareDownloadResponse"))
    # A1 replaces the BF41 of the card's answer
    return m.CancelSession(transaction_id, retag(raw("cancelSessionResponse"), _TAGS[CAN]))


def write_request(request: m.Request) -> bytes:
    """Return a request as the body of the ASN.1 binding."""
    tag = _TAGS[m.NAMES[type(request)]]
    if isinstance(request, m.InitiateAuthentication):
        address = tlv("83", request.address.encode())
        parts = [tlv("81", request.euicc_challenge), address, request.euicc_info1]
    elif isinstance(request, m.HandleNotification):
        parts = [tlv("A0", request.pending)]
    elif isinstance(request, m.AuthenticateClient):
        parts = [tlv("80", request.transaction_id), request.response]
        if request.use_matching_id_for_acr:
            parts.append(tlv("05"))
    elif isinstance(request, m.GetBoundProfilePackage):
        parts = [tlv("80", request.transaction_id), request.response]
    else:
        parts = [tlv("80", request.transaction_id), retag(request.response, "A1")]
    return tlv(WRAPPER, tlv(tag, *parts))


def write_answer(name: str, answer: m.Answer) -> bytes:
    """Return a function's answer as the body of the ASN.1 binding."""
    tag, arm = _TAGS[name], "A0"
    if isinstance(answer, m.AuthenticatedEvents):
        tag = _DISCOVERY_TAG
        entries = (
            tlv("30", tlv("80", one.event_id.encode()), tlv("81", one.address.encode()))
            for one in answer.events
        )
        parts = [tlv("80", answer.transaction_id), tlv("A1", *entries)]
    elif isinstance(answer, m.Done):
        parts = []
    else:
        if isinstance(answer, m.AuthenticatedAcr):
            arm = "A5"
        first, *others = (getattr(answer, name) for name, _ in m.attributes(type(answer)))
        parts = [tlv("80", first), *others]
    return tlv(WRAPPER, tlv(tag, tlv(arm, *parts)))


def write_refusal(name: str, status: Status, version: str, discovery: bool) -> bytes | None:
    """Return a function's error; None where the type has no number that would say it."""
    number = number_of(status, number_column(name, discovery), version)
    if name == HNT or (name == IAU and number > 3):
        return None
    tag = _DISCOVERY_TAG if discovery and name == ACL else _TAGS[name]
    return tlv(WRAPPER, tlv(tag, tlv("81", bytes([number]))))


def read_answer(codec: Codec, name: str, body: bytes) -> m.Answer | Number:
    """Return a function's answer, or its error INTEGER."""
    octets = Octets(codec, RESPONSE_TYPE, body)
    arm, value = next(iter(octets.value.items()))
    function, error = _ERROR_ARMS.get(arm, ("", ""))
    if function != name:
        raise NotAsn1(f"{arm} is no answer to {name}")
    ok, inner = next(iter(value.items()))
    if ok == error:
        column = number_column(name, arm.endswith("Es11"))
        return Number(_number(octets.raw(f"{arm}.{error}")), column)

    def raw(member: str) -> bytes:
        return octets.raw(f"{arm}.{ok}.{member}")

    if name == CAN:
        return m.Done()
    transaction_id = bytes.fromhex(inner["transactionId"])
    if name == IAU:
        return m.Initiated(
            transaction_id,
            raw("serverSigned1"),
            raw("serverSignature1"),
            raw("euiccCiPKIdToBeUsed"),
            raw("serverCertificate"),
        )
    if name == GBP:
        return m.Bound(transaction_id, raw("boundProfilePackage"))
    if arm.endswith("Es11"):
        entries = inner["eventEntries"]
        events = tuple(m.Event(one["eventId"], one["rspServerAddress"]) for one in entries)
        return m.AuthenticatedEvents(transaction_id, events)
    if "smdpSigned2" not in inner:
        return m.AuthenticatedAcr(transaction_id, raw("profileMetaData"))
    return m.Authenticated(
        transaction_id,
        raw("profileMetaData"),
        raw("smdpSigned2"),
        raw("smdpSignature2"),
        raw("smdpCertificate"),
    )


def retag(data: bytes, tag: str) -> bytes:
    """Return an element under another tag, its contents untouched."""
    try:
        element = read_tlv(data)
    except TlvError as error:
        raise NotAsn1(f"no TLV: {error}") from None
    return tlv(tag, data[element.body : element.end])


def _number(data: bytes) -> int:
    element = read_tlv(data)
    return int.from_bytes(data[element.body : element.end], "big", signed=True)
