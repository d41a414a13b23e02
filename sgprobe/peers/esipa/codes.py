"""The error INTEGERs of ESipa, and which of them a version knows. SGP.32 §6.3.2."""

from __future__ import annotations

from sgprobe.peers.es9.status import status_of, status_of_number
from sgprobe.peers.esipa import messages as m

UNDEFINED = 127

# GetEimPackage, ProvideEimPackageResult
NO_PACKAGE, EID_NOT_FOUND, INVALID_EID, MISSING_EID = 1, 2, 3, 4
# of a package: EimPackageResultErrorCode
INVALID_FORMAT, UNKNOWN_PACKAGE = 1, 2
# what only the eIM finds
ADDRESS_MISMATCH, OID_MISMATCH, UNKNOWN_TRIGGER = 50, 51, 52
PPR_NOT_ALLOWED, METADATA_MISMATCH = 50, 50
INVALID_TRANSACTION = {m.ACL: 10, m.GBP: 95, m.CAN: 1}
ECALL_ACTIVE = 104

# StateChangeCause
OTHER_EIM, FALLBACK, EMERGENCY, LOCAL, RESET, IMMEDIATE, DEVICE_CHANGE = range(7)

# (function, code) to the first version that has it
_SINCE = {
    (m.GEP, EID_NOT_FOUND): "1.1",
    (m.GEP, INVALID_EID): "1.1",
    (m.GEP, MISSING_EID): "1.1",
    (m.IAU, UNKNOWN_TRIGGER): "1.1",
    (m.ACL, 18): "1.3",
}
_UNTIL = {(m.GBP, 6): "1.2"}


def told(function: str, code: int, version: str) -> int:
    """Return the code that this version of SGP.32 has for what happened."""
    key = (function, code)
    if version < _SINCE.get(key, "") or version > _UNTIL.get(key, version):
        code = UNDEFINED
    if function == m.IAU and version == "1.0.1" and code == UNDEFINED:
        # v1.0.1 has no code that says nothing: that of the address is the nearest
        return 1
    return code


# what only ESipa has: subject and reason of JSON. Derived by meaning; no source gives them
_OWN: dict[tuple[str, int], tuple[str, str, str]] = {
    (m.IAU, ADDRESS_MISMATCH): ("8.8.1", "6.1", "the SM-DP+ signed another address"),
    (m.IAU, OID_MISMATCH): ("8.8", "3.1", "the SM-DP+ has another OID"),
    (m.IAU, UNKNOWN_TRIGGER): ("8.10.1", "3.9", "the eIM transaction id is unknown"),
    (m.ACL, PPR_NOT_ALLOWED): ("8.2", "3.8", "the profile policy rules are not allowed"),
    (m.ACL, 56): ("8.9.5", "3.9", "the event id is unknown"),
    (m.GBP, METADATA_MISMATCH): ("8.2", "3.1", "the metadata is not the one announced"),
    (m.PER, EID_NOT_FOUND): ("8.1.1", "3.9", "the EID is unknown"),
    (m.PER, INVALID_EID): ("8.1.1", "2.1", "the EID is none"),
    (m.PER, MISSING_EID): ("8.1.1", "2.2", "the EID is missing"),
}
_UNDEFINED = ("1.2", "4.2", "the function failed")
_OF_STATUS = {(name, one[0], one[1]): code for (name, code), one in _OWN.items()}


def status(function: str, code: int) -> tuple[str, str, str]:
    """Return subject code, reason code and text for the error of a function."""
    own = _OWN.get((function, code))
    if own is not None:
        return own
    known = status_of_number(function, code)
    return _UNDEFINED if known is None else (known.subject, known.reason, known.text)


def of_status(function: str, subject: str, reason: str) -> int:
    """Return the error of a function for a subject and a reason code."""
    own = _OF_STATUS.get((function, subject, reason))
    if own is not None:
        return own
    known = status_of(subject, reason)
    return UNDEFINED if known is None else known.numbers.get(function, UNDEFINED)
