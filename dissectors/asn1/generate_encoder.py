"""Writes a Python encoder for each type of a schema: JER value in, DER out.

A generated function of contents is `def e7(v)`. It raises on any value that is not plainly right;
`writer.py` then says what is wrong, or encodes what is unusual but legal (unknown elements).
"""

from __future__ import annotations

from dissectors.asn1 import model as m


class EncoderWriter:
    """Writes the module text of one schema."""

    def __init__(self, schema: m.Schema) -> None:
        self._schema = schema
        self._lines: list[str] = []
        self._functions: dict[str, str] = {}
        self._tables: dict[str, str] = {}
        self._pending: list[tuple[str, m.Shape]] = []

    def text(self) -> str:
        """Return the module: functions, then `ENCODERS`, type name to function of a whole TLV."""
        entries: list[str] = []
        for key, type_ in self._schema.types.items():
            name = f"t{len(entries)}"
            entries.append(f"    {key!r}: {name},")
            body = self._encode(type_, "v", "    ")
            self._lines += ["", f"def {name}(v):", *body, "    return c"]
            while self._pending:
                self._write(*self._pending.pop())
        head = ["from dissectors.asn1 import runtime as R", "W = R.wrap"]
        tables = [f"{name} = {text}" for text, name in self._tables.items()]
        return "\n".join([*head, *tables, *self._lines, "ENCODERS = {", *entries, "}"]) + "\n"

    def _callee(self, type_: m.Type) -> str:
        shape, key = type_.shape, ""
        while isinstance(shape, m.Ref):
            key = shape.key
            shape = self._schema.types[key].shape
        identity = key or f"inline {id(shape)}"
        if identity not in self._functions:
            self._functions[identity] = f"e{len(self._functions)}"
            self._pending.append((self._functions[identity], shape))
        return self._functions[identity]

    def _table(self, text: str) -> str:
        return self._tables.setdefault(text, f"T{len(self._tables)}")

    def _write(self, name: str, shape: m.Shape) -> None:
        self._lines += ["", f"def {name}(v):"]
        match shape:
            case m.Sequence(fields):
                self._write_sequence(fields)
            case m.ListOf():
                self._lines += ["    if v.__class__ is not list: raise TypeError", "    o = []"]
                self._lines += ["    for x in v:"]
                self._lines += self._encode(shape.element, "x", "        ")
                self._lines += ["        o.append(c)"]
                self._lines += _bounds("len(v)", shape.size, "    ")
                if shape.is_set:
                    self._lines += ["    o.sort()"]
                self._lines += ["    return b''.join(o)"]
            case m.Choice(arms):
                self._lines += ["    (arm, x), = v.items()"]
                for arm in arms:
                    self._lines += [f"    if arm == {arm.name!r}:"]
                    self._lines += self._encode(arm.type, "x", "        ")
                    self._lines += ["        return c"]
                self._lines += ["    raise KeyError(arm)"]

    def _write_sequence(self, fields: tuple[m.Field, ...]) -> None:
        out = self._lines
        mandatory = sum(not field.optional for field in fields)
        out += ["    if v.__class__ is not dict: raise TypeError"]
        out += ["    o = []", f"    k = {mandatory}"]
        for field in fields:
            pad = "    "
            if field.optional:
                out += [f"    if {field.name!r} in v:", "        k += 1"]
                pad = "        "
            out += [f"{pad}x = v[{field.name!r}]"]
            body = self._encode(field.type, "x", pad)
            if field.default is not None:
                forms = m.default_forms(self._schema.shape(field.type), field.default)
                kind = "is not" if forms[0].__class__ is bool else "is"
                out += [f"{pad}if x not in {forms!r} or x.__class__ {kind} bool:"]
                body = ["    " + line for line in body] + [f"{pad}    o.append(c)"]
                out += body
            else:
                out += [*body, f"{pad}o.append(c)"]
        # a member that is not a component is an unknown element or a mistake: not for this path
        out += ["    if len(v) != k: raise KeyError", "    return b''.join(o)"]

    def _encode(self, type_: m.Type, source: str, pad: str) -> list[str]:
        """Return lines that leave the encoding of `source` in `c`."""
        shape = self._schema.shape(type_)
        if isinstance(shape, m.Leaf):
            lines = [f"{pad}c = R.leaf_octets({source}, {type_.tags[-1]!r})"]
            outer = type_.tags[:-1]
        else:
            lines = [pad + line for line in self._contents(type_, shape, source)]
            outer = type_.tags
        return lines + [f"{pad}c = W({tag!r}, c)" for tag in reversed(outer)]

    def _contents(self, type_: m.Type, shape: m.Shape, x: str) -> list[str]:
        match shape:
            case m.Sequence() | m.ListOf() | m.Choice():
                return [f"c = {self._callee(type_)}({x})"]
            case m.Octets(size):
                return [f"c = bytes.fromhex({x})", *_bounds("len(c)", size, "")]
            case m.Integer(names, limits):
                lines = []
                if names:
                    table = self._table(repr({label: number for number, label in names}))
                    lines = [f"{x} = {table}.get({x}, {x})"]
                return [*lines, f"c = R.integer_octets({x})", *_bounds(x, limits, "")]
            case m.Boolean():
                yes, no = r"b'\xff'", r"b'\x00'"
                return [f"c = {yes} if {x} is True else {no} if {x} is False else R.bad()"]
            case m.Null():
                return [f"c = b'' if {x} is None else R.bad()"]
            case m.Bits(names, size):
                check = "(len(c) * 8 - 8 - c[0])"
                call = f"c = R.bits_octets({x}, {bool(names)})"
                return [call, *_bounds(check, size, "")]
            case m.Text(charset, size):
                return [f"c = R.text_octets({x}, {charset!r})", *_bounds(f"len({x})", size, "")]
            case m.Oid():
                return [f"c = R.oid_octets({x})"]
            case m.Time(form):
                return [f"c = {x}.encode('ascii')", f"R.time(c, {form!r})"]
        return [f"c = R.open_octets({x})"]


def _bounds(what: str, size: m.Range | None, pad: str) -> list[str]:
    if size is None:
        return []
    low = f"{size.low} <= " if size.low is not None else ""
    high = f" <= {size.high}" if size.high is not None else ""
    return [f"{pad}if not {low}{what}{high}: raise ValueError"]
