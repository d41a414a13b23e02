"""Reads what a person names on the command line: a file, standard input, hex, base64 or PEM."""

from __future__ import annotations

import base64
import binascii
import re
import sys
from pathlib import Path

from sgprobe.cli.command import UserError

_HEX = re.compile(rb"(?:0[xX])?[0-9a-fA-F\s:]*")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_=\s-]+")
# RFC 7468; what stands before the first label is a remark
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----")
# one message; a capture is read as a stream and has no such bound
MESSAGE_LIMIT = 64 << 20


def read_argument(argument: str) -> bytes:
    """Return the bytes that an argument stands for: file, `-`, else JSON, hex or base64."""
    if argument == "-":
        return from_text_or_der(sys.stdin.buffer.read(MESSAGE_LIMIT + 1), "standard input")
    path = Path(argument)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):
        is_file = False  # long hex is no file name
    if is_file:
        return from_text_or_der(_read(path), argument)
    text = argument.encode("utf-8", "surrogateescape")
    if text.lstrip()[:1] == b"{":
        return text
    octets = from_text(text)
    if octets is None:
        if path.is_dir():
            raise UserError(f"{argument} is a folder", "name a file in it")
        shown = argument if len(argument) <= 60 else argument[:57] + "..."
        if digits := _odd_hex(argument):
            raise UserError(
                f"{shown!r} is {digits} hex digits: an odd number", "one is missing or too many"
            )
        raise UserError(
            f"{shown!r} is no existing file, and neither hex nor base64 nor a JSON object",
            "check the path, or the digits: hex has an even number of 0-9 a-f",
        )
    if not octets:
        raise UserError("there are no bytes to decode", "give hex, base64, a file, or - for stdin")
    return octets


def _odd_hex(text: str) -> int:
    """Return how many hex digits a text has if it has nothing else and their number is odd."""
    digits = re.sub(r"[\s:]", "", text).removeprefix("0x").removeprefix("0X")
    return len(digits) if len(digits) % 2 and re.fullmatch("[0-9a-fA-F]+", digits) else 0


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MESSAGE_LIMIT:
            raise UserError(f"{path} is too large for one message ({MESSAGE_LIMIT >> 20} MiB)")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "check that you may read it") from None


def from_text_or_der(contents: bytes, name: str) -> bytes:
    """Return the bytes of a file: text that is hex or base64 is decoded, all else is DER."""
    if not contents:
        raise UserError(f"{name} is empty")
    if len(contents) > MESSAGE_LIMIT:
        raise UserError(f"{name} is too large for one message ({MESSAGE_LIMIT >> 20} MiB)")
    octets = from_text(contents)
    return contents if octets is None else octets


def from_text(text: bytes) -> bytes | None:
    """Return the bytes that hex or base64 text stands for, or None where it is neither."""
    stripped = text.strip()
    if _HEX.fullmatch(stripped):
        digits = re.sub(rb"[\s:]", b"", stripped)
        digits = digits[2:] if digits[:2] in (b"0x", b"0X") else digits
        # base64 never has an odd number of digits, unless its padding was left off
        return binascii.unhexlify(digits) if len(digits) % 2 == 0 else None
    if pem := _PEM.search(stripped):
        stripped = pem[2].strip()
    if _BASE64.fullmatch(stripped):
        joined = re.sub(rb"\s", b"", stripped).replace(b"-", b"+").replace(b"_", b"/")
        try:
            return base64.b64decode(joined + b"=" * (-len(joined) % 4), validate=True)
        except binascii.Error:
            return None
    return None
