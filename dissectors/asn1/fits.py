"""Which versions a message of a known type fits, at the cost of one or two fast decodes.

Versions in which a type is built alike, all the way down, stand or fall together; only one of
them is tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from dissectors.asn1 import codec, codes
from dissectors.asn1.apart import Seeker, gate, seeker
from dissectors.asn1.codec import FAST_LIMIT, NOT_REGULAR, Codec, Decoded
from dissectors.asn1.model import Value
from dissectors.asn1.runtime import FAULTS
from dissectors.asn1.versions import SPECS, Spec
from dissectors.finding import Severity

_WEIGHT = {Severity.ERROR: 100, Severity.WARNING: 10, Severity.INFO: 1}
# however many faults a message has, they weigh less than one sign that it is of another type
_OTHER_TYPE = 1_000_000
_STRANGE = {
    codes.WRONG_TAG.name: _OTHER_TYPE,
    codes.UNKNOWN_CHOICE.name: _OTHER_TYPE,
    codes.MISSING.name: _OTHER_TYPE // 2,
    codes.WRONG_FORM.name: _OTHER_TYPE // 4,
    codes.TRAILING.name: _OTHER_TYPE // 4,
}
_ALL_UNKNOWN = _OTHER_TYPE // 3
# schemas are loaded to compare versions after so many messages of a type; before, all are tried
_WORTH_IT = 64
_new = tuple.__new__


@dataclass(frozen=True, slots=True)
class Alike:
    """Versions in which a type is built alike; `codec` is that of the newest."""

    codec: Codec
    specs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """How a type fits: as the newest version reads it, in every version that fits as well."""

    decoded: Decoded
    specs: tuple[str, ...]
    weight: int


def weigh(decoded: Decoded) -> int:
    """Return how badly a type fits its bytes; 0 is perfectly."""
    cuts = [one.offset for one in decoded.findings if one.code == codes.TRUNCATED.name]
    weight = _WEIGHT[Severity.ERROR] if cuts else 0
    for one in decoded.findings:
        # a cut shows at every level, and in all that is wrong or missing after it
        if cuts and (one.code == codes.TRUNCATED.name or one.offset >= max(cuts)):
            continue
        deep = "." in one.path or "[" in one.path
        weight += _WEIGHT[one.severity] + (0 if deep else _STRANGE.get(one.code, 0))
    value = decoded.value
    if isinstance(value, dict) and value and all(name.startswith("?") for name in value):
        # a type without members takes anything as an extension
        weight += _ALL_UNKNOWN
    return weight


def alike(type_name: str, specs: tuple[Spec, ...]) -> tuple[Alike, ...]:
    """Return the versions among `specs` that have a type, in groups, the newest last."""
    found: dict[str, list[Spec]] = {}
    for spec in specs:
        digest = codec.load(spec).digest(type_name)
        if digest is not None:
            # a group stands where its newest version stands
            found[digest] = [*found.pop(digest, []), spec]
    return tuple(
        Alike(codec.load(group[-1]), tuple(str(spec) for spec in group)) for group in found.values()
    )


@lru_cache(maxsize=1024)
def groups(type_name: str, names: tuple[str, ...], only: Spec | None = None) -> tuple[Alike, ...]:
    """Return the groups of versions of the specifications `names` that have a type."""
    wanted = SPECS if only is None else (only,)
    return alike(type_name, tuple(s for s in wanted if only is not None or s.name in names))


def regular_fit(type_name: str, data: bytes, candidates: tuple[Alike, ...]) -> Fit | None:
    """Return the versions for which the bytes are regular DER of a type, if there is one."""
    decoded: Decoded | None = None
    specs: tuple[str, ...] = ()
    for one in candidates:
        value = one.codec.regular(type_name, data)
        if value is not NOT_REGULAR:
            decoded = Decoded(type_name, value, (), data)
            specs += one.specs
    return None if decoded is None else Fit(decoded, _ordered(specs), 0)


def best_fit(type_name: str, data: bytes, candidates: tuple[Alike, ...]) -> Fit:
    """Return the versions for which the bytes have the fewest faults."""
    best: Fit | None = None
    for one in candidates:
        decoded = one.codec.decode(type_name, data)
        weight = weigh(decoded)
        if best is None or weight < best.weight:
            best = Fit(decoded, one.specs, weight)
        elif weight == best.weight:
            best = Fit(decoded, best.specs + one.specs, weight)
    assert best is not None
    return Fit(best.decoded, _ordered(best.specs), best.weight)


class Fitting:
    """Reads messages of one type, each with every version that it fits.

    Once there are many, the newest version decodes, and an older one is tried only where the value
    meets what it builds in another way.
    """

    __slots__ = ("_calls", "_candidates", "_decode", "_older", "_specs", "_type")

    def __init__(self, type_name: str, candidates: tuple[Alike, ...]) -> None:
        self._type = type_name
        self._candidates = candidates
        self._calls = 0
        self._decode: Callable[[bytes, int], tuple[Value, int]] | None = None
        self._older: list[tuple[Seeker | None, Alike]] = []
        self._specs: dict[tuple[bool, ...], tuple[str, ...]] = {}

    def decode(self, data: bytes) -> tuple[Decoded, tuple[str, ...]]:
        """Return a message as the newest version that it fits reads it, and all versions."""
        if self._decode is not None:
            found = self.regular(data)
            if found is not None:
                return found
        elif (calls := self._calls) < _WORTH_IT:
            self._calls = calls + 1
        else:
            self.prepare()
        candidates = self._candidates
        fit = regular_fit(self._type, data, candidates) or best_fit(self._type, data, candidates)
        return fit.decoded, fit.specs

    def regular(self, data: bytes) -> tuple[Decoded, tuple[str, ...]] | None:
        """Decode a message that is regular in the newest version, after `prepare`, else None."""
        if len(data) > FAST_LIMIT or self._decode is None:
            return None
        try:
            value, end = self._decode(data, 0)
        except FAULTS:
            return None
        if end != len(data):
            return None
        fits: tuple[bool, ...] = ()
        for differs, one in self._older:
            fit = (
                differs is None
                or not differs(value)
                or one.codec.regular(self._type, data) is not NOT_REGULAR
            )
            fits += (fit,)
        specs = self._specs.get(fits)
        if specs is None:
            specs = self._specs[fits] = self._fitting(fits)
        return _new(Decoded, (self._type, value, (), data)), specs

    def prepare(self) -> None:
        """Compare the versions, so that `regular` can look for their differences."""
        *older, newest = self._candidates
        schema = newest.codec.schema
        self._older = [(seeker(gate(schema, one.codec.schema, self._type)), one) for one in older]
        self._decode = newest.codec.fast_decoder(self._type)

    def _fitting(self, fits: tuple[bool, ...]) -> tuple[str, ...]:
        *older, newest = self._candidates
        specs = newest.specs
        for fit, one in zip(fits, older, strict=True):
            specs += one.specs if fit else ()
        return _ordered(specs)


@lru_cache(maxsize=1024)
def fitting(type_name: str, names: tuple[str, ...], only: Spec | None = None) -> Fitting:
    """Return what reads the messages of a type, in the versions of the specifications `names`.

    Raises KeyError where no version has the type.
    """
    candidates = groups(type_name, names, only)
    if not candidates:
        raise KeyError(type_name)
    return Fitting(type_name, candidates)


def decode_fitting(
    type_name: str, data: bytes, names: tuple[str, ...], only: Spec | None = None
) -> tuple[Decoded, tuple[str, ...]]:
    """Decode a message of a known type; return it with every version that it fits.

    Raises KeyError where no version has the type.
    """
    return fitting(type_name, names, only).decode(data)


_PLACE = {str(spec): place for place, spec in enumerate(SPECS)}


def _ordered(specs: tuple[str, ...]) -> tuple[str, ...]:
    return specs if len(specs) < 2 else tuple(sorted(specs, key=_PLACE.__getitem__))
