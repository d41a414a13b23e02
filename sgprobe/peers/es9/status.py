"""Status codes of the RSP servers: subject and reason of JSON, numbers of the ASN.1 binding.

One table. A code whose meaning the facts do not give for certain says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

IAU, ACL, GBP, HNT, CAN = (
    "InitiateAuthentication",
    "AuthenticateClient",
    "GetBoundProfilePackage",
    "HandleNotification",
    "CancelSession",
)
# AuthenticateClient of ES11 numbers its errors differently from 6 on
ACL_DS = "AuthenticateClientEs11"

# every error INTEGER has it, but that of InitiateAuthentication
UNDEFINED = 127


@dataclass(frozen=True, slots=True)
class Status:
    """One way a function fails: its code in JSON, its number by function in ASN.1."""

    name: str
    subject: str
    reason: str
    text: str
    numbers: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    certain: bool = True

    @property
    def code(self) -> str:
        """Return subject and reason as one writes them."""
        return f"{self.subject}/{self.reason}"


class Refusal(Exception):
    """A function ends with this status."""

    def __init__(self, status: Status, detail: str = "") -> None:
        super().__init__(f"{status.name} ({status.code}): {detail or status.text}")
        self.status = status
        self.detail = detail


# name, subject, reason, text, numbers; SGP.22 §5.6, §5.8, §5.9, §5.3
_ROWS: tuple[tuple[str, str, str, str, dict[str, int]], ...] = (
    ("insufficient-memory", "8.1", "4.8", "the eUICC has not enough memory", {ACL: 11}),
    ("euicc-signature", "8.1", "6.1", "the eUICC's signature or the server challenge is wrong",
     {ACL: 5, ACL_DS: 5, GBP: 1, CAN: 2}),
    ("eid-missing", "8.1.1", "2.2", "the order needs an EID", {}),
    ("eid-other", "8.1.1", "3.1", "another EID is tied to this ICCID", {}),
    ("eid-refused", "8.1.1", "3.8", "the EID is not the one expected", {ACL: 7}),
    ("verification-failed", "8.1.4", "6.1", "what the eUICC presented does not verify", {}),
    ("eum-invalid", "8.1.2", "6.1", "the EUM certificate is invalid", {ACL: 1, ACL_DS: 1}),
    ("eum-expired", "8.1.2", "6.3", "the EUM certificate has expired", {ACL: 2, ACL_DS: 2}),
    ("euicc-invalid", "8.1.3", "6.1", "the eUICC certificate is invalid", {ACL: 3, ACL_DS: 3}),
    ("euicc-expired", "8.1.3", "6.3", "the eUICC certificate has expired", {ACL: 4, ACL_DS: 4}),
    ("not-released", "8.2", "1.2", "the profile is not released yet", {}),
    ("no-rebinding", "8.2", "3.7", "the profile cannot be bound again", {GBP: 5}),
    ("iccid-not-allowed", "8.2.1", "1.2", "not allowed on this profile", {}),
    ("iccid-other-eid", "8.2.1", "3.1", "another EID is tied to this ICCID", {}),
    ("iccid-unavailable", "8.2.1", "3.3", "the profile is not available", {}),
    ("iccid-not-releasable", "8.2.1", "3.5", "the profile cannot be released", {}),
    ("iccid-unknown", "8.2.1", "3.9", "no profile has this ICCID", {}),
    ("type-not-allowed", "8.2.5", "1.2", "not allowed on this profile type", {}),
    ("type-exhausted", "8.2.5", "3.7", "no profile of this type is left", {}),
    ("type-mismatch", "8.2.5", "3.8", "the profile of this ICCID is of another type", {}),
    ("type-unknown", "8.2.5", "3.9", "no such profile type", {}),
    ("not-eligible", "8.2.5", "4.3", "no profile suits this eUICC and device", {ACL: 8}),
    ("matching-id-other", "8.2.6", "3.1", "another matching id is tied to this ICCID", {}),
    ("matching-id-conflict", "8.2.6", "3.3", "the matching id is taken", {}),
    ("matching-id-refused", "8.2.6", "3.8", "the matching id is refused", {ACL: 6}),
    ("code-missing", "8.2.7", "2.2", "the confirmation code is missing", {GBP: 2}),
    ("code-refused", "8.2.7", "3.8", "the confirmation code is refused", {GBP: 3}),
    ("code-retries", "8.2.7", "6.4", "too many wrong confirmation codes", {GBP: 4}),
    ("smdp-oid", "8.8", "3.10", "the SM-DP+ OID is not this server's", {}),
    ("smdp-oid-invalid", "8.8", "3.1", "the SM-DP+ OID is invalid", {}),
    ("smdp-address", "8.8.1", "3.8", "the SM-DP+ address is not this server's", {IAU: 1}),
    ("smdp-security", "8.8.2", "3.1", "no proposed CI key is supported by the SM-DP+", {IAU: 3}),
    ("smdp-version", "8.8.3", "3.1", "the version of the eUICC is not supported", {IAU: 2}),
    ("smdp-certificate", "8.8.4", "3.7", "no DPauth certificate under a CI of the eUICC",
     {IAU: 3}),
    # some clients know it as 4.1
    ("order-expired", "8.8.5", "4.10", "the download order has expired", {ACL: 18, GBP: 6}),
    ("order-retries", "8.8.5", "6.4", "too many attempts for this download order", {}),
    ("root-error", "8.9", "4.2", "the root SM-DS raised an error", {}),
    ("root-unavailable", "8.9", "5.1", "the root SM-DS is unavailable", {}),
    ("smds-address", "8.9.1", "3.8", "the SM-DS address is not this server's", {IAU: 1}),
    ("smds-security", "8.9.2", "3.1", "no proposed CI key is supported by the SM-DS", {IAU: 3}),
    ("smds-version", "8.9.3", "3.1", "the version of the eUICC is not supported", {IAU: 2}),
    ("smds-certificate", "8.9.4", "3.7", "no DSauth certificate under a CI of the eUICC",
     {IAU: 3}),
    ("event-duplicate", "8.9.5", "3.3", "the event is registered already", {}),
    ("event-unknown", "8.9.5", "3.9", "no such event for this EID", {ACL_DS: 6}),
    ("transaction-unknown", "8.10.1", "3.9", "no session has this transaction id",
     {ACL: 10, ACL_DS: 7, GBP: 95, CAN: 1}),
    ("ci-unknown", "8.11.1", "3.9", "the CI of the EUM certificate is not trusted", {ACL: 9}),
    ("requester-unknown", "1.2.1", "2.1", "the function requester is missing or invalid", {}),
    ("call-unknown", "1.2.2", "2.1", "the function call identifier is missing or invalid", {}),
    ("element-missing", "1.3.1", "2.2", "a mandatory element is missing", {}),
)  # fmt: skip

# what the facts give no code for; a test may not insist on these
_UNCERTAIN: tuple[tuple[str, str, str, str, dict[str, int]], ...] = (
    ("element-invalid", "1.3.1", "2.1", "an element cannot be read", {}),
    ("event-limit", "8.9.5", "3.7", "no room for another event record", {}),
    ("euicc-error", "8.1", "4.2", "the eUICC reported an error", {}),
)

STATUS = {
    name: Status(name, subject, reason, text, MappingProxyType(numbers), certain)
    for rows, certain in ((_ROWS, True), (_UNCERTAIN, False))
    for name, subject, reason, text, numbers in rows
}

_BY_CODE = {(one.subject, one.reason): one for one in reversed(STATUS.values())}

# (function, number) -> the SGP.22 versions that have it, where not all have
_SINCE = {(ACL, 11): "2.4", (ACL, 18): "2.6"}
_UNTIL = {(GBP, 6): "2.5"}


def version_key(version: str) -> tuple[int, ...]:
    """Return a version as numbers, to be compared."""
    return tuple(int(part) for part in version.split("."))


def number_of(status: Status, function: str, version: str) -> int:
    """Return the INTEGER that `function` of this SGP.22 version answers for a status."""
    number = status.numbers.get(function, UNDEFINED)
    key = (function, number)
    if key in _SINCE and version_key(version) < version_key(_SINCE[key]):
        return UNDEFINED
    if key in _UNTIL and version_key(version) > version_key(_UNTIL[key]):
        return UNDEFINED
    return number


def refuse(name: str, detail: str = "") -> Refusal:
    """Return the refusal with the status of that name."""
    return Refusal(STATUS[name], detail)


def status_of(subject: str, reason: str) -> Status | None:
    """Return the first status of the table that has this code."""
    return _BY_CODE.get((subject, reason))


def status_of_number(function: str, number: int) -> Status | None:
    """Return the first status of the table that has this ASN.1 error INTEGER."""
    return next((one for one in STATUS.values() if one.numbers.get(function) == number), None)
