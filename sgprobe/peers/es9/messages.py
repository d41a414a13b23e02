"""The messages of ES9+, ES9+' and ES11: what each function carries, and its JSON members, once.

TLVs are kept as the exact octets that were received or made: they are signed, or will be.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, TypeAlias

from dissectors.spec.functions import ES9, ES11, FUNCTIONS, Function
from sgprobe.peers.es9.status import ACL, ACL_DS, CAN, GBP, HNT, IAU


class Form(Enum):
    """How a member stands in JSON: hex text, base64 of octets or of a TLV, text, or a flag."""

    HEX = "hex"
    OCTETS = "octets"
    TLV = "tlv"
    TEXT = "text"
    FLAG = "flag"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Member:
    """One JSON member: its name, its form, and where it is a TLV, the tag."""

    json: str
    form: Form
    tag: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class InitiateAuthentication:
    """LPA to server: begin a session. `euicc_info1` is BF20."""

    euicc_challenge: bytes
    euicc_info1: bytes
    address: str


@dataclass(frozen=True, slots=True)
class Initiated:
    """The server's side of the common mutual authentication."""

    transaction_id: bytes
    server_signed1: bytes
    server_signature1: bytes
    ci_key_id: bytes
    certificate: bytes


@dataclass(frozen=True, slots=True)
class AuthenticateClient:
    """LPA to server: the eUICC's AuthenticateServerResponse (BF38)."""

    transaction_id: bytes
    response: bytes
    use_matching_id_for_acr: bool = False


@dataclass(frozen=True, slots=True)
class Authenticated:
    """SM-DP+: the profile that waits, and what PrepareDownload needs."""

    transaction_id: bytes
    profile_metadata: bytes
    smdp_signed2: bytes
    smdp_signature2: bytes
    certificate: bytes


@dataclass(frozen=True, slots=True)
class AuthenticatedAcr:
    """SM-DP+: activation code retrieval, metadata alone (SGP.22 v2.6)."""

    transaction_id: bytes
    profile_metadata: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """One event record of an SM-DS: its id, and the server to ask."""

    event_id: str
    address: str


@dataclass(frozen=True, slots=True)
class AuthenticatedEvents:
    """SM-DS: the event records of the eUICC."""

    transaction_id: bytes
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class GetBoundProfilePackage:
    """LPA to SM-DP+: the eUICC's PrepareDownloadResponse (BF21)."""

    transaction_id: bytes
    response: bytes


@dataclass(frozen=True, slots=True)
class Bound:
    """SM-DP+: the bound profile package (BF36)."""

    transaction_id: bytes
    package: bytes


@dataclass(frozen=True, slots=True)
class HandleNotification:
    """LPA to SM-DP+: a ProfileInstallationResult (BF37) or an OtherSignedNotification (30)."""

    pending: bytes


@dataclass(frozen=True, slots=True)
class CancelSession:
    """LPA to server: the eUICC's CancelSessionResponse (BF41)."""

    transaction_id: bytes
    response: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """A function without output has been executed."""


Request: TypeAlias = (
    InitiateAuthentication | AuthenticateClient | GetBoundProfilePackage
    | HandleNotification | CancelSession
)  # fmt: skip
Answer: TypeAlias = (
    Initiated | Authenticated | AuthenticatedAcr | AuthenticatedEvents | Bound | Done
)

_TRANSACTION = Member("transactionId", Form.HEX)

# SGP.22 §6.5.2; the members in the order of the fields of the class
MEMBERS: dict[type[Any], tuple[Member, ...]] = {
    InitiateAuthentication: (
        Member("euiccChallenge", Form.OCTETS),
        Member("euiccInfo1", Form.TLV, "BF20"),
        Member("smdpAddress", Form.TEXT),
    ),
    Initiated: (
        _TRANSACTION,
        Member("serverSigned1", Form.TLV, "30"),
        Member("serverSignature1", Form.TLV, "5F37"),
        Member("euiccCiPKIdToBeUsed", Form.TLV, "04"),
        Member("serverCertificate", Form.TLV, "30"),
    ),
    AuthenticateClient: (
        _TRANSACTION,
        Member("authenticateServerResponse", Form.TLV, "BF38"),
        Member("useMatchingIdForAcr", Form.FLAG, optional=True),
    ),
    Authenticated: (
        _TRANSACTION,
        Member("profileMetadata", Form.TLV, "BF25"),
        Member("smdpSigned2", Form.TLV, "30"),
        Member("smdpSignature2", Form.TLV, "5F37"),
        Member("smdpCertificate", Form.TLV, "30"),
    ),
    AuthenticatedAcr: (_TRANSACTION, Member("profileMetadata", Form.TLV, "BF25")),
    AuthenticatedEvents: (_TRANSACTION, Member("eventEntries", Form.EVENTS)),
    GetBoundProfilePackage: (
        _TRANSACTION,
        Member("prepareDownloadResponse", Form.TLV, "BF21"),
    ),
    Bound: (_TRANSACTION, Member("boundProfilePackage", Form.TLV, "BF36")),
    # BF37 or 30: two kinds, so the tag is checked where it is read
    HandleNotification: (Member("pendingNotification", Form.TLV),),
    CancelSession: (_TRANSACTION, Member("cancelSessionResponse", Form.TLV, "BF41")),
    Done: (),
}

REQUESTS: dict[str, type[Any]] = {
    IAU: InitiateAuthentication,
    ACL: AuthenticateClient,
    GBP: GetBoundProfilePackage,
    HNT: HandleNotification,
    CAN: CancelSession,
}
# which answers a function may have; the first whose members are there is the one
ANSWERS: dict[str, tuple[type[Any], ...]] = {
    IAU: (Initiated,),
    ACL: (Authenticated, AuthenticatedEvents, AuthenticatedAcr),
    GBP: (Bound,),
    HNT: (Done,),
    CAN: (Done,),
}
NAMES: dict[type[Any], str] = {kind: name for name, kind in REQUESTS.items()}


_ATTRIBUTES = {
    kind: tuple(zip([field.name for field in fields(kind)], members, strict=True))
    for kind, members in MEMBERS.items()
}


def attributes(kind: type[Any]) -> tuple[tuple[str, Member], ...]:
    """Return the fields of a message class, each with its JSON member."""
    return _ATTRIBUTES[kind]


# ES11 has no JSON paths of its own that are known; servers are asked on those of ES9+
PATHS: dict[str, Function] = {
    function.path: function
    for function in FUNCTIONS
    if function.interface == ES9 and function.path is not None
}
BY_NAME: dict[str, Function] = {
    function.name: function for function in FUNCTIONS if function.interface == ES9
}
ES11_NAMES = frozenset(function.name for function in FUNCTIONS if function.interface == ES11)


def number_column(name: str, discovery: bool) -> str:
    """Return the column of the status table that a function's ASN.1 errors stand in."""
    return ACL_DS if discovery and name == ACL else name
