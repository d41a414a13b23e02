"""Reads a text by the ASN.1 type of its field; the result is the JER value of the codec."""

from __future__ import annotations

import re

from dissectors.asn1 import model as asn1
from dissectors.spec.identity import IdentityError, iccid_octets
from sgprobe.cases.errors import did_you_mean, listed, shown

_NUMBER = re.compile(r"-?[0-9]{1,40}")
_OID = re.compile(r"[0-2](?:\.[0-9]{1,40}){1,60}")
_TIMES = {
    "UTCTime": re.compile(r"[0-9]{12}Z"),
    "GeneralizedTime": re.compile(r"[0-9]{14}Z"),
}
_WORDS = {"yes": True, "true": True, "no": False, "false": False}

# of the number of a bit
_DIGITS = 3


class LiteralError(ValueError):
    """A text that is no value of its type."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


def read(text: str, type_: asn1.Type, schema: asn1.Schema) -> asn1.Value:
    """Return the JER value that a text is; raises LiteralError."""
    shape = schema.shape(type_)
    match shape:
        case asn1.Octets(size):
            octets = _hex(text, type_.label)
            _sized(size, len(octets), "octets", text, type_.label)
            return octets.hex()
        case asn1.Integer():
            return _integer(text, shape, type_.label)
        case asn1.Text(_, size):
            _sized(size, len(text), "characters", text, type_.label)
            return text
        case asn1.Boolean():
            if text in _WORDS:
                return _WORDS[text]
            raise LiteralError(f"{shown(text)} is neither true nor false")
        case asn1.Null():
            raise LiteralError(f"{shown(text)}: a NULL has no value", "write <present> or <absent>")
        case asn1.Oid():
            if _OID.fullmatch(text):
                return text
            raise LiteralError(f"{shown(text)} is no OBJECT IDENTIFIER", "such as 2.23.146.1.2.1.1")
        case asn1.Bits():
            return _bits(text, shape, type_.label)
        case asn1.Time(form):
            if _TIMES[form].fullmatch(text):
                return text
            raise LiteralError(f"{shown(text)} is no {form}", "such as 20260131120000Z")
        case asn1.Open() | asn1.Leaf():
            return _hex(text, type_.label).hex()
        case asn1.ListOf():
            raise LiteralError(f"{shown(text)}: {type_.label} is a list", "such as `[a, b]`")
    names = listed(field.name for field in members(shape))
    raise LiteralError(
        f"{shown(text)}: {type_.label} has members ({names})", "name them: `member: value`"
    )


def members(shape: asn1.Shape) -> tuple[asn1.Field, ...]:
    """Return the components of a SEQUENCE or the alternatives of a CHOICE, else none."""
    if isinstance(shape, asn1.Sequence):
        return shape.fields
    return shape.arms if isinstance(shape, asn1.Choice) else ()


def _hex(text: str, label: str) -> bytes:
    packed = "".join(text.split())
    try:
        return bytes.fromhex(packed)
    except ValueError:
        pass
    if label == "Iccid":
        try:
            octets = iccid_octets(packed)
        except IdentityError:
            pass
        else:
            hint = f"an ICCID stands with its nibbles swapped: {octets.hex().upper()}"
            raise LiteralError(f"{shown(text)} is not hex", hint)
    odd = len(packed) % 2 and all(c in "0123456789abcdefABCDEF" for c in packed)
    why = "has an odd number of hex digits" if odd else "is not hex"
    raise LiteralError(f"{shown(text)} {why}", "octets are written in hex, such as 0A1B")


def _sized(size: asn1.Range | None, count: int, unit: str, text: str, label: str) -> None:
    if size is not None and not size.holds(count):
        raise LiteralError(
            f"{shown(text)} has {count} {unit}; {label} has {size}",
            "a wrong size on purpose is a `mutate:`",
        )


def _integer(text: str, shape: asn1.Integer, label: str) -> asn1.Value:
    names = [name for _, name in shape.names]
    if text in names:
        return text
    if not _NUMBER.fullmatch(text):
        if names:
            known = listed(names, 3)
            raise LiteralError(
                f"{shown(text)} is not a value of {label} ({known})", did_you_mean(text, names)
            )
        raise LiteralError(f"{shown(text)} is not a number", "such as 42")
    number = int(text)
    if shape.limits is not None and not shape.limits.holds(number):
        raise LiteralError(f"{text} is outside {shape.limits}")
    return dict(shape.names).get(number, number)


def _bits(text: str, shape: asn1.Bits, label: str) -> asn1.Value:
    if not shape.names:
        octets = _hex(text, label)
        return {"value": octets.hex(), "length": len(octets) * 8}
    by_name = {name: number for number, name in shape.names}
    number = 0
    for word in (piece.strip() for piece in text.split(",")):
        if word.isascii() and word.isdigit() and len(word) <= _DIGITS:
            # a bit that no version names
            number |= 1 << int(word)
            continue
        if word not in by_name:
            raise LiteralError(
                f"{shown(word)} is not a bit of {label} ({listed(by_name)})",
                did_you_mean(word, by_name),
            )
        number |= 1 << by_name[word]
    length = number.bit_length()
    octets = sum(
        1 << (length + 7) // 8 * 8 - 1 - bit for bit in range(length) if number >> bit & 1
    ).to_bytes((length + 7) // 8, "big")
    return {"value": octets.hex(), "length": length}
