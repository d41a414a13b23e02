"""Whether a profile suits an eUICC: capabilities, policy rules, memory. SGP.22 §5.6.3."""

from __future__ import annotations

from dissectors.asn1.model import Value
from dissectors.asn1.tlv import TlvError, split
from sgprobe.peers.es9.status import refuse
from sgprobe.peers.profiles.library import ProfileType

# UICCCapability: what the packages of this bench mandate
_NEEDED = {"usim": 1, "akaMilenage": 4}
_POLICY_BITS = {"pprUpdateControl": 0, "ppr1": 1, "ppr2": 2}
_FREE_MEMORY = b"\x82"


def check_eligible(info2: Value, kind: ProfileType) -> None:
    """Refuse an eUICC that lacks a capability, or forbids a policy rule of the profile."""
    for name, bit in _NEEDED.items():
        if not _has_bit(info2["uiccCapability"], bit):
            raise refuse("not-eligible", f"the eUICC has no {name}")
    forbidden = info2.get("forbiddenProfilePolicyRules")
    for rule in kind.policy:
        if forbidden is not None and _has_bit(forbidden, _POLICY_BITS[rule]):
            raise refuse("not-eligible", f"the eUICC forbids {rule}")


def check_memory(info2: Value, size: int) -> None:
    """Refuse an eUICC that announces less free memory than the package has octets."""
    free = free_memory(bytes.fromhex(info2["extCardResource"]))
    if free is not None and free < size:
        raise refuse("insufficient-memory", f"{free} octets free, {size} needed")


def free_memory(resource: bytes) -> int | None:
    """Return the free memory that an extCardResource tells of. TS 102 226 §8.2.1.7."""
    try:
        for element in split(resource):
            if element.tag == _FREE_MEMORY:
                return int.from_bytes(resource[element.body : element.end], "big")
    except TlvError:
        return None
    return None


def _has_bit(bits: Value, number: int) -> bool:
    octets = bytes.fromhex(bits["value"])
    return number < bits["length"] and bool(octets[number // 8] >> (7 - number % 8) & 1)
