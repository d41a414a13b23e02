"""EIDs and ICCIDs: their check digits and the ways they stand on the wire."""

from __future__ import annotations

EID_DIGITS = 32
ICCID_OCTETS = 10

# ASCII only: str.isdigit() also takes digits of other scripts
_DIGITS = frozenset("0123456789")


class IdentityError(ValueError):
    """The text or the octets are no EID or no ICCID."""


def _is_decimal(text: str) -> bool:
    return bool(text) and _DIGITS.issuperset(text)


def eid_check_digits(first30: str) -> str:
    """Return the two check digits of an EID's first 30 digits. SGP.29 (ISO 7064 MOD 97-10)."""
    if len(first30) != EID_DIGITS - 2 or not _is_decimal(first30):
        raise IdentityError(f"an EID's check digits need its first 30 digits, not {first30[:40]!r}")
    return f"{98 - int(first30 + '00') % 97:02d}"


def make_eid(first30: str) -> str:
    """Return the whole EID that begins with `first30`."""
    return first30 + eid_check_digits(first30)


def is_eid(text: str) -> bool:
    """Say whether `text` is 32 digits whose check digits are right."""
    return len(text) == EID_DIGITS and _is_decimal(text) and int(text) % 97 == 1


def eid_octets(eid: str) -> bytes:
    """Return an EID's 16 octets: BCD in natural order; the check digits are not judged."""
    if len(eid) != EID_DIGITS or not _is_decimal(eid):
        raise IdentityError(f"an EID is 32 decimal digits, not {eid[:40]!r}")
    return bytes.fromhex(eid)


def eid_text(octets: bytes) -> str:
    """Return the 32 digits of an EID's 16 octets."""
    text = octets[: EID_DIGITS // 2 + 1].hex()
    if len(text) != EID_DIGITS or not _is_decimal(text):
        raise IdentityError(f"an EID is 16 octets of decimal digits, not {text.upper()!r}")
    return text


def iccid_octets(iccid: str) -> bytes:
    """Return an ICCID's 10 octets: nibbles swapped, padded with F. ETSI TS 102 221 §13.2."""
    if not 18 <= len(iccid) <= 2 * ICCID_OCTETS or not _is_decimal(iccid):
        raise IdentityError(f"an ICCID is 18 to 20 decimal digits, not {iccid[:40]!r}")
    return _swapped(bytes.fromhex(iccid.ljust(2 * ICCID_OCTETS, "F")))


def iccid_text(octets: bytes) -> str:
    """Return the 18 to 20 digits of an ICCID's 10 octets."""
    head = octets[: ICCID_OCTETS + 1]
    text = _swapped(head).hex().rstrip("f")
    if len(head) != ICCID_OCTETS or len(text) < 18 or not _is_decimal(text):
        raise IdentityError(f"an ICCID is 10 octets of swapped digits, not {head.hex().upper()!r}")
    return text


def luhn_digit(digits: str) -> str:
    """Return the Luhn digit that ITU-T E.118 puts at the end of an ICCID."""
    if not _is_decimal(digits):
        raise IdentityError(f"a Luhn digit needs decimal digits, not {digits[:40]!r}")
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 if place % 2 else 2)
        total += value if value < 10 else value - 9
    return str(-total % 10)


def is_luhn(iccid: str) -> bool:
    """Say whether the last digit is the Luhn digit of the others."""
    return len(iccid) > 1 and _is_decimal(iccid) and luhn_digit(iccid[:-1]) == iccid[-1]


def _swapped(octets: bytes) -> bytes:
    return bytes(octet >> 4 | (octet & 0x0F) << 4 for octet in octets)
