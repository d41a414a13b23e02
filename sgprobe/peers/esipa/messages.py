"""The messages of ESipa: what each function carries, whatever binding and version carry it.

TLVs are kept as the exact octets that were received or made: they are signed, or will be. Names of
members are those of SGP.32 v1.3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from dissectors.spec.functions import ESIPA, FUNCTIONS, Function

IAU, ACL, GBP, HNT, CAN = (
    "InitiateAuthentication",
    "AuthenticateClient",
    "GetBoundProfilePackage",
    "HandleNotification",
    "CancelSession",
)
GEP, PER, TEP = "GetEimPackage", "ProvideEimPackageResult", "TransferEimPackage"

# kinds of packages by their tag
EUICC_PACKAGE, DATA_REQUEST, ACKNOWLEDGEMENTS, TRIGGER = "BF51", "BF52", "BF53", "BF54"


@dataclass(frozen=True, slots=True)
class GetEimPackage:
    """IPA to eIM: is there anything for this eUICC? `eid` is hex as it came, "" when it did not."""

    eid: str
    state_change: bool = False
    cause: int | None = None
    rplmn: bytes | None = None


@dataclass(frozen=True, slots=True)
class EimPackage:
    """eIM to IPA: one package, BF51, BF52 or BF54 (BF53 too when it is injected)."""

    package: bytes


@dataclass(frozen=True, slots=True)
class EuiccResult:
    """The answer to an eUICC package (BF51), with notifications that it has led to."""

    result: bytes
    notifications: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class DataResult:
    """The answer to an IPA eUICC data request (BF52)."""

    result: bytes


@dataclass(frozen=True, slots=True)
class TriggerResult:
    """What became of a profile download trigger (BF54)."""

    result: bytes


@dataclass(frozen=True, slots=True)
class PackageError:
    """The IPA could not handle the package."""

    code: int
    transaction_id: bytes | None = None


PackageResult: TypeAlias = EuiccResult | DataResult | TriggerResult | PackageError


@dataclass(frozen=True, slots=True)
class ProvideEimPackageResult:
    """IPA to eIM: the result of a package; `eid` is hex, None when it did not come."""

    eid: str | None
    result: PackageResult


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """eIM to IPA: these sequence numbers were taken; none is the empty response."""

    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class InitiateAuthentication:
    """IPA to eIM: begin a download through the eIM. `info1` is BF20."""

    challenge: bytes
    address: str | None = None
    info1: bytes | None = None
    eim_transaction_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class Initiated:
    """eIM to IPA: the server's side of the mutual authentication, and what the eIM adds.

    `ci_key_id` is the identifier itself, whole or the beginning of it; `context` is CtxParams1.
    """

    signed1: bytes
    signature1: bytes
    ci_key_id: bytes
    certificate: bytes
    transaction_id: bytes | None = None
    matching_id: str | None = None
    context: bytes | None = None


@dataclass(frozen=True, slots=True)
class AuthenticateClient:
    """IPA to eIM: the eUICC's AuthenticateServerResponse (BF38), whole or compact."""

    transaction_id: bytes
    response: bytes


@dataclass(frozen=True, slots=True)
class Authenticated:
    """eIM to IPA: the profile that waits at an SM-DP+."""

    signed2: bytes
    signature2: bytes
    certificate: bytes
    transaction_id: bytes | None = None
    metadata: bytes | None = None
    hash_cc: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AuthenticatedEvent:
    """eIM to IPA: the SM-DS has an event, told as a trigger (BF54), or none."""

    transaction_id: bytes
    trigger: bytes | None = None


@dataclass(frozen=True, slots=True)
class GetBoundProfilePackage:
    """IPA to eIM: the eUICC's PrepareDownloadResponse (BF21), whole or compact."""

    transaction_id: bytes
    response: bytes


@dataclass(frozen=True, slots=True)
class Bound:
    """eIM to IPA: the bound profile package (BF36)."""

    package: bytes
    transaction_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class CancelSession:
    """IPA to eIM: the eUICC's CancelSessionResponse (BF41), whole or compact."""

    transaction_id: bytes
    response: bytes


@dataclass(frozen=True, slots=True)
class HandleNotification:
    """IPA to eIM: a PendingNotification, or a result for which no answer is expected."""

    pending: bytes | None = None
    result: ProvideEimPackageResult | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A function without output has been executed."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A function ends with this error INTEGER."""

    code: int


@dataclass(frozen=True, slots=True)
class TransferEimPackage:
    """eIM to IPA: one package, or acknowledgements, without having been asked (injection)."""

    package: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """IPA to eIM: the injected package is there, its result comes later."""


Request: TypeAlias = (
    GetEimPackage | ProvideEimPackageResult | InitiateAuthentication | AuthenticateClient
    | GetBoundProfilePackage | CancelSession | HandleNotification | TransferEimPackage
)  # fmt: skip
Answer: TypeAlias = (
    EimPackage | Acknowledged | Initiated | Authenticated | AuthenticatedEvent | Bound | Done
    | Failed | PackageResult | Received
)  # fmt: skip

NAMES: dict[type[Request], str] = {
    GetEimPackage: GEP,
    ProvideEimPackageResult: PER,
    InitiateAuthentication: IAU,
    AuthenticateClient: ACL,
    GetBoundProfilePackage: GBP,
    CancelSession: CAN,
    HandleNotification: HNT,
    TransferEimPackage: TEP,
}

BY_NAME: dict[str, Function] = {one.name: one for one in FUNCTIONS if one.interface == ESIPA}
PATHS: dict[str, str] = {one.path: one.name for one in BY_NAME.values() if one.path is not None}
