"""Writes a Python decoder for each type of a schema, straight-line code for regular DER.

The same writer makes two modules: *fast* functions return values only, *full* ones return nodes.
A generated function of contents is `def s7(b, p, e)`: it reads `b[p:e]` and must end at `e`; an
untagged CHOICE is `def c7(b, p)`: it reads one TLV and returns what it read and where that ends.
No function looks ahead of `e` on purpose; one that runs past it fails its own `p != e` check.
"""

from __future__ import annotations

from dissectors.asn1 import model as m
from dissectors.asn1.digest import digests
from dissectors.asn1.node import CHOICE, LEAF, LIST, SEQUENCE


class DecoderWriter:
    """Writes the module text of one schema."""

    def __init__(self, schema: m.Schema, full: bool) -> None:
        self._schema = schema
        self._full = full
        self._lines: list[str] = []
        self._functions: dict[str, str] = {}
        self._tables: dict[str, str] = {}
        self._pending: list[tuple[str, m.Shape, str]] = []
        self._indent = 1
        self._depth = 0

    def text(self) -> str:
        """Return the module: functions, then `DECODERS` and `TAGS`, first tag to type names."""
        entries: list[str] = []
        for key, type_ in self._schema.types.items():
            name = f"t{len(entries)}"
            entries.append(f"    {key!r}: {name},")
            self._function(f"def {name}(b, p):")
            self._read(m.Field(key, type_), "x")
            self._put("return x, p")
            self._drain()
        head = ["from dissectors.asn1.runtime import *", "from dissectors.asn1 import runtime as R",
                "I, N = R.Irregular, R.Node", "LL, INT = R.long_length, R.integer"]  # fmt: skip
        tables = [f"{name} = {text}" for text, name in self._tables.items()]
        tail = ["DECODERS = {", *entries, "}", f"TAGS = {self._tags()!r}"]
        tail.append(f"DIGESTS = {digests(self._schema)!r}")
        return "\n".join([*head, *tables, *self._lines, *tail]) + "\n"

    def _tags(self) -> dict[bytes, list[str]]:
        """Return the types that can be told by their first tag alone."""
        tags: dict[bytes, list[str]] = {}
        for key, type_ in self._schema.types.items():
            if type_.tags and ":" not in key:
                tags.setdefault(type_.tags[0], []).append(key)
        return tags

    # --- writing ---

    def _put(self, line: str) -> None:
        self._lines.append("    " * self._indent + line)

    def _function(self, head: str) -> None:
        self._lines += ["", head]
        self._indent, self._depth = 1, 0

    def _drain(self) -> None:
        while self._pending:
            name, shape, label = self._pending.pop()
            match shape:
                case m.Sequence(fields):
                    self._write_sequence(name, fields)
                case m.ListOf():
                    self._write_list(name, shape, label)
                case m.Choice(arms):
                    self._write_choice(name, arms)

    def _callee(self, type_: m.Type) -> tuple[str, m.Shape]:
        """Return the function that reads the contents of `type_`, to be written if it is new."""
        shape, key = type_.shape, ""
        while isinstance(shape, m.Ref):
            key = shape.key
            shape = self._schema.types[key].shape
        identity = key or f"inline {id(shape)}"
        if identity not in self._functions:
            letter = "c" if isinstance(shape, m.Choice) else "s"
            name = f"{letter}{len(self._functions)}"
            self._functions[identity] = name
            self._pending.append((name, shape, type_.label))
        return self._functions[identity], shape

    def _table(self, text: str) -> str:
        return self._tables.setdefault(text, f"T{len(self._tables)}")

    def _tag_test(self, tag: bytes, equal: bool) -> str:
        sign, join = ("==", " and ") if equal else ("!=", " or ")
        if len(tag) < 3:
            tests = [f"b[p + {i}] {sign} {octet}" if i else f"b[p] {sign} {octet}"
                     for i, octet in enumerate(tag)]  # fmt: skip
            return join.join(tests)
        return f"b[p:p + {len(tag)}] {sign} {tag!r}"

    def _any_tag_test(self, tags: tuple[bytes, ...]) -> str:
        return " or ".join(f"({self._tag_test(tag, True)})" for tag in tags)

    # --- shapes with functions of their own ---

    def _write_sequence(self, name: str, fields: tuple[m.Field, ...]) -> None:
        self._function(f"def {name}(b, p, e):")
        self._put("v = []" if self._full else "v = {}")
        for field in fields:
            if field.optional:
                tags = self._schema.first_tags(field.type)
                test = self._any_tag_test(tags)
                self._put(f"if p < e and ({test}):" if tags else "if p < e:")
                self._indent += 1
            self._read(field, "x", tag_known=field.optional and len(field.type.tags) > 0)
            if field.default is not None:
                got = "x.value" if self._full else "x"
                self._put(f"if {got} == {field.default!r}: raise I")
            self._put("v.append(x)" if self._full else f"v[{field.name!r}] = x")
            if field.optional:
                self._indent -= 1
        self._put("if p != e: raise I")
        self._put("return v")

    def _write_list(self, name: str, shape: m.ListOf, label: str) -> None:
        self._function(f"def {name}(b, p, e):")
        self._put("v = []")
        if shape.is_set:
            self._put("last = b''")
        self._put("while p < e:")
        self._indent += 1
        if shape.is_set:
            self._put("first = p")
        self._read(m.Field("", shape.element), "x")
        if shape.is_set:
            self._put("if b[first:p] < last: raise I")
            self._put("last = b[first:p]")
        self._put("v.append(x)")
        self._indent -= 1
        self._put("if p != e: raise I")
        self._bounds("len(v)", shape.size)
        self._put("return v")

    def _write_choice(self, name: str, arms: tuple[m.Field, ...]) -> None:
        self._function(f"def {name}(b, p):")
        for arm in arms:
            tags = self._schema.first_tags(arm.type)
            self._put(f"if {self._any_tag_test(tags)}:" if tags else "if True:")
            self._indent += 1
            self._read(arm, "x", tag_known=len(arm.type.tags) > 0)
            self._put("return x, p" if self._full else f"return {{{arm.name!r}: x}}, p")
            self._indent -= 1
        self._put("raise I")

    def _bounds(self, what: str, size: m.Range | None) -> None:
        if size is None:
            return
        if size.low == size.high:
            self._put(f"if {what} != {size.low}: raise I")
        elif size.low in (None, 0) and size.high is not None:
            self._put(f"if {what} > {size.high}: raise I")
        elif size.high is None:
            self._put(f"if {what} < {size.low}: raise I")
        else:
            self._put(f"if not {size.low} <= {what} <= {size.high}: raise I")

    # --- one use of a type: read the TLV at p, leave the value in `target`, p behind it ---

    def _read(self, field: m.Field, target: str, tag_known: bool = False) -> None:
        type_, shape = field.type, self._schema.shape(field.type)
        if not type_.tags:
            self._read_untagged(field, shape, target)
            return
        self._depth += 1
        start, ends = f"s{self._depth}", []
        if self._full or isinstance(shape, m.Leaf):
            self._put(f"{start} = p")
        for number, tag in enumerate(type_.tags):
            if number or not tag_known:
                self._put(f"if {self._tag_test(tag, False)}: raise I")
            end = f"q{self._depth}_{number}"
            ends.append(end)
            self._put(f"n = b[p + {len(tag)}]; p += {len(tag) + 1}")
            self._put("if n > 127: n, p = LL(b, p, n)")
            self._put(f"{end} = p + n")
        for outer in ends[:-1]:
            self._put(f"if {ends[-1]} != {outer}: raise I")
        self._contents(field, shape, target, start, ends[-1])
        self._put(f"p = {ends[-1]}")
        self._depth -= 1

    def _node(self, field: m.Field, kind: str, start: str, end: str, value: str, kids: str) -> str:
        label = field.type.label
        tag = field.type.tags[0] if field.type.tags else b""
        return (f"N({field.name!r}, {label!r}, {kind!r}, {tag!r}, "
                f"{start}, p, {end}, {value}, {kids})")  # fmt: skip

    def _read_untagged(self, field: m.Field, shape: m.Shape, target: str) -> None:
        if isinstance(shape, m.Choice):
            callee, _ = self._callee(field.type)
            if not self._full:
                self._put(f"{target}, p = {callee}(b, p)")
                return
            self._put(f"y, q = {callee}(b, p)")
            self._put(f"{target} = {self._node(field, CHOICE, 'p', 'q', 'None', '[y]')}")
        else:
            self._put("q = R.element_end(b, p)")
            self._put("y = R.regular(b[p:q])")
            node = self._node(field, LEAF, "p", "q", "y", "[]")
            self._put(f"{target} = {node if self._full else 'y'}")
        self._put("p = q")

    def _contents(self, field: m.Field, shape: m.Shape, target: str, start: str, end: str) -> None:
        match shape:
            case m.Sequence() | m.ListOf():
                callee, _ = self._callee(field.type)
                call = f"{callee}(b, p, {end})"
                kind = SEQUENCE if isinstance(shape, m.Sequence) else LIST
                if self._full:
                    call = self._node(field, kind, start, end, "None", call)
                self._put(f"{target} = {call}")
            case m.Choice():
                callee, _ = self._callee(field.type)
                self._put(f"y, r = {callee}(b, p)")
                self._put(f"if r != {end}: raise I")
                node = self._node(field, CHOICE, start, end, "None", "[y]")
                self._put(f"{target} = {node if self._full else 'y'}")
            case _:
                self._leaf(field, shape, start, end)
                node = self._node(field, LEAF, start, end, "y", "[]")
                self._put(f"{target} = {node if self._full else 'y'}")

    def _leaf(self, field: m.Field, shape: m.Shape, start: str, end: str) -> None:
        """Leave the value of a leaf in `y`."""
        match shape:
            case m.Octets(size):
                self._bounds("n", size)
                self._put(f"y = b[p:{end}].hex()")
            case m.Integer(names, limits):
                self._put(f"y = b[p] if n == 1 and b[p] < 128 else INT(b, p, {end})")
                self._bounds("y", limits)
                if names:
                    self._put(f"y = {self._table(repr(dict(names)))}.get(y, y)")
            case m.Boolean():
                self._put("if n != 1: raise I")
                self._put("y = b[p] == 255")
                self._put("if not y and b[p]: raise I")
            case m.Null():
                self._put("if n: raise I")
                self._put("y = None")
            case m.Bits(names, size):
                reader = "R.named_bits" if names else "R.bits"
                self._put(f"y = {reader}(b, p, {end})")
                if size is not None:
                    self._bounds("y['length']", size)
                    if size.low == size.high:
                        self._put("y = y['value']")
            case m.Text("UTF8String", size):
                self._put(f"y = b[p:{end}].decode()")
                self._bounds("len(y)", size)
            case m.Text(charset, size):
                self._put(f"y = R.text(b[p:{end}], {charset!r})")
                self._bounds("len(y)", size)
            case m.Oid():
                self._put(f"y = R.oid(b[p:{end}])")
            case m.Time(form):
                self._put(f"y = R.time(b[p:{end}], {form!r})")
            case m.Open():
                self._put(f"if R.element_end(b, p) != {end}: raise I")
                self._put(f"y = R.regular(b[p:{end}])")
            case m.Leaf():
                plain = field.type.tags[-1] == b"\x30"
                self._put(f"y = R.leaf(b, {plain}, {start}, p, {end})")
