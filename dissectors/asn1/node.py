"""The typed tree of a decoded message: what each byte range is, and its value."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dissectors.asn1.model import Value

LEAF, SEQUENCE, LIST, CHOICE, UNKNOWN = "leaf", "sequence", "list", "choice", "unknown"
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class Node:
    """One element: `start` is its first octet, `body` its contents, `end` the octet after it."""

    __slots__ = ("body", "end", "kids", "kind", "label", "name", "start", "tag", "value")

    def __init__(
        self,
        name: str,
        label: str,
        kind: str,
        tag: bytes,
        start: int,
        body: int,
        end: int,
        value: Value,
        kids: list[Node],
    ) -> None:
        self.name = name
        self.label = label
        self.kind = kind
        self.tag = tag
        self.start = start
        self.body = body
        self.end = end
        self.value = value
        self.kids = kids

    def to_value(self) -> Value:
        """Return the JER value of this node, built from its leaves."""
        if self.kind == LIST:
            return [kid.to_value() for kid in self.kids]
        if self.kind in (SEQUENCE, CHOICE):
            members: dict[str, Value] = {}
            again: dict[str, int] = {}
            for kid in self.kids:
                name = kid.name
                if name in members:
                    # a repeated or unknown element keeps its place under a name of its own
                    again[name] = again.get(name, 1) + 1
                    name = f"{name}#{again[name]}"
                members[name] = kid.to_value()
            return members
        return self.value

    def find(self, path: str) -> Node | None:
        """Return the node at a path such as `a.b[0].c`, or None; "" is this node."""
        node: Node | None = self
        for name, index in _STEP.findall(path):
            if node is None:
                return None
            if index:
                at = int(index)
                node = node.kids[at] if at < len(node.kids) else None
            else:
                node = next((kid for kid in node.kids if kid.name == name), None)
        return node

    def walk(self, path: str = "") -> Iterator[tuple[str, Node]]:
        """Walk this node and all below it, with their paths."""
        yield path, self
        for index, kid in enumerate(self.kids):
            if self.kind == LIST:
                below = f"{path}[{index}]"
            else:
                below = f"{path}.{kid.name}" if path else kid.name
            yield from kid.walk(below)
