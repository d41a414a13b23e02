"""Prints types for a person: their ASN.1 with wire tags, and what changed between versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dissectors.asn1 import codec
from dissectors.asn1 import model as m
from dissectors.asn1.versions import Spec


def names(spec: Spec) -> list[str]:
    """Return the types of a version, one a line: first tag, name."""
    schema = codec.load(spec).schema
    rows = []
    for key, type_ in schema.types.items():
        if ":" not in key:
            tag = type_.tags[0].hex().upper() if type_.tags else "-"
            rows.append(f"{tag:<6}{key}")
    return rows


def definition(spec: Spec, name: str) -> list[str]:
    """Return a type as ASN.1 text with its wire tags; KeyError where there is none."""
    loaded = codec.load(spec)
    type_ = loaded.type(name)
    printer = _Printer(loaded.schema)
    lines = printer.body(type_, 0)
    head = f"-- {spec}"
    if type_.tags:
        head += f", tag {' '.join(tag.hex().upper() for tag in type_.tags)}"
    shape = loaded.schema.shape(type_)
    if isinstance(shape, m.ListOf):
        head += printer.of_elements(shape.element)
    below = sorted(printer.used - {name})
    lines[0] = f"{name} ::= {lines[0]}"
    if below:
        lines.append(f"-- uses {', '.join(below)}")
    return [head, *lines]


# columns of a type before its tag is written behind it
_ROOM = 60


class _Printer:
    """Writes a type down; named types inside it stay names."""

    def __init__(self, schema: m.Schema) -> None:
        self._schema = schema
        self.used: set[str] = set()

    def body(self, type_: m.Type, depth: int) -> list[str]:
        """Return the shape of a type, opened by one level."""
        shape = self._schema.shape(type_)
        pad = "    " * (depth + 1)
        match shape:
            case m.Sequence(fields) | m.Choice(fields):
                word = "SEQUENCE" if isinstance(shape, m.Sequence) else "CHOICE"
                if not fields:
                    return [f"{word} {{}}"]
                lines = [f"{word} {{"]
                for number, field in enumerate(fields):
                    comma = "," if number < len(fields) - 1 else ""
                    lines += self._field(field, pad, comma, depth)
                return [*lines, "    " * depth + "}"]
            case m.ListOf(element, size, is_set):
                word = "SET" if is_set else "SEQUENCE"
                limit = f" (SIZE ({size}))" if size else ""
                plain = isinstance(element.shape, m.Ref) or _is_plain(element.shape)
                lines = [self.name(element)] if plain else self.body(element, depth)
                return [f"{word}{limit} OF {lines[0]}", *lines[1:]]
            case m.Integer(named, limits):
                return _listed("INTEGER", named, f" ({limits})" if limits else "", pad)
            case m.Bits(named, size):
                return _listed("BIT STRING", named, f" (SIZE ({size}))" if size else "", pad)
            case m.Octets(size):
                return ["OCTET STRING" + (f" (SIZE ({size}))" if size else "")]
            case m.Text(charset, size):
                return [charset + (f" (SIZE ({size}))" if size else "")]
            case m.Leaf(name):
                return [name]
            case m.Time(form):
                return [form]
            case m.Boolean():
                return ["BOOLEAN"]
            case m.Null():
                return ["NULL"]
            case m.Oid():
                return ["OBJECT IDENTIFIER"]
        return ["ANY"]

    def name(self, type_: m.Type) -> str:
        """Return how a type is named where it is used."""
        if isinstance(type_.shape, m.Ref):
            self.used.add(type_.label)
            return type_.label
        return " ".join(self.body(type_, 0)) if _is_plain(type_.shape) else type_.label

    def field(self, field: m.Field) -> list[str]:
        """Return one member with its tags and presence."""
        return self._field(field, "", "", 0)

    def of_elements(self, element: m.Type) -> str:
        """Return the tags that the elements of a list begin with."""
        tags = self._schema.first_tags(element)
        return f" of {' / '.join(tag.hex().upper() for tag in tags)}" if tags else ""

    def _field(self, field: m.Field, pad: str, comma: str, depth: int) -> list[str]:
        tags = self._schema.first_tags(field.type)
        shown = " / ".join(tag.hex().upper() for tag in tags) or "any"
        inline = not isinstance(field.type.shape, m.Ref)
        lines = self.body(field.type, depth + 1) if inline else [self.name(field.type)]
        presence = ""
        if field.default is not None:
            default = field.default
            presence = f" DEFAULT {str(default).upper() if isinstance(default, bool) else default}"
        elif field.optional:
            presence = " OPTIONAL"
        wrap = " explicit" if len(field.type.tags) > 1 or _is_wrapper(self._schema, field) else ""
        if isinstance(field.type.shape, m.ListOf):
            wrap += self.of_elements(field.type.shape.element)
        lines[0] = f"{pad}{field.name} {lines[0]}"
        lines[-1] = f"{lines[-1]}{presence}{comma}"
        lines[0] = f"{lines[0]:<72} -- {shown}{wrap}"
        return lines


def _listed(word: str, named: tuple[tuple[int, str], ...], limit: str, pad: str) -> list[str]:
    """Return a type with its named numbers, on one line where there is room."""
    items = [f"{label}({number})" for number, label in named]
    if not items:
        return [word + limit]
    line = f"{word} {{ {', '.join(items)} }}{limit}"
    if len(line) + len(pad) < _ROOM:
        return [line]
    rows = [f"{pad}{item}," for item in items]
    return [f"{word} {{", *rows[:-1], rows[-1][:-1], f"{pad[:-4]}}}{limit}"]


def _is_wrapper(schema: m.Schema, field: m.Field) -> bool:
    shape = schema.shape(field.type)
    return bool(field.type.tags) and isinstance(shape, m.Choice | m.Open)


def _is_plain(shape: m.Shape) -> bool:
    return not isinstance(shape, m.Sequence | m.Choice | m.Ref)


# --- differences ---


def difference(old: Spec, new: Spec, only: str | None = None) -> Iterator[str]:
    """Walk what changed from `old` to `new`: types, then their members, as + and - lines.

    `only` limits it to one type; KeyError where neither version has that.
    """
    before, after = codec.load(old).schema, codec.load(new).schema
    if only is not None and only not in before.types:
        codec.load(new).type(only)
    for name in sorted({*before.types, *after.types}):
        if ":" in name or (only and name != only):
            continue
        if name not in after.types:
            yield f"- {name}"
        elif name not in before.types:
            yield f"+ {name}"
        else:
            rows = _rows(before, before.types[name]), _rows(after, after.types[name])
            changed = [f"    - {row}" for row in rows[0] if row not in rows[1]]
            changed += [f"    + {row}" for row in rows[1] if row not in rows[0]]
            if changed:
                yield f"  {name}"
                yield from changed


def _rows(schema: m.Schema, type_: m.Type) -> list[str]:
    """Return a type as rows that can be compared: a member, an alternative or a value a row."""
    printer = _Printer(schema)
    rows = []
    if type_.tags:
        rows.append(f"tag {type_.tags[0].hex().upper()}")
    shape = schema.shape(type_)
    match shape:
        case m.Integer(named, _):
            rows += [f"{label}({number})" for number, label in named]
        case m.Bits(named, _):
            rows += [f"bit {label}({number})" for number, label in named]
        case m.Sequence(fields) | m.Choice(fields):
            for field in fields:
                inner = schema.shape(field.type)
                if isinstance(inner, m.Integer | m.Bits) and inner is field.type.shape:
                    # named numbers and bits of a member have rows of their own
                    bit = "bit " if isinstance(inner, m.Bits) else ""
                    rows += [f"{field.name}: {bit}{label}({at})" for at, label in inner.names]
                    plain = m.Type(field.type.tags, replace(inner, names=()), field.type.label)
                    field = m.Field(field.name, plain, field.optional, field.default)
                lines = printer.field(field)
                rows.append(" ".join(" ".join(lines).split()))
        case _:
            rows += printer.body(type_, 0)
    return rows
