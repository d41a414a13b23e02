"""Prints a decoded message as an indented tree: names first, digits and nested content opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dissectors.asn1 import model as m
from dissectors.asn1.codec import Codec, Tree
from dissectors.asn1.nested import Opened, open_leaf
from dissectors.asn1.node import LEAF, LIST, Node

_HEAD, _TAIL = 40, 8  # octets of a long value that are shown


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the tree: where it is, what it says, and which bytes it stands for."""

    depth: int
    path: str
    name: str
    text: str
    type: str
    tag: str
    start: int
    end: int


def tree_lines(codec: Codec, tree: Tree) -> Iterator[Line]:
    """Walk the lines of a tree, nested content included."""
    if tree.root is not None:
        yield from _Walk(codec, tree).lines(tree.root, codec.type(tree.type), tree.type, "", 0)


def shorten(text: str) -> str:
    """Shorten hex in the middle; JSON has it whole."""
    if len(text) <= 2 * (_HEAD + _TAIL + 8):
        return text
    return f"{text[: 2 * _HEAD]}…{text[-2 * _TAIL :]} ({len(text) // 2} octets)"


class _Walk:
    def __init__(self, codec: Codec, tree: Tree) -> None:
        self._codec = codec
        self._schema = codec.schema
        self._raw = tree.raw
        self._whole = tree.type

    def lines(
        self, node: Node, type_: m.Type | None, name: str, path: str, depth: int
    ) -> Iterator[Line]:
        shape = self._schema.shape(type_) if type_ is not None else None
        opened = self._opened(node, path)
        text = _shown(node, shape, self._raw[node.body : node.end])
        if opened.note and opened.note not in text:
            text = f"{text} ({opened.note})" if text else opened.note
        tag = node.tag.hex().upper()
        yield Line(depth, path, name, text, node.label, tag, node.start, node.end)
        for label, shown, start, end in opened.lines:
            # what is said of a certificate stands in all of it; its outer 30 may not be there
            whole = "Certificate" in (node.label, self._whole if not path else "")
            at = (node.start, node.end) if whole else (node.body + start, node.body + end)
            yield Line(depth + 1, f"{path}/{label.strip()}", label, _printable(shown), "", "", *at)
        for index, kid in enumerate(node.kids):
            if node.kind == LIST:
                kid_name, kid_path = f"[{index}]", f"{path}[{index}]"
            else:
                kid_name, kid_path = kid.name, f"{path}.{kid.name}".lstrip(".")
            yield from self.lines(kid, _type_below(shape, kid.name), kid_name, kid_path, depth + 1)

    def _opened(self, node: Node, path: str) -> Opened:
        if not path and self._whole == "Certificate" and node.kind != LEAF:
            der = self._raw[node.start : node.end]
            return open_leaf(self._codec, "", "Certificate", der) or Opened()
        if node.kind != LEAF:
            return Opened()
        contents = self._raw[node.body : node.end]
        if node.label == "Certificate" and isinstance(node.value, str):
            # the value carries its outer 30 again, whatever tag replaced it
            contents = bytes.fromhex(node.value)
        return open_leaf(self._codec, node.name, node.label, contents) or Opened()


def _type_below(shape: m.Shape | None, name: str) -> m.Type | None:
    match shape:
        case m.Sequence(fields) | m.Choice(fields):
            return next((field.type for field in fields if field.name == name), None)
        case m.ListOf(element):
            return element
    return None


def _shown(node: Node, shape: m.Shape | None, contents: bytes) -> str:
    if node.kind == LIST and len(node.kids) != 1:
        return f"{len(node.kids)} elements" if node.kids else "empty"
    if node.kids or node.kind != LEAF:
        return shorten(node.value) if isinstance(node.value, str) else ""
    value = node.value
    match shape:
        case m.Boolean() if isinstance(value, bool):
            return "true" if value else "false"
        case m.Null() if value is None:
            return "present"
        case m.Integer(names) if value in dict(names).values():
            return f"{value}({int.from_bytes(contents, 'big', signed=True)})"
        case m.Bits(names) if isinstance(value, dict):
            return _bits(dict(names), value)
        case m.Leaf(name):
            return f"{name}, {len(value) // 2} octets"
        case m.Text():
            return _printable(value) or "(empty)"
    return shorten(str(value)) or "(empty)"


def _printable(text: str) -> str:
    """Escape what cannot be printed: a product must not move our cursor."""
    return text if text.isprintable() else "".join(
        c if c.isprintable() else repr(c)[1:-1] for c in text
    )  # fmt: skip


def _bits(names: dict[int, str], value: dict[str, object]) -> str:
    octets, length = bytes.fromhex(str(value["value"])), int(str(value["length"]))
    on = [bit for bit in range(length) if octets[bit // 8] >> (7 - bit % 8) & 1]
    if not names:
        return "".join("1" if bit in on else "0" for bit in range(min(length, 256))) or "(empty)"
    return ", ".join(names.get(bit, f"bit {bit}") for bit in on) or "none"
