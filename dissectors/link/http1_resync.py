"""Where the next HTTP/1 message may begin, after bytes were lost or made no sense."""

from __future__ import annotations

import re

TAIL = 8192  # longest request target that is found again

_MARK = b"HTTP/1."
_STATUS = re.compile(rb"HTTP/1\.\d [1-5]\d\d[ \r\n]")
_VERSION = re.compile(rb"HTTP/1\.\d\r?\n")
_METHOD = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|TRACE|CONNECT)\Z")
_TARGET = re.compile(rb"[!-~]+")
_LONGEST_MARK = 13


def find_start(buffer: bytearray, scanned: int) -> tuple[int | None, int]:
    """Return where a start line begins, and up to where `buffer` needs no second look.

    A status line, or a request line with a usual method, may stand anywhere: what comes before is
    the end of a body, which seldom ends with a line break.
    """
    while True:
        mark = buffer.find(_MARK, scanned)
        if mark < 0:
            return None, max(scanned, len(buffer) - len(_MARK) + 1)
        if len(buffer) - mark < _LONGEST_MARK:
            return None, mark
        if _STATUS.match(buffer, mark):
            return mark, mark
        if _VERSION.match(buffer, mark):
            start = _request_start(buffer, mark)
            if start is not None:
                return start, start
        scanned = mark + len(_MARK)


def _request_start(buffer: bytearray, mark: int) -> int | None:
    if mark < 1 or buffer[mark - 1] != 32:
        return None
    space = buffer.rfind(b" ", max(mark - 1 - TAIL, 0), mark - 1)
    if space < 0 or not _TARGET.fullmatch(buffer, space + 1, mark - 1):
        return None
    method = _METHOD.search(buffer, max(space - 7, 0), space)
    return None if method is None else method.start()
