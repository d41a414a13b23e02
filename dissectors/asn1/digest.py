"""Names the way a type is built, so that versions in which it is built alike are tried once.

Names of types, members and numbers do not count: they change from version to version, and the
bytes do not.
"""

from __future__ import annotations

import hashlib

from dissectors.asn1 import model as m


def digests(schema: m.Schema) -> dict[str, str]:
    """Return a digest of every type: equal where the same bytes fit, all the way down."""
    done: dict[str, str] = {}

    def shape_text(shape: m.Shape) -> str:
        match shape:
            case m.Ref(key):
                if key not in done:
                    done[key] = shape_text(schema.types[key].shape)
                return done[key]
            case m.Sequence(fields) | m.Choice(fields):
                parts = [f"{use(f.type)},{f.optional},{f.default}" for f in fields]
                text = f"{type(shape).__name__}({';'.join(parts)})"
            case m.ListOf(element, size, is_set):
                text = f"ListOf({use(element)},{size},{is_set})"
            case m.Integer(_, limits):
                text = f"Integer({limits})"
            case m.Bits(names, size):
                text = f"Bits({bool(names)},{size})"
            case _:
                text = repr(shape)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def use(type_: m.Type) -> str:
        return ".".join([*(tag.hex() for tag in type_.tags), shape_text(type_.shape)])

    return {key: use(type_) for key, type_ in schema.types.items()}
