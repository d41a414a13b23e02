"""What cases about in-factory provisioning speak; adapters translate it. IFPP §2.

No field is one of the wire: a binding that nobody has seen yet must fit, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ErrorClass(StrEnum):
    """What kind of refusal it is; only these may support a statement about SGP.41. RB-62."""

    CERTIFICATE = "certificate"
    SIGNATURE = "signature"
    BINDING = "binding"
    KEY_USED = "key-used"
    PHASE = "phase"
    MEMORY = "memory"
    FORMAT = "format"
    ELIGIBILITY = "eligibility"
    AUTHORISATION = "authorisation"
    EXHAUSTED = "exhausted"
    UNKNOWN_NAME = "unknown-name"
    SUITE = "suite"
    OTHER = "other"


class AdapterError(Exception):
    """The other side refuses: the class of its error, and its own code."""

    def __init__(self, kind: ErrorClass, code: str, text: str = "") -> None:
        super().__init__(f"{kind} ({code}) {text}".rstrip())
        self.kind = kind
        self.code = code


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an implementation can do; a case that needs more is NOT_APPLICABLE. RB-60."""

    binding: str
    roles: frozenset[str]
    suites: frozenset[int] = frozenset({1})
    features: frozenset[str] = frozenset()
    tag_base: int = 64


@dataclass(frozen=True, slots=True)
class Raw:
    """Octets as they were sent or received, for those who believe nothing else. RB-63."""

    sent: bool
    interface: str
    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProfileOrder:
    """Profiles that an MSP orders."""

    profile_type: str
    count: int
    msp_id: str = "msp.example"
    dm_id: str = ""
    mcc_mnc: str = ""
    profile_class: str = "operational"
    eligibility: dict[str, Any] = field(default_factory=dict)
    policy_rules: tuple[str, ...] = ()
    notify_address: str = ""


@dataclass(frozen=True, slots=True)
class OneTimeKeyData:
    """The public half of one one-time key, with its proof."""

    key_ref: bytes
    suite: int
    ec_pk: bytes
    proof: bytes
    kem_pk: bytes = b""


@dataclass(frozen=True, slots=True)
class EuiccDataSet:
    """What an EUM gives away of one eUICC; `info` is the place of its EUICCInfo2 in the batch."""

    eid: bytes
    certificate: bytes
    one_time_keys: tuple[OneTimeKeyData, ...]
    info: int = 0


@dataclass(frozen=True, slots=True)
class EuiccBatch:
    """Data of eUICCs that share an EUM."""

    batch_id: str
    eum_chain: tuple[bytes, ...]
    infos: tuple[bytes, ...]
    sets: tuple[EuiccDataSet, ...]


@dataclass(frozen=True, slots=True)
class EntryVerdict:
    """What became of one entry of a batch, a request or a withdrawal."""

    name: str
    accepted: bool
    kind: ErrorClass | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class BindingEntry:
    """For whom one package is asked."""

    eid: str
    key_ref: bytes


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """Packages that a device maker asks for."""

    order_id: str
    entries: tuple[BindingEntry, ...]
    suite: int = 1
    dm_id: str = "dm.example"


@dataclass(frozen=True, slots=True)
class DeliveryHandle:
    """A delivery that can be fetched, and the entries that are not in it."""

    delivery_id: str
    refused: tuple[EntryVerdict, ...] = ()


@dataclass(frozen=True, slots=True)
class PreboundPackage:
    """One package: for which eUICC and key, and the octets that a line pushes."""

    package_id: bytes
    eid: str
    key_ref: bytes
    iccid: str
    transaction_id: bytes
    suite: int
    context: bytes = field(repr=False)
    bound: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """One attempt of a line: a signed result, or the line's own error."""

    package_id: bytes
    eid: str
    attempt: int
    segments: int
    result: bytes = b""
    error: str = ""
    status_word: int | None = None
    milliseconds: int = 0


@dataclass(frozen=True, slots=True)
class LoadingReport:
    """A loading report as it is sent, and what it covers."""

    delivery_id: str
    station: str
    first: int
    last: int
    final: bool
    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReportVerdict:
    """What an SM-DPf says to a report: of each item, and which numbers are missing."""

    items: tuple[str, ...]
    missing: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ImportVerdict:
    """What a line makes of a delivery."""

    accepted: bool
    entries: int = 0
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileState:
    """A profile as an eUICC tells of it."""

    iccid: str
    profile_class: str
    enabled: bool
    loaded_by: str


@dataclass(frozen=True, slots=True)
class EuiccState:
    """What an eUICC tells of its factory phase; signed where `signature` is there."""

    eid: str
    phase: str
    keys: dict[str, str] = field(default_factory=dict)
    profiles: tuple[ProfileState, ...] = ()
    unused: int | None = None
    counter: int | None = None
    challenge: bytes = b""
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class ContextVerdict:
    """What an eUICC says to a load context."""

    accepted: bool
    resumed: bool = False
    kind: ErrorClass | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class SegmentVerdict:
    """What an eUICC says to a segment: go on, here is the result, or a status word."""

    accepted: bool
    result: bytes = b""
    status_word: int = 0x9000
