"""Content codings of HTTP bodies (gzip, deflate), opened within bounds."""

from __future__ import annotations

import zlib

from dissectors.finding import Finding, finding
from dissectors.link import http_codes as codes
from dissectors.link.http import HttpLimits

_ALWAYS = 1024 * 1024
_PIECE = 64 * 1024
_MEMBERS = 256
_CODINGS = 3


def decode_body(body: bytes, header: str, limits: HttpLimits) -> tuple[bytes, list[Finding]]:
    """Undo the codings that a Content-Encoding field names, the last one first."""
    problems: list[Finding] = []
    names = [name.strip().lower() for name in header.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    if len(names) > _CODINGS:
        text = f"{len(names)} content codings stacked; the body is left as sent"
        return body, [finding(codes.CODING_UNKNOWN, text, "header.content-encoding")]
    bound = min(limits.body, max(_ALWAYS, len(body) * limits.ratio))
    for name in reversed(names):
        if name not in ("gzip", "x-gzip", "deflate"):
            text = f"content coding {name[:40]!r} is not opened; the body is left as sent"
            problems.append(finding(codes.CODING_UNKNOWN, text, "header.content-encoding"))
            break
        if body:
            body, trouble = _inflate(body, name, bound)
            if trouble is not None:
                problems.append(trouble)
                break
    return body, problems


def _inflate(body: bytes, name: str, bound: int) -> tuple[bytes, Finding | None]:
    if name == "deflate":
        # RFC 9110 §8.4.1.2: zlib format; some senders leave its wrapper off
        wrapped = body[0] & 0x0F == 8 and len(body) > 1 and (body[0] << 8 | body[1]) % 31 == 0
        window = zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS
    else:
        window = zlib.MAX_WBITS | 16
    opened = bytearray()
    engine = zlib.decompressobj(window)
    members = 1
    position = 0
    while position < len(body):
        # fed in pieces, since each finished gzip member copies what it did not use
        piece = body[position : position + _PIECE]
        position += len(piece)
        while piece:
            if engine.eof:
                if name == "deflate" or members == _MEMBERS:
                    return bytes(opened), _broken(name, "bytes after its end", position, piece)
                engine = zlib.decompressobj(window)
                members += 1
            try:
                opened += engine.decompress(piece, bound - len(opened) + 1)
            except zlib.error as error:
                return bytes(opened), _broken(name, str(error)[:80], position, piece)
            if len(opened) > bound:
                text = f"{len(body)} bytes of {name} give more than {bound}; the rest is dropped"
                return bytes(opened[:bound]), finding(codes.CODING_BOMB, text, "body")
            piece = engine.unused_data if engine.eof else engine.unconsumed_tail
    if not engine.eof:
        return bytes(opened), _broken(name, "cut before its end", len(body), b"")
    return bytes(opened), None


def _broken(name: str, what: str, position: int, piece: bytes) -> Finding:
    return finding(codes.CODING_BROKEN, f"{name}: {what}", "body", position - len(piece))
