"""Cheap guesses at why a value is wrong, and how values are printed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from dissectors.asn1.model import Value

_SHOWN = 72
# elements of a list, and characters of each
_LISTED, _SHORT = 8, 24
_RAW_SIGNATURE = 64


def show(value: Value, names: Mapping[str, int]) -> str:
    """Return a value for a person: names with numbers, bytes shortened in the middle."""
    if value is None:
        return "present"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if value in names:
            return f"{value}({names[value]})"
        if not value:
            return "empty"
        if len(value) > _SHOWN:
            return (
                f"{value[:32]}…{value[-16:]} ({len(value) // 2} bytes)"
                if _is_hex(value)
                else value[: _SHOWN - 1] + "…"
            )
        return value
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict) and value.keys() == {"value", "length"}:
        return _bits(str(value["value"]), names)
    if isinstance(value, dict):
        shown = ", ".join(map(str, list(value)[:4])) + (", …" if len(value) > 4 else "")
        return f"{{{shown}}}"
    return str(value)[:_SHOWN]


def _bits(octets: str, names: Mapping[str, int]) -> str:
    """Return the bits of a BIT STRING that are set, by their names or numbers."""
    if not _is_hex(octets) or len(octets) > _SHOWN:
        return f"bits {octets[:_SHOWN]}"
    by_number = {number: name for name, number in names.items()}
    found = [bit for at, octet in enumerate(bytes.fromhex(octets)) for bit in _set(at, octet)]
    return ", ".join(by_number.get(at, f"bit {at}") for at in found) or "no bit"


def _set(place: int, octet: int) -> list[int]:
    """Return the numbers of the bits set in an octet, the highest first. X.690 §8.6."""
    return [8 * place + bit for bit in range(8) if octet & 0x80 >> bit]


def show_list(value: list[Value]) -> str:
    """Return a list with its first elements, each of them short."""
    shown = ", ".join(_short(one) for one in value[:_LISTED])
    more = f", … {len(value) - _LISTED} more" if len(value) > _LISTED else ""
    return f"a list of {len(value)}{': ' if value else ''}{shown}{more}"


def _short(value: Value) -> str:
    text = show(value, {})
    if isinstance(value, dict) and len(value) == 1:
        name, inside = next(iter(value.items()))
        if not isinstance(inside, dict | list):
            text = f"{name} {show(inside, {})}"
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"


def _is_hex(text: str) -> bool:
    try:
        bytes.fromhex(text)
    except ValueError:
        return False
    return True


def hint_for(wanted: Value, value: Value) -> str:
    """Return a likely cause of a difference, or nothing."""
    if isinstance(wanted, int) and isinstance(value, int) and not isinstance(value, bool):
        step = value - wanted
        return f"off by one: one too {'high' if step > 0 else 'low'}" if abs(step) == 1 else ""
    if not (isinstance(wanted, str) and isinstance(value, str) and wanted and value):
        return ""
    if len(value) > 1 << 16 or len(wanted) > 1 << 16:
        return ""
    if _is_hex(wanted) and _is_hex(value):
        return _octets_hint(wanted.lower().replace(" ", ""), value.lower().replace(" ", ""))
    if _is_hex(wanted):
        try:
            inside = base64.b64decode(value, validate=True).hex()
        except (binascii.Error, ValueError):
            return ""
        return "the right octets, in base64" if inside == wanted.lower() else ""
    if wanted.lower() == value.lower():
        return "the same but for capitals"
    return "the same but for spaces around it" if wanted.strip() == value.strip() else ""


def _octets_hint(wanted: str, value: str) -> str:
    if _swapped(wanted) == value:
        return "the nibbles of each octet are swapped"
    if bytes.fromhex(wanted)[::-1].hex() == value:
        return "the octets stand in reverse order"
    if value.endswith(wanted) and len(value) > len(wanted):
        return f"{(len(value) - len(wanted)) // 2} octets too many in front: a tag and a length?"
    if wanted.endswith(value):
        return f"the first {(len(wanted) - len(value)) // 2} octets are missing"
    if wanted.startswith(value):
        return f"the last {(len(wanted) - len(value)) // 2} octets are missing"
    return ""


def _swapped(text: str) -> str:
    return "".join(text[i + 1] + text[i] for i in range(0, len(text) - 1, 2))


def signature_hint(value: Value) -> str:
    """Return what is odd about the form of a signature. BSI TR-03111 §5.2.1."""
    octets = bytes.fromhex(value) if isinstance(value, str) and _is_hex(value) else b""
    if len(octets) == _RAW_SIGNATURE:
        return ""
    if octets[:1] == b"\x30" and len(octets) > 2 and octets[1] == len(octets) - 2:
        return "a DER signature; r and s of 32 octets each are due"
    return f"{len(octets)} octets; {_RAW_SIGNATURE} are due"
