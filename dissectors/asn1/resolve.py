"""Turns parsed modules into a `Schema`: the tag rules of X.680, applied once, here.

Families are module sets that see one another in one direction: SGP.32 sees RSP and PKIX, RSP sees
PKIX, IFPP sees itself alone. SGP.32 gives some RSP names a new shape, so a name is looked up from
where it is used.
"""

from __future__ import annotations

from typing import Any

from dissectors.asn1 import model as m
from dissectors.asn1.syntax import ModuleError, RawType, compose
from dissectors.asn1.versions import Spec, parse_spec

_UNIVERSAL = {
    "BOOLEAN": 0x01, "INTEGER": 0x02, "BIT STRING": 0x03, "OCTET STRING": 0x04, "NULL": 0x05,
    "OBJECT IDENTIFIER": 0x06, "ENUMERATED": 0x0A, "UTF8String": 0x0C, "SEQUENCE": 0x30,
    "SEQUENCE OF": 0x30, "SET": 0x31, "SET OF": 0x31, "NumericString": 0x12,
    "PrintableString": 0x13, "TeletexString": 0x14, "T61String": 0x14, "IA5String": 0x16,
    "UTCTime": 0x17, "GeneralizedTime": 0x18, "VisibleString": 0x1A, "UniversalString": 0x1C,
    "BMPString": 0x1E,
}  # fmt: skip
_CLASSES = {"UNIVERSAL": 0x00, "APPLICATION": 0x40, "CONTEXT": 0x80, "PRIVATE": 0xC0}
_OPEN = {"ANY", "ANY DEFINED BY"}
# X.509 objects are signed or pinned as bytes: kept whole outside PKIX, opened for display
LEAVES = frozenset({"Certificate", "CertificateList", "SubjectPublicKeyInfo"})


def identifier(tag_class: str, number: int, constructed: bool) -> bytes:
    """Return identifier octets. X.690 §8.1.2."""
    first = _CLASSES[tag_class] | (0x20 if constructed else 0)
    if number < 31:
        return bytes([first | number])
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes([first | 0x1F, *reversed(digits)])


def is_constructed(tag: bytes) -> bool:
    """Say whether identifier octets announce constructed contents."""
    return bool(tag[0] & 0x20)


def build_schema(spec: Spec) -> m.Schema:
    """Resolve every type of a spec version."""
    families = {"pkix": compose(("pkix.asn",))}
    if spec.name == "SGP.32":
        families["sgp32"] = compose(spec.modules)
        families["rsp"] = compose(parse_spec(spec.imports).modules)
    else:
        families["ifpp" if spec.name == "IFPP" else "rsp"] = compose(spec.modules)
    return _Resolver(str(spec), families).schema()


_SEEN_FROM = {
    "sgp32": ("sgp32", "rsp", "pkix"),
    "rsp": ("rsp", "pkix"),
    "ifpp": ("ifpp",),
    "pkix": ("pkix",),
}


