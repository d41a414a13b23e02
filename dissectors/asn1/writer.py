"""Encodes any JER value, or says exactly which member is wrong and why.

The generated encoders handle what is plainly right. This one also writes unknown elements, which
a decoded value carries as `?<tag>` members, at the place where they stood.
"""

from __future__ import annotations

from dissectors.asn1 import model as m
from dissectors.asn1 import runtime
from dissectors.asn1.header import read_header, silent


class EncodeError(ValueError):
    """A value does not fit its type; `path` names the member."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        super().__init__(f"{path or 'value'}: {text}")


def encode_value(schema: m.Schema, type_: m.Type, value: m.Value, path: str = "") -> bytes:
    """Return the DER of `value` as `type_`."""
    shape = schema.shape(type_)
    if isinstance(shape, m.Leaf):
        contents = _checked(path, value, lambda: runtime.leaf_octets(value, type_.tags[-1]),
                            f"expected the DER of a {shape.name} as hex")  # fmt: skip
        outer = type_.tags[:-1]
    else:
        contents = _contents(schema, shape, value, path)
        outer = type_.tags
    for tag in reversed(outer):
        contents = runtime.wrap(tag, contents)
    return contents


def _checked(path: str, value: m.Value, write: object, wanted: str) -> bytes:
    try:
        return write()  # type: ignore[operator, no-any-return]
    except runtime.FAULTS as error:
        told = str(error) if type(error) is ValueError else ""
        # Python's own words about hex name a function of Python
        told = wanted if not told or "fromhex" in told else told
        raise EncodeError(path, f"{_shown(value)}: {told}") from None


def _shown(value: m.Value) -> str:
    if isinstance(value, int) and value.bit_length() > 8 * runtime.MAX_NUMBER:
        return f"an integer of {value.bit_length()} bits"
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _sized(path: str, size: m.Range | None, count: int, unit: str) -> None:
    if size is not None and not size.holds(count):
        raise EncodeError(path, f"{count} {unit}, SIZE is {size}")


def _contents(schema: m.Schema, shape: m.Shape, value: m.Value, path: str) -> bytes:
    match shape:
        case m.Sequence(fields):
            return _sequence(schema, fields, value, path)
        case m.ListOf(element, size, is_set):
            if not isinstance(value, list):
                raise EncodeError(path, f"expected a list, got {_kind(value)}")
            _sized(path, size, len(value), "elements")
            parts = [encode_value(schema, element, item, f"{path}[{index}]")
                     for index, item in enumerate(value)]  # fmt: skip
            return b"".join(sorted(parts) if is_set else parts)
        case m.Choice(arms):
            return _choice(schema, arms, value, path)
        case m.Open():
            return _checked(path, value, lambda: runtime.open_octets(value),
                            "expected one element as hex")  # fmt: skip
    return _leaf(shape, value, path)


def _kind(value: m.Value) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)


def _sequence(schema: m.Schema, fields: tuple[m.Field, ...], value: m.Value, path: str) -> bytes:
    if not isinstance(value, dict):
        raise EncodeError(path, f"expected an object, got {_kind(value)}")
    known = {field.name: field for field in fields}
    for field in fields:
        if not field.optional and field.name not in value:
            raise EncodeError(f"{path}.{field.name}".lstrip("."), "mandatory, but not given")
    # unknown elements follow the known member before them; known ones go in the type's order
    after: dict[str, list[bytes]] = {}
    last = ""
    for name, member in value.items():
        if name in known:
            last = name
            continue
        below = f"{path}.{name}".lstrip(".")
        if not name.startswith("?"):
            raise EncodeError(below, f"no such member; known are {', '.join(known) or 'none'}")
        raw = _checked(below, member, lambda n=name, m=member: _kept(n, m),
                       "expected a whole element as hex")  # fmt: skip
        after.setdefault(last, []).append(raw)
    out = after.pop("", [])
    for field in fields:
        if field.name in value:
            member = value[field.name]
            if field.default is None or not _is_default(schema, field, member):
                below = f"{path}.{field.name}".lstrip(".")
                out.append(encode_value(schema, field.type, member, below))
            out += after.get(field.name, [])
    return b"".join(out)


def _is_default(schema: m.Schema, field: m.Field, value: m.Value) -> bool:
    forms = m.default_forms(schema.shape(field.type), field.default)
    return any(type(value) is type(form) and value == form for form in forms)


def _kept(name: str, value: str) -> bytes:
    """Return what a decoder kept: `?8f` is one element of that tag, `?` whatever stood there."""
    octets = bytes.fromhex(value)
    tag = bytes.fromhex(name[1:].partition("#")[0])
    if tag:
        header = read_header(octets, 0, len(octets), silent)
        if header is None or header.tag != tag or header.next != len(octets):
            raise ValueError(f"not one element of tag {tag.hex().upper()}")
    return octets


def _choice(schema: m.Schema, arms: tuple[m.Field, ...], value: m.Value, path: str) -> bytes:
    if not isinstance(value, dict) or len(value) != 1:
        names = ", ".join(arm.name for arm in arms)
        raise EncodeError(path, f"expected an object with one of: {names}")
    ((name, member),) = value.items()
    for arm in arms:
        if arm.name == name:
            return encode_value(schema, arm.type, member, f"{path}.{name}".lstrip("."))
    if name == "?":
        # an alternative that is not known was kept as it came
        return _checked(f"{path}.?".lstrip("."), member, lambda: runtime.open_octets(member),
                        "expected one element as hex")  # fmt: skip
    names = ", ".join(arm.name for arm in arms)
    raise EncodeError(path, f"no alternative {name!r}; known are {names}")


def _leaf(shape: m.Shape, value: m.Value, path: str) -> bytes:
    match shape:
        case m.Octets(size):
            octets = _checked(path, value, lambda: bytes.fromhex(value), "expected hex")
            _sized(path, size, len(octets), "octets")
            return octets
        case m.Integer(names, limits):
            by_name = {label: number for number, label in names}
            number = by_name.get(value, value) if isinstance(value, str) else value
            if limits is not None and isinstance(number, int) and not limits.holds(number):
                raise EncodeError(path, f"{_shown(number)} is outside {limits}")
            known = ", ".join(label for _, label in names)
            wanted = f"expected a number or one of: {known}" if known else "expected a number"
            return _checked(path, value, lambda: runtime.integer_octets(number), wanted)  # type: ignore[arg-type]
        case m.Boolean():
            if not isinstance(value, bool):
                raise EncodeError(path, f"expected true or false, got {_kind(value)}")
            return b"\xff" if value else b"\x00"
        case m.Null():
            if value is not None:
                raise EncodeError(path, f"expected null, got {_kind(value)}")
            return b""
        case m.Bits(names, size):
            contents = _checked(path, value, lambda: runtime.bits_octets(value, bool(names)),
                                'expected {"value": hex, "length": bits}')  # fmt: skip
            _sized(path, size, len(contents) * 8 - 8 - contents[0], "bits")
            return contents
        case m.Text(charset, size):
            if not isinstance(value, str):
                raise EncodeError(path, f"expected text, got {_kind(value)}")
            _sized(path, size, len(value), "characters")
            return _checked(path, value, lambda: runtime.text_octets(value, charset),
                            f"not a {charset}")  # fmt: skip
        case m.Oid():
            return _checked(
                path, value, lambda: runtime.oid_octets(value), "expected dotted numbers"
            )
        case m.Time(form):
            return _checked(path, value, lambda: _time(value, form), f"expected a {form} in Z")
    raise AssertionError(shape)


def _time(value: str, form: str) -> bytes:
    contents = value.encode("ascii")
    runtime.time(contents, form)
    return contents
