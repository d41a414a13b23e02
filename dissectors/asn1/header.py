"""Reads one tag and length as they come, and says what is not canonical about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dissectors.asn1 import codes
from dissectors.finding import Code

Report = Callable[[Code, str, int], None]
_INDEFINITE_DEPTH = 32


def silent(code: Code, text: str, offset: int) -> None:
    """Look ahead without a word; the element is read again with one."""


def show_tag(tag: bytes) -> str:
    """Return identifier octets as the specs print them."""
    return tag.hex().upper()


@dataclass(frozen=True, slots=True)
class Header:
    """One element as found: `end` is after its contents, `next` after its end-of-contents too."""

    tag: bytes
    start: int
    body: int
    end: int
    next: int

    @property
    def constructed(self) -> bool:
        """Say whether the identifier announces constructed contents."""
        return bool(self.tag[0] & 0x20)

    @property
    def whole(self) -> range:
        """Return the offsets of the element."""
        return range(self.start, self.next)


def read_header(data: bytes, start: int, limit: int, report: Report) -> Header | None:
    """Read the element at `start`; None where not even a tag and a length are there."""
    at = start + 1
    if start >= limit:
        return None
    if data[start] & 0x1F == 0x1F:
        while at < limit and data[at] & 0x80 and at - start < 5:
            at += 1
        if at >= limit or data[at] & 0x80:
            report(codes.TRUNCATED, "the tag does not end", start)
            return None
        at += 1
        if data[start + 1] == 0x80 or (at - start == 2 and data[start + 1] < 31):
            report(codes.TAG_NOT_MINIMAL, f"tag {data[start:at].hex().upper()}", start)
    tag = data[start:at]
    if at >= limit:
        report(codes.TRUNCATED, f"tag {tag.hex().upper()} has no length", at)
        return None
    return _with_length(data, tag, start, at, limit, report)


def _with_length(
    data: bytes, tag: bytes, start: int, at: int, limit: int, report: Report
) -> Header | None:
    first, body = data[at], at + 1
    if first == 0x80:
        report(codes.LENGTH_INDEFINITE, "80 announces an indefinite length", at)
        end = _end_of_contents(data, body, limit)
        if end is None:
            report(codes.TRUNCATED, "no end-of-contents octets 00 00", at)
            return Header(tag, start, body, limit, limit)
        return Header(tag, start, body, end, end + 2)
    length = first
    if first > 0x80:
        count = first & 0x7F
        body += count
        if body > limit:
            report(codes.TRUNCATED, "the length itself is cut off", at)
            return None
        digits = data[at + 1 : body].lstrip(b"\0")
        length = int.from_bytes(digits[:8], "big") if len(digits) <= 8 else limit - body + 1
        if len(digits) > 4:
            report(codes.LENGTH_TOO_LONG, f"{len(digits)} octets of length", at)
        elif length < 0x80 or len(digits) < count:
            shown = data[at:body].hex().upper()
            report(codes.LENGTH_NOT_MINIMAL, f"{shown} for {length} octets", at)
    if body + length > limit:
        there = limit - body
        report(codes.TRUNCATED, f"{length} octets announced, {there} there", at)
        return Header(tag, start, body, limit, limit)
    return Header(tag, start, body, body + length, body + length)


def _end_of_contents(data: bytes, at: int, limit: int) -> int | None:
    """Find the 00 00 that closes an indefinite length whose contents start at `at`."""
    open_ends = [limit]
    while at < limit:
        if data[at] == 0 and at + 1 < limit and data[at + 1] == 0:
            open_ends.pop()
            if not open_ends:
                return at
            at += 2
            continue
        tag_end = at + 1
        if data[at] & 0x1F == 0x1F:
            while tag_end < limit and data[tag_end] & 0x80:
                tag_end += 1
            tag_end += 1
        if tag_end >= limit:
            return None
        if data[tag_end] == 0x80:
            if len(open_ends) >= _INDEFINITE_DEPTH:
                return None
            open_ends.append(limit)
            at = tag_end + 1
            continue
        header = read_header(data, at, limit, silent)
        if header is None or header.next <= at:
            return None
        at = header.next
    return None
