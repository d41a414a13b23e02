"""Which versions a message of a known type fits, at the cost of one or two fast decodes.

Versions in which a type is built alike, all the way down, stand or fall together; only one of
them is tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from dissectors.asn1 import codec
from dissectors.asn1 import model as m
from dissectors.asn1.codec import Codec, Decoded
from dissectors.asn1.detect import weigh
from dissectors.asn1.versions import SPECS, Spec

_interned: dict[object, int] = {}


@dataclass(frozen=True, slots=True)
class Alike:
    """Versions in which a type is built alike; `codec` is that of the newest."""

    codec: Codec
    specs: tuple[str, ...]


@lru_cache(maxsize=1024)
def groups(type_name: str, names: tuple[str, ...], only: Spec | None = None) -> tuple[Alike, ...]:
    """Return the groups of versions of the specifications `names` that have a type, newest last."""
    found: dict[int, list[Spec]] = {}
    for spec in SPECS:
        wanted = spec == only if only is not None else spec.name in names
        if wanted and type_name in codec.load(spec):
            schema = codec.load(spec).schema
            found.setdefault(_build(schema, schema.types[type_name], {}), []).append(spec)
    return tuple(
        Alike(codec.load(specs[-1]), tuple(str(spec) for spec in specs)) for specs in found.values()
    )


def decode_fitting(
    type_name: str, data: bytes, names: tuple[str, ...], only: Spec | None = None
) -> tuple[Decoded, tuple[str, ...]]:
    """Decode a message of a known type; return it with every version that it fits.

    Raises KeyError where no version has the type.
    """
    candidates = groups(type_name, names, only)
    if not candidates:
        raise KeyError(type_name)
    best: Decoded | None = None
    specs: tuple[str, ...] = ()
    for alike in candidates:
        value = alike.codec.regular(type_name, data)
        if value is not codec.NOT_REGULAR:
            best = Decoded(type_name, value, (), data)
            specs += alike.specs
    if best is not None:
        return best, specs
    lowest = -1
    for alike in candidates:
        decoded = alike.codec.decode(type_name, data)
        weight = weigh(decoded)
        if lowest < 0 or weight < lowest:
            lowest, best, specs = weight, decoded, alike.specs
        elif weight == lowest:
            best, specs = decoded, specs + alike.specs
    assert best is not None
    return best, specs


def _build(schema: m.Schema, type_: m.Type, known: dict[str, int]) -> int:
    """Return a number that is equal for types that are built alike, whatever their names."""
    shape, key = type_.shape, ""
    if isinstance(shape, m.Ref):
        key = shape.key
    if key not in known or not key:
        inner = schema.shape(type_)
        match inner:
            case m.Sequence(fields) | m.Choice(fields):
                parts: object = tuple(
                    (_build(schema, f.type, known), f.optional, str(f.default)) for f in fields
                )
            case m.ListOf(element, size, is_set):
                parts = (_build(schema, element, known), size, is_set)
            case m.Integer(_, limits):
                parts = limits
            case m.Bits(names, size):
                parts = (bool(names), size)
            case _:
                parts = inner
        number = _interned.setdefault((type(inner).__name__, parts), len(_interned))
        if key:
            known[key] = number
    else:
        number = known[key]
    return _interned.setdefault((type_.tags, number), len(_interned))
