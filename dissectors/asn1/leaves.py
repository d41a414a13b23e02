"""Reads the contents of leaves as they come: the value, and what is not canonical about it."""

from __future__ import annotations

from dissectors.asn1 import codes, runtime
from dissectors.asn1 import model as m
from dissectors.asn1.header import Header, Report, read_header, silent
from dissectors.asn1.runtime import MAX_DEPTH
from dissectors.asn1.tlv import length_octets


class Leaves:
    """Reads leaf values out of one message."""

    def __init__(self, data: bytes, report: Report) -> None:
        self._data = data
        self._report = report

    def value(self, shape: m.Shape, header: Header) -> m.Value:
        """Return the JER value of a leaf; bytes that have no such value come back as hex."""
        body, end = header.body, header.end
        contents = self._data[body:end]
        match shape:
            case m.Octets(size):
                self._size(size, len(contents), "octets", body)
                return contents.hex()
            case m.Integer(names, limits):
                return self._integer(dict(names), limits, contents, body)
            case m.Boolean():
                return self._boolean(contents, body)
            case m.Null():
                if contents:
                    self._report(codes.VALUE, "NULL has no contents", body)
                    return contents.hex()
                return None
            case m.Bits(names, size):
                return self._bits(bool(names), size, contents, body)
            case m.Text(charset, size):
                return self._text(charset, size, contents, body)
            case m.Oid() if len(contents) > runtime.MAX_NUMBER:
                self._report(codes.TOO_LONG, f"an identifier of {len(contents)} octets", body)
                return contents.hex()
            case m.Oid():
                return self._try(
                    lambda: runtime.oid(contents), "no object identifier", contents, body
                )
            case m.Time(form):
                what = f"{form} is not of the DER form, to the second and in Z"
                return self._try(lambda: runtime.time(contents, form), what, contents, body)
        raise AssertionError(shape)

    def _try(self, read: object, what: str, contents: bytes, at: int) -> m.Value:
        try:
            return read()  # type: ignore[operator]
        except runtime.FAULTS:
            self._report(codes.VALUE, what, at)
            return contents.hex()

    def _size(self, size: m.Range | None, count: int, unit: str, at: int) -> None:
        if size is not None and not size.holds(count):
            self._report(codes.SIZE, f"{count} {unit}, SIZE is {size}", at)

    def _integer(
        self, names: dict[int, str], limits: m.Range | None, contents: bytes, at: int
    ) -> m.Value:
        if not contents:
            self._report(codes.VALUE, "INTEGER has no contents", at)
            return ""
        if len(contents) > runtime.MAX_NUMBER:
            self._report(codes.TOO_LONG, f"a number of {len(contents)} octets", at)
            return contents.hex()
        number = int.from_bytes(contents, "big", signed=True)
        if len(contents) > 1 and contents[0] in (0, 0xFF) and (contents[0] ^ contents[1]) < 0x80:
            shown = contents[:8].hex().upper()
            self._report(codes.INTEGER_NOT_MINIMAL, f"{shown} is longer than needed", at)
        if limits is not None and not limits.holds(number):
            self._report(codes.VALUE, f"{number} is outside {limits}", at)
        return names.get(number, number)

    def _boolean(self, contents: bytes, at: int) -> m.Value:
        if len(contents) != 1:
            self._report(codes.VALUE, f"BOOLEAN has {len(contents)} octets, not one", at)
            return contents.hex()
        if contents[0] not in (0, 0xFF):
            self._report(codes.BOOLEAN_NOT_FF, f"TRUE is {contents[0]:02X}, not FF", at)
        return contents[0] != 0

    def _bits(self, named: bool, size: m.Range | None, contents: bytes, at: int) -> m.Value:
        if not contents or contents[0] > 7 or (contents[0] and len(contents) == 1):
            self._report(codes.BITS_UNUSED, "the count of unused bits is not possible", at)
            return contents.hex()
        unused, octets = contents[0], contents[1:]
        if unused and octets[-1] & ((1 << unused) - 1):
            self._report(codes.BITS_UNUSED, f"the last {unused} bits are not zero", at)
        elif named and octets and not octets[-1] >> unused & 1:
            self._report(codes.BITS_TRAILING_ZERO, "the last bit is zero", at)
        length = len(octets) * 8 - unused
        self._size(size, length, "bits", at)
        if size is not None and size.low == size.high:
            return octets.hex()
        return {"value": octets.hex(), "length": length}

    def _text(self, charset: str, size: m.Range | None, contents: bytes, at: int) -> m.Value:
        try:
            value = (
                contents.decode() if charset == "UTF8String" else runtime.text(contents, charset)
            )
        except ValueError:
            self._report(codes.VALUE, f"the octets are not a {charset}", at)
            return contents.hex()
        self._size(size, len(value), "characters", at)
        return value

    def raw(self, header: Header) -> str:
        """Return a whole element of unknown type as hex, having looked at it all the way down."""
        self._skim(header.body, header.end, header.constructed)
        return self._data[header.start : header.next].hex()

    def certificate(self, tag: bytes, header: Header) -> str:
        """Return an X.509 object as hex with its outer 30, whatever tag replaced it."""
        self._skim(header.body, header.end, True)
        contents = self._data[header.body : header.end]
        if not contents:
            self._report(codes.MISSING, "an X.509 object without contents", header.body)
        if tag != b"\x30":
            inner = read_header(self._data, header.body, header.end, silent)
            if inner is not None and inner.tag == b"\x30" and inner.next == header.end:
                text = f"30 stands inside {tag.hex().upper()}, which should replace it"
                self._report(codes.CERTIFICATE_NESTED, text, inner.start)
                return contents.hex()
        return (b"\x30" + length_octets(len(contents)) + contents).hex()

    def _skim(self, start: int, end: int, constructed: bool) -> None:
        pending = [(start, end, 0)] if constructed else []
        while pending:
            at, limit, depth = pending.pop()
            while at < limit:
                header = read_header(self._data, at, limit, self._report)
                if header is None:
                    break
                if header.constructed:
                    if depth >= MAX_DEPTH:
                        self._report(codes.TOO_DEEP, f"more than {MAX_DEPTH} levels", at)
                        return
                    pending.append((header.body, header.end, depth + 1))
                at = header.next
