"""HTTP/1 start lines, header fields and the framing that follows from them (RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from dissectors.finding import Finding, finding
from dissectors.link import http_codes as codes
from dissectors.link.http import Fields, HttpHead, Kind

TO_CLOSE = -1  # the body lasts until the stream ends
CHUNKED = -2

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_REQUEST = re.compile(rb"(" + _TOKEN + rb"{1,32}) ([!-\xff]+) HTTP/(1\.\d)")
_STATUS = re.compile(rb"HTTP/(1\.\d) ([1-9]\d\d)(?: (.*))?", re.DOTALL)
_NAME = re.compile(_TOKEN + rb"+")
_DIGITS = re.compile(r"\d{1,18}", re.ASCII)
_START = re.compile(rb"HTTP/1\.\d [1-9]|" + _TOKEN + rb"{1,32} [!-\xff]")
_CUT_START = re.compile(
    rb"H(?:T(?:T(?:P(?:/(?:1(?:\.(?:\d ?)?)?)?)?)?)?)?|" + _TOKEN + rb"{1,32} ?"
)
_FRAMING = frozenset({"content-length", "transfer-encoding"})
_BODILESS = frozenset({*range(100, 200), 204, 304})
_SLOW = frozenset({"transfer-encoding", "content-encoding", "upgrade"})
_CACHED_BLOCK = 2048
_CACHED_LINE = 256


class ParsedHead(NamedTuple):
    """A head, the length of its body (or TO_CLOSE, CHUNKED), and what is wrong with it."""

    head: HttpHead
    length: int
    plain: bool  # counted body, no coding, no change of protocol
    problems: tuple[Finding, ...]


def plausible_start(data: bytes | bytearray) -> bool:
    """Tell whether `data` may begin an HTTP/1 message, possibly cut short."""
    return _START.match(data) is not None or _CUT_START.fullmatch(data) is not None


def parse_head(block: bytes) -> ParsedHead | None:
    """Parse a head without its closing empty line; None when its first line is no start line."""
    if len(block) <= _CACHED_BLOCK:
        return _cached_head(block)
    return _parse_head(block, _parse_field)


@lru_cache(maxsize=4096)
def _cached_head(block: bytes) -> ParsedHead | None:
    return _parse_head(block, _cached_field)


def _parse_field(line: bytes) -> tuple[str, str]:
    """Return the field of a faultless line; a ValueError sends the head to the careful reader."""
    name, colon, value = line.partition(b":")
    if not colon or not _NAME.fullmatch(name):
        raise ValueError("no field line")
    if b"\n" in value or b"\r" in value or b"\0" in value:
        raise ValueError("control character in a value")
    return name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")


_cached_field = lru_cache(maxsize=2048)(_parse_field)


def _parse_head(block: bytes, parse: Callable[[bytes], tuple[str, str]]) -> ParsedHead | None:
    first, *lines = block.split(b"\r\n")
    problems: list[Finding] = []
    strict = b"\n" not in first
    headers: Fields = ()
    if strict:
        try:
            headers = tuple(map(parse, lines))
        except ValueError:
            strict = False
    if not strict:
        first, _, rest = block.partition(b"\n")
        first = first.removesuffix(b"\r")
        headers = careful_fields(rest, len(block) - len(rest), problems)
    start = _start_line(first) if len(first) <= _CACHED_LINE else _parse_start_line(first)
    if start is None:
        return None
    kind, version, method, target, status, reason = start
    values = dict(headers)
    authority = values.get("host", "")
    if kind is Kind.REQUEST:
        authority = _authority(start, authority)
        hosts = 1 if len(values) == len(headers) else sum(name == "host" for name, _ in headers)
        if version != "1.0" and ("host" not in values or hosts > 1):
            text = f"{hosts if 'host' in values else 0} Host fields"
            problems.append(finding(codes.NO_HOST, text, "header.host"))
    else:
        authority = ""
    head = HttpHead(kind, version, method, target, authority, status, reason, headers)
    bare = 0 if strict else block.count(b"\n") - block.count(b"\r\n")
    if bare:
        text = f"{bare} line{'s' * (bare > 1)} of the head end without CR"
        problems.append(finding(codes.BARE_LF, text, "header"))
    counted = values.get("content-length", "")
    if (
        len(counted) < 10
        and counted.isdigit()
        and counted.isascii()
        and len(values) == len(headers)
        and "transfer-encoding" not in values
        and status not in _BODILESS
    ):
        length = int(counted)  # the usual head, without the ceremony
    else:
        length = _length(head, values, problems)
    plain = (
        length >= 0
        and not bare  # the head may end before the CR LF CR LF that was looked for
        and method != "CONNECT"
        and (status == 0 or status >= 200)
        and _SLOW.isdisjoint(values)
    )
    return ParsedHead(head, length, plain, tuple(problems))


_StartLine = tuple[Kind, str, str, str, int, str]


def _parse_start_line(line: bytes) -> _StartLine | None:
    """Return kind, version, method, target, status and reason of a start line."""
    status = _STATUS.fullmatch(line)
    if status is not None:
        reason = (status[3] or b"").decode("latin-1").strip()
        return Kind.RESPONSE, status[1].decode("ascii"), "", "", int(status[2]), reason
    request = _REQUEST.fullmatch(line)
    if request is None:
        return None
    method, target, version = (part.decode("latin-1") for part in request.groups())
    return Kind.REQUEST, version, method, target, 0, ""


_start_line = lru_cache(maxsize=1024)(_parse_start_line)


def careful_fields(block: bytes, offset: int, problems: list[Finding]) -> Fields:
    """Read field lines however they are written and note every departure."""
    fields: list[list[bytes]] = []
    for raw in block.split(b"\n"):
        here = offset
        offset += len(raw) + 1
        line = raw.removesuffix(b"\r")
        if not line:
            continue
        if line[:1] in (b" ", b"\t"):
            problems.append(finding(codes.OBS_FOLD, "a folded field line", "header", here))
            if fields:
                fields[-1].append(line.strip(b" \t"))
            continue
        name, colon, value = line.partition(b":")
        bare_name = name.rstrip(b" \t")
        if not colon or not _NAME.fullmatch(bare_name):
            text = f"{line[:40].decode('latin-1')!r} is no field line; left out"
            problems.append(finding(codes.HEADER_LINE, text, "header", here))
            continue
        path = f"header.{bare_name.decode('ascii').lower()}"
        if bare_name != name:
            problems.append(finding(codes.HEADER_SPACE, "space before the colon", path, here))
        if b"\r" in value or b"\0" in value:
            problems.append(finding(codes.HEADER_VALUE, "CR or NUL in the value", path, here))
        fields.append([bare_name, value.strip(b" \t")])
    return tuple(
        (name.decode("ascii").lower(), b" ".join(values).decode("latin-1"))
        for name, *values in fields
    )


def _authority(start: _StartLine, host: str) -> str:
    _, _, method, target, _, _ = start
    if method == "CONNECT":
        return target
    if "://" in target and not target.startswith("/"):
        # RFC 9112 §3.2.2: the absolute form outweighs Host
        return target.split("://", 1)[1].split("/", 1)[0].split("?", 1)[0]
    return host


def _length(head: HttpHead, values: dict[str, str], problems: list[Finding]) -> int:
    """Apply RFC 9112 §6.3, apart from what depends on the request's method."""
    default = 0 if head.kind is Kind.REQUEST else TO_CLOSE
    if _FRAMING.isdisjoint(values) and head.status not in _BODILESS:
        return default
    lengths: list[str] = []
    codings: list[str] = []
    if "content-length" in values:
        lengths = _members(head.headers, "content-length")
    if "transfer-encoding" in values:
        codings = _members(head.headers, "transfer-encoding")
    counted = _counted(lengths, problems) if lengths else None
    if head.status in _BODILESS:
        if codings or (counted and head.status != 304):
            text = f"status {head.status} with a field that announces a body"
            problems.append(finding(codes.BODY_UNEXPECTED, text, "header"))
        return 0
    if codings:
        if lengths:
            text = "both framings stand in one head; chunked is followed"
            problems.append(finding(codes.LENGTH_AND_CHUNKED, text, "header.content-length"))
        if codings[-1] == "chunked":
            if len(codings) > 1:
                text = f"transfer codings {', '.join(codings)[:60]!r} stay in the body"
                problems.append(finding(codes.CODING_UNKNOWN, text, "header.transfer-encoding"))
            return CHUNKED
        text = f"transfer coding {codings[-1][:40]!r} is not chunked"
        problems.append(finding(codes.TRANSFER_CODING, text, "header.transfer-encoding"))
        return default
    return default if counted is None else counted


def _members(headers: Fields, wanted: str) -> list[str]:
    """Return the comma-separated members of all fields of a name, in lower case."""
    return [
        part.strip().lower()
        for name, value in headers
        if name == wanted
        for part in value.split(",")
    ]


def _counted(lengths: list[str], problems: list[Finding]) -> int | None:
    first = lengths[0]
    if len(lengths) == 1 and _DIGITS.fullmatch(first):
        return int(first)
    path = "header.content-length"
    good = [int(text) for text in lengths if _DIGITS.fullmatch(text)]
    if len(good) != len(lengths):
        bad = next(text for text in lengths if not _DIGITS.fullmatch(text))
        problems.append(finding(codes.LENGTH_INVALID, f"{bad[:40]!r} is no length", path))
    if len(set(good)) > 1:
        text = f"lengths {', '.join(map(str, good[:4]))} contradict each other; the first is used"
        problems.append(finding(codes.LENGTH_CONFLICT, text, path))
    elif len(good) > 1:
        problems.append(finding(codes.LENGTH_REPEATED, f"{len(good)} equal lengths", path))
    return good[0] if good else None
