"""Reads any bytes as a given type: the tree as far as it goes, and every finding on the way.

This is the slow and patient reader. The generated decoders handle what is regular; they and this
one agree on every message (tests/asn1/test_agreement.py).
"""

from __future__ import annotations

from dissectors.asn1 import codes
from dissectors.asn1 import model as m
from dissectors.asn1.header import Header, read_header, show_tag, silent
from dissectors.asn1.leaves import Leaves
from dissectors.asn1.lookup import Lookup, other_form
from dissectors.asn1.node import CHOICE, LEAF, LIST, SEQUENCE, UNKNOWN, Node
from dissectors.finding import Code, Finding, finding

# a hostile message of many tiny elements ends here; the rest of it is kept, unread
MAX_FINDINGS = 1000
MAX_ELEMENTS = 100_000

# lookups live as long as the schemas, which are loaded once
_lookups: dict[int, Lookup] = {}


class Reader:
    """Reads one message."""

    def __init__(self, schema: m.Schema, data: bytes) -> None:
        self._schema = schema
        self._data = data
        self.findings: list[Finding] = []
        self._leaves = Leaves(data, self.report)
        self._path: list[str] = []
        self._elements_left = MAX_ELEMENTS

    def message(self, name: str) -> Node | None:
        """Read the whole of the bytes as one value of the type `name`."""
        type_ = self._schema.types[name]
        if not self._data:
            self.report(codes.MISSING, f"no bytes: expected {self._expected(type_)}", 0)
            return None
        node, after = self._element(m.Field(name, type_), 0, len(self._data))
        if node is not None and after < len(self._data):
            rest = len(self._data) - after
            self.report(codes.TRAILING, f"{rest} octets after the message", after)
        return node

    def report(self, code: Code, text: str, offset: int) -> None:
        """Note a finding at the path being read; the last that there is room for says so."""
        if len(self.findings) < MAX_FINDINGS:
            if len(self.findings) == MAX_FINDINGS - 1:
                code, text = codes.TOO_MANY, "there is more to find than this"
            path = "".join(self._path).removeprefix(".")
            self.findings.append(finding(code, text, path, offset))

    def _expected(self, type_: m.Type) -> str:
        tags = self._schema.first_tags(type_)
        return " or ".join(show_tag(tag) for tag in tags) if tags else "any element"

    def _lookup(self, fields: tuple[m.Field, ...]) -> Lookup:
        found = _lookups.get(id(fields))
        if found is None:
            found = _lookups[id(fields)] = Lookup(self._schema, fields)
        return found

    def _tired(self, at: int, end: int) -> bool:
        """Say whether enough of a hostile message was seen; called once per element of a run."""
        self._elements_left -= 1
        if self._elements_left == 0:
            text = f"{end - at} octets after {MAX_ELEMENTS} elements are not read"
            self.report(codes.TOO_MANY, text, at)
        return self._elements_left <= 0 or len(self.findings) == MAX_FINDINGS

    # --- one element of a given type ---

    def _element(self, field: m.Field, at: int, limit: int) -> tuple[Node | None, int]:
        """Read the element at `at` as `field`; return its node and the offset after it."""
        type_, shape = field.type, self._schema.shape(field.type)
        if not type_.tags:
            if isinstance(shape, m.Choice):
                return self._untagged_choice(field, shape, at, limit)
            return self._open(field, at, limit)
        header = read_header(self._data, at, limit, self.report)
        if header is None:
            return self._nothing(field, at, limit)
        if not self._tag_is(header, type_.tags[0]):
            return None, header.next
        outer = header
        for tag in type_.tags[1:]:
            inner = read_header(self._data, header.body, header.end, self.report)
            if inner is None and header.body >= header.end:
                self.report(codes.MISSING, f"empty: expected {show_tag(tag)}", header.body)
            if inner is None or not self._tag_is(inner, tag):
                return None, outer.next
            self._nothing_after(inner.next, header.end)
            header = inner
        node = Node(field.name, type_.label, LEAF, type_.tags[0], outer.start, header.body,
                    header.end, None, [])  # fmt: skip
        self._contents(node, type_, shape, header)
        return node, outer.next

    def _nothing(self, field: m.Field, at: int, limit: int) -> tuple[None, int]:
        if at >= limit:
            self.report(codes.MISSING, f"expected {self._expected(field.type)}, nothing here", at)
        return None, limit

    def _tag_is(self, header: Header, tag: bytes) -> bool:
        if header.tag == tag:
            return True
        found, expected = show_tag(header.tag), show_tag(tag)
        if header.tag == other_form(tag):
            self.report(codes.WRONG_FORM, f"expected {expected}, found {found}", header.start)
            return True
        self.report(codes.WRONG_TAG, f"expected {expected}, found {found}", header.start)
        return False

    def _nothing_after(self, at: int, end: int) -> None:
        if at < end:
            self.report(codes.TRAILING, f"{end - at} octets after the one element here", at)

    def _open(self, field: m.Field, at: int, limit: int) -> tuple[Node | None, int]:
        header = read_header(self._data, at, limit, self.report)
        if header is None:
            return self._nothing(field, at, limit)
        value = self._leaves.raw(header)
        node = Node(field.name, field.type.label, LEAF, b"", at, at, header.next, value, [])
        return node, header.next

    def _contents(self, node: Node, type_: m.Type, shape: m.Shape, header: Header) -> None:
        match shape:
            case m.Sequence(fields):
                node.kind = SEQUENCE
                node.kids = self._components(fields, header.body, header.end)
            case m.ListOf():
                node.kind = LIST
                node.kids = self._elements(shape, header.body, header.end)
            case m.Choice(arms):
                node.kind = CHOICE
                node.kids = self._alternative(type_, arms, header, self._own_tag(type_))
            case m.Open():
                inner = read_header(self._data, header.body, header.end, self.report)
                if inner is None:
                    if header.body >= header.end:
                        self.report(codes.MISSING, "expected one element, found none", header.body)
                    node.value = self._data[header.body : header.end].hex()
                    return
                node.value = self._leaves.raw(inner)
                self._nothing_after(inner.next, header.end)
            case m.Leaf():
                node.value = self._leaves.certificate(type_.tags[-1], header)
            case _:
                node.value = self._leaves.value(shape, header)

    # --- SEQUENCE ---

    def _components(self, fields: tuple[m.Field, ...], at: int, end: int) -> list[Node]:
        kids: list[Node] = []
        seen: set[int] = set()
        lookup = self._lookup(fields)
        expected = 0
        while at < end:
            if self._tired(at, end):
                kids.append(self._kept(at, end))
                break
            header = read_header(self._data, at, end, silent)
            index = None if header is None else lookup.component(header.tag, expected, seen)
            if header is None or index is None:
                node, at = self._unknown(at, end)
                kids.append(node)
                continue
            field = fields[index]
            self._path.append(f".{field.name}")
            if index in seen:
                self.report(codes.REPEATED, f"{field.name} stands here once more", at)
            elif index < expected:
                last = fields[expected - 1].name
                self.report(codes.OUT_OF_ORDER, f"{field.name} stands after {last}", at)
            read, after = self._element(field, at, end)
            if read is None:
                read = self._kept(at, after)
            elif field.default is not None and read.value == field.default:
                text = f"{field.name} is {field.default!s}, its default"
                self.report(codes.DEFAULT_ENCODED, text, at)
            kids.append(read)
            at = after
            self._path.pop()
            seen.add(index)
            expected = max(expected, index + 1)
        for index, field in enumerate(fields):
            if index not in seen and not field.optional:
                text = f"{field.name} ({self._expected(field.type)}) is missing{_strangers(kids)}"
                self.report(codes.MISSING, text, end)
        return kids

    def _unknown(self, at: int, end: int) -> tuple[Node, int]:
        header = read_header(self._data, at, end, self.report)
        if header is None:
            return self._kept(at, end), end
        name = f"?{header.tag.hex()}"
        self._path.append(f".{name}")
        self.report(codes.UNKNOWN_EXTENSION, f"element {show_tag(header.tag)} is not known", at)
        value = self._leaves.raw(header)
        self._path.pop()
        label = codes.UNKNOWN_EXTENSION.name
        node = Node(name, label, UNKNOWN, header.tag, at, header.body, header.end, value, [])
        return node, header.next

    def _kept(self, at: int, end: int) -> Node:
        """Keep bytes that could not be read, so that nothing is lost."""
        return Node("?", "unreadable", UNKNOWN, b"", at, at, end, self._data[at:end].hex(), [])

    # --- SEQUENCE OF ---

    def _elements(self, shape: m.ListOf, at: int, end: int) -> list[Node]:
        kids: list[Node] = []
        start, previous = at, b""
        while at < end:
            if self._tired(at, end):
                kids.append(self._kept(at, end))
                return kids
            self._path.append(f"[{len(kids)}]")
            node, after = self._element(m.Field("", shape.element), at, end)
            if shape.is_set:
                octets = self._data[at:after]
                if octets < previous:
                    text = "this element sorts before the one above it"
                    self.report(codes.SET_ORDER, text, at)
                previous = octets
            kids.append(node if node is not None else self._kept(at, after))
            self._path.pop()
            at = after
        if shape.size and not shape.size.holds(len(kids)):
            self.report(codes.SIZE, f"{len(kids)} elements, SIZE is {shape.size}", start)
        return kids

    # --- CHOICE ---

    def _untagged_choice(
        self, field: m.Field, shape: m.Choice, at: int, limit: int
    ) -> tuple[Node | None, int]:
        header = read_header(self._data, at, limit, silent)
        if header is None:
            read_header(self._data, at, limit, self.report)
            return self._nothing(field, at, limit)
        kid, after = self._arm(shape.arms, header, limit)
        kids = [kid if kid is not None else self._kept(at, after)]
        return Node(field.name, field.type.label, CHOICE, b"", at, at, after, None, kids), after

    def _alternative(
        self, type_: m.Type, arms: tuple[m.Field, ...], wrapper: Header, own: bytes
    ) -> list[Node]:
        """Read what is inside a tagged CHOICE; `own` is the tag that should not stand in there."""
        header = read_header(self._data, wrapper.body, wrapper.end, silent)
        if header is None:
            if wrapper.body < wrapper.end:
                read_header(self._data, wrapper.body, wrapper.end, self.report)
                return [self._kept(wrapper.body, wrapper.end)]
            tags = " or ".join(self._expected(arm.type) for arm in arms)
            self.report(codes.MISSING, f"empty: expected {tags}", wrapper.body)
            return []
        if own and own == header.tag and own not in self._lookup(arms):
            # some compilers keep the type's own tag under the one that replaces it
            text = f"{show_tag(own)} stands once too often"
            self.report(codes.TAG_DOUBLED, text, header.start)
            header = read_header(self._data, header.start, wrapper.end, self.report) or header
            kids = self._alternative(type_, arms, header, b"")
            self._nothing_after(header.next, wrapper.end)
            return kids
        kid, after = self._arm(arms, header, wrapper.end)
        self._nothing_after(after, wrapper.end)
        return [kid if kid is not None else self._kept(header.start, after)]

    def _own_tag(self, type_: m.Type) -> bytes:
        """Return the tag that the definition itself carries, under whatever replaced it here."""
        shape = type_.shape
        tags = self._schema.types[shape.key].tags if isinstance(shape, m.Ref) else type_.tags
        return tags[0] if tags else b""

    def _arm(
        self, arms: tuple[m.Field, ...], header: Header, limit: int
    ) -> tuple[Node | None, int]:
        index = self._lookup(arms).alternative(header.tag)
        if index is not None:
            self._path.append(f".{arms[index].name}")
            result = self._element(arms[index], header.start, limit)
            self._path.pop()
            return result
        known = " or ".join(f"{self._expected(arm.type)} {arm.name}" for arm in arms)
        text = f"found {show_tag(header.tag)}, expected {known}"
        read_header(self._data, header.start, limit, self.report)
        self.report(codes.UNKNOWN_CHOICE, text, header.start)
        return None, header.next


def _strangers(kids: list[Node]) -> str:
    """Name the elements that may stand where another was expected."""
    found = [show_tag(kid.tag) for kid in kids if kid.kind == UNKNOWN and kid.tag]
    return f"; found {', '.join(found[:3])}" if found else ""
