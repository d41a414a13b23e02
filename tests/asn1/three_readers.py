"""What it means that the three readers agree on a message."""

from __future__ import annotations

from dissectors.asn1.codec import NOT_REGULAR, Codec
from dissectors.asn1.node import Node
from dissectors.asn1.reader import Reader
from dissectors.asn1.runtime import FAULTS


def _outline(node: Node) -> list[tuple[object, ...]]:
    """Return all that a tree says."""
    return [
        (path, one.name, one.label, one.kind, one.tag, one.start, one.body, one.end, one.value)
        for path, one in node.walk()
    ]


def agree(loaded: Codec, type_name: str, data: bytes) -> None:
    """Fail where fast, full and patient reading differ."""
    reader = Reader(loaded.schema, data)
    root = reader.message(type_name)
    value = loaded.regular(type_name, data)
    try:
        full, end = loaded.full_decoder(type_name)(data, 0)
    except FAULTS:
        full, end = None, -1
    full = full if end == len(data) else None
    shown = f"{loaded.spec} {type_name} {data.hex()}: {reader.findings}"
    assert (value is NOT_REGULAR) == bool(reader.findings), shown
    assert (full is None) == bool(reader.findings), shown
    if full is not None:
        assert root is not None
        assert value == root.to_value(), shown
        assert _outline(full) == _outline(root), shown
    decoded, tree = loaded.decode(type_name, data), loaded.tree(type_name, data)
    assert decoded.findings == tree.findings == tuple(reader.findings), shown
    assert decoded.value == (tree.root.to_value() if tree.root is not None else None), shown
    assert loaded.encode(type_name, decoded) == data, shown
