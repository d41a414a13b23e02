"""Finds what a message is: its type from its first tag and its contents, and every version it fits.

A version fits if nothing better is found in another: no finding at all, or the same few that every
version has (a length that is not minimal is not minimal in all of them).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dissectors.asn1 import codec, codes
from dissectors.asn1.codec import Decoded
from dissectors.asn1.tlv import TlvError, read_tag
from dissectors.asn1.versions import SPECS, Spec, parse_spec
from dissectors.finding import Severity
from dissectors.spec.functions import message_order

_WEIGHT = {Severity.ERROR: 100, Severity.WARNING: 10, Severity.INFO: 1}
# these say that it is another type; a message cut short is of its type all the same
_STRANGE = {codes.WRONG_TAG.name, codes.UNKNOWN_CHOICE.name, codes.MISSING.name}


class DetectError(ValueError):
    """The bytes begin like no message that we know."""


@dataclass(frozen=True, slots=True)
class Detection:
    """What a message was found to be; `others` are types that fit as well, with their versions."""

    type: str
    specs: tuple[str, ...]
    decoded: Decoded
    others: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def spec(self) -> Spec:
        """Return the newest version that fits."""
        return parse_spec(self.specs[-1])


@dataclass(slots=True)
class _Fit:
    weight: int
    specs: list[str]
    decoded: Decoded


def detect(
    data: bytes, specs: Iterable[Spec] | None = None, type_name: str | None = None
) -> Detection:
    """Find the type and the versions of a message; raises DetectError where there is no candidate.

    `specs` limits the versions, `type_name` forces the type.
    """
    versions = tuple(SPECS if specs is None else specs)
    tag = b"" if type_name else _first_tag(data)
    fits: dict[str, _Fit] = {}
    for spec in versions:
        reader = codec.load(spec)
        for name in reader.types_of_tag(tag) if type_name is None else _forced(reader, type_name):
            decoded = reader.decode(name, data)
            weight = weigh(decoded)
            fit = fits.get(name)
            if fit is None or weight < fit.weight:
                fits[name] = _Fit(weight, [str(spec)], decoded)
            elif weight == fit.weight:
                fit.specs.append(str(spec))
                fit.decoded = decoded
    # a tag such as 30 opens hundreds of types: only one that fits without a word is believed
    if tag and not tag[0] & 0xC0:
        fits = {name: fit for name, fit in fits.items() if fit.weight == 0}
    if not fits:
        raise DetectError(_why_not(data, tag, type_name, versions))
    order = message_order()
    ranked = sorted(fits, key=lambda name: (fits[name].weight, order.get(name, len(order))))
    best = ranked[0]
    others = tuple(
        (name, tuple(fits[name].specs))
        for name in ranked[1:]
        if fits[name].weight == fits[best].weight
    )
    return Detection(best, tuple(fits[best].specs), fits[best].decoded, others)


def weigh(decoded: Decoded) -> int:
    """Return how badly a type fits its bytes; 0 is perfectly."""
    weight = 0
    for one in decoded.findings:
        weight += 1000 if one.code in _STRANGE else _WEIGHT[one.severity]
    return weight


def _first_tag(data: bytes) -> bytes:
    if not data:
        raise DetectError("there are no bytes")
    try:
        return data[: read_tag(data, 0, len(data))]
    except TlvError as error:
        raise DetectError(f"the first tag does not end: {error}") from None


def _forced(reader: codec.Codec, name: str) -> tuple[str, ...]:
    return (name,) if name in reader else ()


def _why_not(data: bytes, tag: bytes, name: str | None, versions: tuple[Spec, ...]) -> str:
    known = ", ".join(str(spec) for spec in versions)
    if name:
        near: list[str] = []
        import difflib

        for spec in versions:
            near += difflib.get_close_matches(name, codec.load(spec)._fast, 1)
        hint = f"; did you mean {near[-1]}?" if near else ""
        return f"no type {name!r} in {known}{hint}"
    return (
        f"first tag {tag.hex().upper()} opens no message of {known}; "
        "name its type with --type to read it all the same"
    )
