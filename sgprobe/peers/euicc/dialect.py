"""The version switch: the codecs of one SGP.32 version, and the names that v1.0.1 has of its own.

The roles' code speaks the newest names; values of v1.0.1 are renamed on their way in and out.
"""

from __future__ import annotations

from functools import lru_cache

from dissectors.asn1 import codec, versions
from dissectors.asn1.model import Choice, Integer, Sequence, Type, Value

VERSIONS = tuple(spec.version for spec in versions.SPECS if spec.name == "SGP.32")

# new name of a member to its name in v1.0.1, by the message in which it stands
_OLD: dict[str, dict[str, str]] = {
    "EuiccPackageRequest": {
        "eimTransactionId": "transactionId",
        "configureImmediateEnable": "configureAutoEnable",
        "immediateEnableFlag": "autoEnableFlag",
        "defaultSmdpOid": "smdpOid",
        "defaultSmdpAddress": "smdpAddress",
    },
    "EuiccPackageResultDataSigned": {
        "eimTransactionId": "transactionId",
        "configureImmediateEnableResult": "configureAutoEnableResult",
    },
    "EuiccPackageErrorDataSigned": {"eimTransactionId": "transactionId"},
    "EuiccResultData": {"configureImmediateEnableResult": "configureAutoEnableResult"},
    "ImmediateEnableResponse": {"immediateEnableResult": "enableUsingDDResult"},
    "ConfigureImmediateProfileEnablingRequest": {
        "immediateEnableFlag": "autoEnableFlag",
        "defaultSmdpOid": "smdpOid",
        "defaultSmdpAddress": "smdpAddress",
    },
    "ConfigureImmediateProfileEnablingResponse": {
        "configImmediateEnableResult": "configAutoEnableResult"
    },
    "EuiccMemoryResetResponse": {"resetImmediateEnableConfigResult": "resetAutoEnableConfigResult"},
}
_NEW = {name: {old: new for new, old in names.items()} for name, names in _OLD.items()}

# findings of form that a card takes as they come; the meaning is plain
_TOLERATED = frozenset({"der.boolean-not-ff", "der.bits-trailing-zero", "der.default-encoded"})


def faults(decoded: codec.Decoded) -> list[str]:
    """Return the paths of what makes a message unusable."""
    if not decoded.findings:
        return []
    return [
        one.path
        for one in decoded.findings
        if one.severity == "error" and one.code not in _TOLERATED
    ]


class Dialect:
    """One version of SGP.32 with the version of SGP.22 that it builds on."""

    def __init__(self, version: str) -> None:
        spec = versions.parse_spec(f"SGP.32@{version}")
        self.version = version
        self.codec = codec.load(spec)
        self.rsp = codec.load(spec.imports)
        self.first = version == "1.0.1"
        self._codes: dict[tuple[str, str], frozenset[int]] = {}

    def decode(self, type_name: str, data: bytes) -> codec.Decoded:
        """Decode a message into the newest names."""
        decoded = self.codec.decode(type_name, data)
        names = _NEW.get(type_name) if self.first else None
        if names is None or decoded.value is None:
            return decoded
        value = _renamed(decoded.value, names)
        return codec.Decoded(decoded.type, value, decoded.findings, decoded.raw)

    def encode(self, type_name: str, value: Value) -> bytes:
        """Encode a message given in the newest names."""
        names = _OLD.get(type_name) if self.first else None
        return self.codec.encode(type_name, _renamed(value, names) if names else value)

    def code(self, type_name: str, number: int, member: str = "") -> int:
        """Return a result code, or undefinedError where this version has no such code."""
        key = (type_name, member)
        if key not in self._codes:
            old = _OLD.get(type_name, {}).get(member, member) if self.first else member
            self._codes[key] = _named(self.codec, self.codec.type(type_name), old)
        return number if number in self._codes[key] else 127


def _named(source: codec.Codec, kind: Type, member: str) -> frozenset[int]:
    shape = source.schema.shape(kind)
    if member:
        assert isinstance(shape, Sequence | Choice)
        fields = shape.fields if isinstance(shape, Sequence) else shape.arms
        shape = source.schema.shape(next(one.type for one in fields if one.name == member))
    assert isinstance(shape, Integer)
    return frozenset(number for number, _ in shape.names)


def _renamed(value: Value, names: dict[str, str]) -> Value:
    if isinstance(value, dict):
        return {names.get(key, key): _renamed(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [_renamed(one, names) for one in value]
    return value


@lru_cache(maxsize=8)
def dialect(version: str) -> Dialect:
    """Return the dialect of a version of SGP.32."""
    return Dialect(version)
