"""Whether an eUICC suits an order: what the profile owner asks for, against EUICCInfo2. DPFF09."""

from __future__ import annotations

from typing import Any

from dissectors.asn1.tlv import TlvError, read_tlv, split
from sgprobe.peers.smdp.eligibility import free_memory
from sgprobe.peers.smdpf.status import refuse

# the members that a rule may have
_RULES = ("minFreeNvm", "minProfileVersion", "minSvn")
_TAGS = {b"\x81": "profileVersion", b"\x82": "svn", b"\x84": "extCardResource"}
_INFO2 = b"\xbf\x22"


def check_rules(eligibility: Any) -> None:
    """Refuse instructions that this SM-DPf cannot check."""
    if not isinstance(eligibility, dict) or not set(eligibility) <= set(_RULES):
        raise refuse("element-invalid", f"eligibility has {', '.join(_RULES)}")
    for name, value in eligibility.items():
        if name == "minFreeNvm":
            good = type(value) is int and 0 <= value < 1 << 40
        else:
            good = isinstance(value, str) and _version(value) is not None
        if not good:
            raise refuse("element-invalid", name)


def read_info2(info2: bytes) -> dict[str, bytes]:
    """Return the members of an EUICCInfo2 TLV that rules look at, of any version of the type."""
    try:
        outer = read_tlv(info2)
        if outer.tag != _INFO2 or outer.end != len(info2):
            raise refuse("element-invalid", "euiccInfo2 is no BF22")
        parts = split(info2, outer.body, outer.end)
        return {_TAGS[one.tag]: info2[one.body : one.end] for one in parts if one.tag in _TAGS}
    except TlvError as error:
        raise refuse("element-invalid", f"euiccInfo2: {error}") from None


def check_eligible(eligibility: dict[str, Any], info2: bytes) -> None:
    """Refuse an eUICC that does not show what is asked for."""
    if not eligibility:
        return
    shown = read_info2(info2)
    least = eligibility.get("minFreeNvm")
    if least is not None:
        free = free_memory(shown.get("extCardResource", b""))
        if free is None or free < least:
            raise refuse("not-eligible", f"{free} octets free, {least} asked for")
    for rule, name in (("minProfileVersion", "profileVersion"), ("minSvn", "svn")):
        wanted = eligibility.get(rule)
        if wanted is not None and shown.get(name, b"") < (_version(wanted) or b""):
            raise refuse("not-eligible", f"{name} is below {wanted}")


def _version(text: str) -> bytes | None:
    parts = text.split(".")
    numbers = [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 4]
    if len(numbers) != len(parts) or len(parts) > 3 or max(numbers) > 255:
        return None
    return bytes([*numbers, 0, 0][:3])