class _Resolver:
    def __init__(self, spec: str, families: dict[str, dict[str, RawType]]) -> None:
        self._spec = spec
        self._families = families
        self._top = next(name for name in ("sgp32", "rsp", "ifpp") if name in families)
        self._done: dict[str, m.Type] = {}
        self._busy: set[str] = set()
        self._tag_default = ""

    def schema(self) -> m.Schema:
        for family in _SEEN_FROM[self._top]:
            for name in self._families[family]:
                self._define(family, name)
        return m.Schema(self._spec, self._done)

    def _key(self, family: str, name: str) -> str:
        for nearer in _SEEN_FROM[self._top]:
            if name in self._families[nearer]:
                return name if nearer == family else f"{family}:{name}"
        raise AssertionError(name)

    def _define(self, family: str, name: str) -> m.Type:
        key = self._key(family, name)
        if key not in self._done:
            if key in self._busy:
                raise ModuleError(f"{name} is defined by itself: recursion is not supported")
            self._busy.add(key)
            raw, before = self._families[family][name], self._tag_default
            self._tag_default = raw["tag default"]
            self._done[key] = self._type(family, raw, name)
            self._tag_default = before
            self._busy.discard(key)
        return self._done[key]

    def _find(self, family: str, name: str) -> str:
        for nearer in _SEEN_FROM[family]:
            if name in self._families[nearer]:
                return nearer
        raise ModuleError(f"{family}: type {name} is used but not defined")

    def _type(self, family: str, raw: RawType, where: str) -> m.Type:
        name: str = raw["type"]
        if name in _OPEN:
            inner = m.Type((), m.Open(), "ANY")
        elif name == "CHOICE":
            arms = self._fields(family, raw["members"], where)
            inner = m.Type((), m.Choice(arms), "CHOICE")
        elif name in _UNIVERSAL:
            shape = self._builtin(family, raw, where)
            constructed = name in ("SEQUENCE", "SEQUENCE OF", "SET", "SET OF")
            tag = bytes([_UNIVERSAL[name]])
            assert is_constructed(tag) == constructed
            inner = m.Type((tag,), shape, name)
        else:
            inner = self._reference(family, raw, name)
        return self._tagged(raw.get("tag"), inner)

    def _reference(self, family: str, raw: RawType, name: str) -> m.Type:
        home = self._find(family, name)
        target = self._define(home, name)
        if home == "pkix" and family != "pkix" and name in LEAVES:
            return m.Type(target.tags, m.Leaf(name), name)
        shape: m.Shape = m.Ref(self._key(home, name))
        if size := _range(raw.get("size")):
            shape = _sized(m.Schema("", self._done).shape(target), size)
        return m.Type(target.tags, shape, name)

    def _tagged(self, tag: dict[str, Any] | None, inner: m.Type) -> m.Type:
        if tag is None:
            return inner
        # X.680 §31.2.7: over an untagged CHOICE or open type a tag is always EXPLICIT
        kind = tag.get("kind") or ("EXPLICIT" if self._tag_default == "EXPLICIT" else "IMPLICIT")
        explicit = not inner.tags or kind == "EXPLICIT"
        constructed = explicit or is_constructed(inner.tags[0])
        own = identifier(tag.get("class", "CONTEXT"), tag["number"], constructed)
        rest = inner.tags if explicit else inner.tags[1:]
        return m.Type((own, *rest), inner.shape, inner.label)

    def _fields(self, family: str, members: list[Any], where: str) -> tuple[m.Field, ...]:
        flat: list[RawType] = []
        for member in members:
            # None is an extension mark "...", a list an extension group "[[ ]]"
            flat += member if isinstance(member, list) else [member] if member else []
        # X.680 §25.7, §29.2: automatic tags only where no component is written with a tag
        automatic = self._tag_default == "AUTOMATIC" and not any("tag" in m for m in flat)
        fields = []
        for number, member in enumerate(flat):
            own = {"tag": {"number": number, "kind": "IMPLICIT"}} if automatic else {}
            raw = {**member, **own}
            type_ = self._type(family, raw, f"{where}.{member['name']}")
            has_default = "default" in member
            default = self._default(type_, member["default"]) if has_default else None
            optional = bool(member.get("optional")) or has_default
            fields.append(m.Field(member["name"], type_, optional, default))
        return tuple(fields)

    def _default(self, type_: m.Type, default: Any) -> m.Value:
        if isinstance(default, int | str):
            return default
        raise ModuleError(f"DEFAULT {default!r} of {type_.label}: only numbers and names are read")

    def _builtin(self, family: str, raw: RawType, where: str) -> m.Shape:
        name, size = raw["type"], _range(raw.get("size"))
        match name:
            case "BOOLEAN":
                return m.Boolean()
            case "NULL":
                return m.Null()
            case "INTEGER":
                names = tuple((int(n), label) for label, n in raw.get("named-numbers", {}).items())
                return m.Integer(names, _range(raw.get("restricted-to")))
            case "ENUMERATED":
                values = [value for value in raw["values"] if value]
                return m.Integer(tuple((int(number), label) for label, number in values))
            case "BIT STRING":
                bits = tuple((int(bit), label) for label, bit in raw.get("named-bits", ()))
                return m.Bits(bits, size)
            case "OCTET STRING":
                return m.Octets(size)
            case "OBJECT IDENTIFIER":
                return m.Oid()
            case "UTCTime" | "GeneralizedTime":
                return m.Time(name)
            case "SEQUENCE":
                return m.Sequence(self._fields(family, raw["members"], where))
            case "SEQUENCE OF" | "SET OF":
                element = self._type(family, raw["element"], f"{where}[]")
                return m.ListOf(element, size, name == "SET OF")
            case "SET":
                raise ModuleError(f"{where}: SET is not supported")
        return m.Text(name, size)


def _range(raw: Any) -> m.Range | None:
    if not raw:
        return None
    bounds = raw[0]
    low, high = bounds if isinstance(bounds, list | tuple) else (bounds, bounds)
    return m.Range(_bound(low, "MIN"), _bound(high, "MAX"))


def _bound(value: Any, unbounded: str) -> int | None:
    return None if value == unbounded else int(value)


def _sized(shape: m.Shape, size: m.Range) -> m.Shape:
    match shape:
        case m.Octets():
            return m.Octets(size)
        case m.Text(charset):
            return m.Text(charset, size)
        case m.Bits(names):
            return m.Bits(names, size)
        case m.ListOf(element, _, is_set):
            return m.ListOf(element, size, is_set)
    raise ModuleError("SIZE applies to strings and lists only")
