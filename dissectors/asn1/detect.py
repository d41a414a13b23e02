"""Finds what a message is: its type from its first tag and its contents, and every version it fits.

A version fits if nothing better is found in another: no finding at all, or the same few that every
version has (a length that is not minimal is not minimal in all of them).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dissectors.asn1 import codec
from dissectors.asn1 import model as m
from dissectors.asn1.codec import Decoded
from dissectors.asn1.fits import Alike, Fit, alike, best_fit, regular_fit
from dissectors.asn1.tlv import TlvError, read_tag
from dissectors.asn1.versions import SPECS, Spec, grouped, parse_spec
from dissectors.spec.functions import message_order, message_specs


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


def detect(
    data: bytes, specs: Iterable[Spec] | None = None, type_name: str | None = None
) -> Detection:
    """Find the type and the versions of a message; raises DetectError where there is no candidate.

    `specs` limits the versions, `type_name` forces the type.
    """
    versions = tuple(SPECS if specs is None else specs)
    if type_name:
        tag, candidates = b"", {type_name: alike(type_name, versions)}
    else:
        tag = _first_tag(data)
        candidates = _candidates(tag, versions)
    fits = {name: regular_fit(name, data, groups) for name, groups in candidates.items()}
    found = {name: fit for name, fit in fits.items() if fit is not None}
    # a tag such as 30 opens hundreds of types: only one that fits without a word is believed
    if not found and not (tag and not tag[0] & 0xC0):
        found = {n: best_fit(n, data, groups) for n, groups in candidates.items() if groups}
    if not found:
        raise DetectError(_why_not(tag, type_name, versions, bool(candidates)))
    least = min(fit.weight for fit in found.values())
    return _ranked({name: fit for name, fit in found.items() if fit.weight == least})


def _candidates(tag: bytes, versions: tuple[Spec, ...]) -> dict[str, tuple[Alike, ...]]:
    """Return the types that begin with a tag, each with the versions whose function it is."""
    named: dict[str, list[Spec]] = {}
    messages = message_specs()
    for spec in versions:
        for name in codec.load(spec).types_of_tag(tag):
            # a type that is no message by itself may stand in any version that has it
            if spec.name in messages.get(name, (spec.name,)):
                named.setdefault(name, []).append(spec)
    return {name: alike(name, tuple(specs)) for name, specs in named.items()}


def _ranked(fits: dict[str, Fit]) -> Detection:
    """Put the likeliest type first; the others are told as well."""
    names = list(fits)
    if len(names) > 1:
        order, place = message_order(), {str(spec): at for at, spec in enumerate(SPECS)}
        names.sort(
            key=lambda name: (
                _oddities(fits[name]),
                -place[fits[name].specs[-1]],
                order.get(name, len(order)),
            )
        )
    best = fits[names[0]]
    others = tuple((name, fits[name].specs) for name in names[1:])
    return Detection(names[0], best.specs, best.decoded, others)


def _oddities(fit: Fit) -> int:
    """Count what is legal and not likely: numbers without a name, text that cannot be printed.

    The same bytes may be a request of one function and the answer of another; `80 01 FF` is TRUE
    and an unknown result. Both are told, the likelier one first.
    """
    schema = codec.load(fit.specs[-1]).schema
    pending = [(schema.types[fit.decoded.type], fit.decoded.value)]
    odd = 0
    while pending:
        type_, value = pending.pop()
        match schema.shape(type_):
            case m.Sequence(fields) | m.Choice(fields) if isinstance(value, dict):
                pending += [(f.type, value[f.name]) for f in fields if f.name in value]
            case m.ListOf(element) if isinstance(value, list):
                pending += [(element, one) for one in value]
            case m.Integer(names) if names:
                odd += not isinstance(value, str)
            case m.Text() if isinstance(value, str):
                odd += not value.isprintable()
    return odd


def _first_tag(data: bytes) -> bytes:
    if not data:
        raise DetectError("there are no bytes")
    try:
        return data[: read_tag(data, 0, len(data))]
    except TlvError as error:
        raise DetectError(f"the first tag does not end: {error}") from None


def _why_not(tag: bytes, name: str | None, versions: tuple[Spec, ...], some: bool) -> str:
    known = grouped(tuple(str(spec) for spec in versions))
    if name:
        names = {one for spec in versions for one in codec.load(spec).names()}
        near = codec.near_names(name, sorted(names))
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"no type {name[:60]!r} in {known}{hint}"
    shown, advice = tag.hex().upper(), "name its type with --type to read it all the same"
    if some:
        return f"none of the types that begin with {shown} fits without a fault; {advice}"
    return f"first tag {shown} opens no message of {known}; {advice}"
