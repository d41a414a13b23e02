"""Writes a Python decoder for each type of a schema, straight-line code for regular DER.

The same writer makes two modules: *fast* functions return values only, *full* ones return nodes.
A generated function of contents is `def f7(b, p, e)`: it reads `b[p:e]` and must end at `e`; an
untagged CHOICE is `def f8(b, p)`: it reads one TLV and returns what it read and where that ends.
No function looks ahead of `e` on purpose; one that runs past it fails its own `p != e` check.

In generated code `b` is the message, `p` the place in it, `n` a length, `q` an end of contents, `t`
the octet at `p` where a component may stand (256 at the end), `s` the start of an element.
"""

from __future__ import annotations

from dissectors.asn1 import model as m
from dissectors.asn1.digest import digests
from dissectors.asn1.generate_leaf import bound, leaf
from dissectors.asn1.node import CHOICE, LEAF, LIST, SEQUENCE

_HEAD = """
from dissectors.asn1.runtime import *
from dissectors.asn1 import runtime as R
I, N = R.Irregular, R.Node
LL, INT = R.long_length, R.integer
"""


class DecoderWriter:
    """Writes the module text of one schema."""

    def __init__(self, schema: m.Schema, full: bool) -> None:
        self._schema = schema
        self._full = full
        self._lines: list[str] = []
        self._functions: dict[str, str] = {}
        self._tables: dict[str, str] = {}
        self._pending: list[tuple[str, m.Shape]] = []
        self._indent = 1

    def text(self) -> str:
        """Return the module: functions, then `DECODERS`, `TAGS` and `DIGESTS`."""
        entries: list[str] = []
        for key, type_ in self._schema.types.items():
            name = f"d{len(entries)}"
            entries.append(f"    {key!r}: {name},")
            self._function(f"def {name}(b, p):")
            self._put(f"x = {self._read(m.Field(key, type_))}")
            self._put("return x, q" if type_.tags else "return x, p")
            while self._pending:
                self._write(*self._pending.pop())
        tables = [f"{name} = {text}" for text, name in self._tables.items()]
        tail = ["DECODERS = {", *entries, "}", f"TAGS = {self._tags()!r}"]
        tail.append(f"DIGESTS = {digests(self._schema)!r}")
        return "\n".join([_HEAD, *tables, *self._lines, *tail]) + "\n"

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
        self._indent = 1

    def _write(self, name: str, shape: m.Shape) -> None:
        match shape:
            case m.Sequence(fields):
                self._write_sequence(name, fields)
            case m.ListOf():
                self._write_list(name, shape)
            case m.Choice(arms):
                self._write_choice(name, arms)

    def _callee(self, type_: m.Type) -> str:
        """Return the function that reads the contents of `type_`, to be written if it is new."""
        shape, key = type_.shape, ""
        while isinstance(shape, m.Ref):
            key = shape.key
            shape = self._schema.types[key].shape
        identity = key or f"inline {id(shape)}"
        if identity not in self._functions:
            self._functions[identity] = f"f{len(self._functions)}"
            self._pending.append((self._functions[identity], shape))
        return self._functions[identity]

    def _table(self, text: str) -> str:
        return self._tables.setdefault(text, f"T{len(self._tables)}")

    # --- tags ---

    def _begins(self, tags: tuple[bytes, ...]) -> str:
        """Return a test of `t` and what follows it."""
        tests = []
        for tag in tags:
            test = f"t == {tag[0]}"
            if len(tag) == 2:
                test += f" and b[p + 1] == {tag[1]}"
            elif len(tag) > 2:
                test += f" and b[p:p + {len(tag)}] == {tag!r}"
            tests.append(f"({test})" if len(tags) > 1 else test)
        return " or ".join(tests)

    def _demand(self, tag: bytes) -> None:
        if len(tag) < 3:
            tests = [f"b[p + {i}] != {octet}" if i else f"b[p] != {octet}"
                     for i, octet in enumerate(tag)]  # fmt: skip
            self._put(f"if {' or '.join(tests)}: raise I")
        else:
            self._put(f"if b[p:p + {len(tag)}] != {tag!r}: raise I")

    # --- shapes with functions of their own ---

    def _write_sequence(self, name: str, fields: tuple[m.Field, ...]) -> None:
        self._function(f"def {name}(b, p, e):")
        # what must stand at the front goes into one display, the rest is added to it
        front = next((i for i, one in enumerate(fields) if one.optional), len(fields))
        for number, field in enumerate(fields[:front]):
            self._put(f"v{number} = {self._read(field)}")
            self._ended(field)
        items = [f"v{i}" if self._full else f"{one.name!r}: v{i}"
                 for i, one in enumerate(fields[:front])]  # fmt: skip
        display = f"[{', '.join(items)}]" if self._full else f"{{{', '.join(items)}}}"
        if front == len(fields):
            self._put("if p != e: raise I")
            self._put(f"return {display}")
            return
        self._put(f"v = {display}")
        stale = True
        for at, field in enumerate(fields[front:], front):
            tags = self._schema.first_tags(field.type)
            if field.optional:
                if stale and tags:
                    self._put("t = b[p] if p < e else 256")
                self._put(f"if {self._begins(tags)}:" if tags else "if p < e:")
                self._indent += 1
            self._add(field)
            self._ended(field)
            # after the last component there is nothing to look for
            again = field.optional and at + 1 < len(fields) and fields[at + 1].optional
            if again:
                self._put("t = b[p] if p < e else 256")
            self._indent = 1
            stale = not again
        self._put("if p != e: raise I")
        self._put("return v")

    def _add(self, field: m.Field) -> None:
        """Read a component and add it to `v`."""
        known = field.optional and bool(field.type.tags)
        value = self._read(field, known)
        if field.default is not None:
            self._put(f"x = {value}")
            value = "x"
            self._put(f"if {'x.value' if self._full else 'x'} == {field.default!r}: raise I")
        self._put(f"v.append({value})" if self._full else f"v[{field.name!r}] = {value}")

    def _ended(self, field: m.Field) -> None:
        if field.type.tags:
            self._put("p = q")

    def _write_list(self, name: str, shape: m.ListOf) -> None:
        self._function(f"def {name}(b, p, e):")
        self._put("v = []")
        if shape.is_set:
            self._put("last = b''")
        self._put("while p < e:")
        self._indent += 1
        if shape.is_set:
            self._put("first = p")
        self._put(f"v.append({self._read(m.Field('', shape.element))})")
        self._ended(m.Field("", shape.element))
        if shape.is_set:
            self._put("if b[first:p] < last: raise I")
            self._put("last = b[first:p]")
        self._indent -= 1
        self._put("if p != e: raise I")
        for line in bound("len(v)", shape.size):
            self._put(line)
        self._put("return v")

    def _write_choice(self, name: str, arms: tuple[m.Field, ...]) -> None:
        self._function(f"def {name}(b, p):")
        self._put("t = b[p]")
        for arm in arms:
            tags = self._schema.first_tags(arm.type)
            self._put(f"if {self._begins(tags)}:" if tags else "if True:")
            self._indent += 1
            value = self._read(arm, tag_known=bool(arm.type.tags))
            end = "q" if arm.type.tags else "p"
            self._put(f"return {value if self._full else f'{{{arm.name!r}: {value}}}'}, {end}")
            self._indent -= 1
        self._put("raise I")

    # --- one use of a type ---

    def _read(self, field: m.Field, tag_known: bool = False) -> str:
        """Write what reads the element at `p`; return the expression of its value.

        A type with tags leaves its end in `q` and the place of its contents in `p`; one without
        tags leaves its end in `p`.
        """
        type_, shape = field.type, self._schema.shape(field.type)
        if not type_.tags:
            return self._read_untagged(field, shape)
        if self._full or isinstance(shape, m.Leaf):
            self._put("s = p")
        if len(type_.tags) == 1 and isinstance(shape, m.Octets) and (size := _exact(shape.size)):
            # tag and length are known: one look at both
            head = type_.tags[0] + bytes([size])
            self._put(f"if b[p:p + {len(head)}] != {head!r}: raise I")
            self._put(f"p += {len(head)}; q = p + {size}")
            value = "b[p:q].hex()"
            return self._node(field, LEAF, "s", "q", value, "[]") if self._full else value
        for number, tag in enumerate(type_.tags):
            if number or not tag_known:
                self._demand(tag)
            if number:
                self._put("r = q")
            self._put(f"n = b[p + {len(tag)}]; p += {len(tag) + 1}")
            self._put("if n > 127: n, p = LL(b, p, n)")
            self._put("q = p + n")
            if number:
                self._put("if q != r: raise I")
        match shape:
            case m.Sequence() | m.ListOf():
                call = f"{self._callee(type_)}(b, p, q)"
                kind = SEQUENCE if isinstance(shape, m.Sequence) else LIST
                return self._node(field, kind, "s", "q", "None", call) if self._full else call
            case m.Choice():
                self._put(f"y, r = {self._callee(type_)}(b, p)")
                self._put("if r != q: raise I")
                return self._node(field, CHOICE, "s", "q", "None", "[y]") if self._full else "y"
        lines, value = leaf(shape, type_.tags[-1], self._table)
        for line in lines:
            self._put(line)
        return self._node(field, LEAF, "s", "q", value, "[]") if self._full else value

    def _read_untagged(self, field: m.Field, shape: m.Shape) -> str:
        if isinstance(shape, m.Choice) and not self._full:
            self._put(f"y, p = {self._callee(field.type)}(b, p)")
            return "y"
        if isinstance(shape, m.Choice):
            self._put("s = p")
            self._put(f"y, p = {self._callee(field.type)}(b, p)")
            return self._node(field, CHOICE, "s", "p", "None", "[y]", "s")
        self._put("s = p")
        self._put("p = R.element_end(b, p)")
        self._put("y = R.regular(b[s:p])")
        return self._node(field, LEAF, "s", "p", "y", "[]", "s") if self._full else "y"

    def _node(
        self,
        field: m.Field,
        kind: str,
        start: str,
        end: str,
        value: str,
        kids: str,
        body: str = "p",
    ) -> str:
        tag = field.type.tags[0] if field.type.tags else b""
        return (f"N({field.name!r}, {field.type.label!r}, {kind!r}, {tag!r}, "
                f"{start}, {body}, {end}, {value}, {kids})")  # fmt: skip


def _exact(size: m.Range | None) -> int:
    """Return the one length that a short form can say, or 0."""
    if size is None or size.low != size.high or size.low is None or size.low > 127:
        return 0
    return size.low
