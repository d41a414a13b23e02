"""The error INTEGERs of ESipa, and which of them a version knows. SGP.32 §6.3.2."""

from __future__ import annotations

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
