"""Writes the lines that read one leaf out of `b[p:q]`, `n` octets, in a generated decoder."""

from __future__ import annotations

from collections.abc import Callable

from dissectors.asn1 import model as m

Table = Callable[[str], str]


def bound(what: str, size: m.Range | None) -> list[str]:
    """Return the line that holds `what` to its bounds, if it has any."""
    if size is None:
        return []
    if size.low == size.high:
        return [f"if {what} != {size.low}: raise I"]
    if size.low in (None, 0) and size.high is not None:
        return [f"if {what} > {size.high}: raise I"]
    if size.high is None:
        return [f"if {what} < {size.low}: raise I"]
    return [f"if not {size.low} <= {what} <= {size.high}: raise I"]


def leaf(shape: m.Shape, tag: bytes, table: Table) -> tuple[list[str], str]:
    """Return lines to write and the expression of the value; `table` keeps constants by text."""
    match shape:
        case m.Octets(size):
            return bound("n", size), "b[p:q].hex()"
        case m.Integer(names, limits):
            lines = ["y = b[p] if n == 1 and b[p] < 128 else INT(b, p, q)", *bound("y", limits)]
            return lines, f"{table(repr(dict(names)))}.get(y, y)" if names else "y"
        case m.Boolean():
            return ["y = b[p]", "if n != 1 or y and y != 255: raise I"], "y == 255"
        case m.Null():
            return ["if n: raise I"], "None"
        case m.Bits(names, size):
            lines = [f"y = R.{'named_bits' if names else 'bits'}(b, p, q)"]
            fixed = size is not None and size.low == size.high
            return [*lines, *bound("y['length']", size)], "y['value']" if fixed else "y"
        case m.Text("UTF8String", size):
            if size is None:
                return [], "b[p:q].decode()"
            return ["y = b[p:q].decode()", *bound("len(y)", size)], "y"
        case m.Text(charset, size):
            return [f"y = R.text(b[p:q], {charset!r})", *bound("len(y)", size)], "y"
        case m.Oid():
            return [], "R.oid(b[p:q])"
        case m.Time(form):
            return [], f"R.time(b[p:q], {form!r})"
        case m.Open():
            return ["if R.element_end(b, p) != q: raise I"], "R.regular(b[p:q])"
        case m.Leaf():
            return [], f"R.leaf(b, {tag == bytes([0x30])}, s, p, q)"
    raise AssertionError(shape)
