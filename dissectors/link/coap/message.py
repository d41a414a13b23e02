"""One CoAP message: strict decoding that says what is wrong, strict and deliberately raw encoding.

A message that breaks the format is decoded as far as it goes and comes with findings whose codes
are in `FORMAT_ERRORS`; a receiver rejects such a message, a dissector shows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dissectors.finding import Code, Finding, finding
from dissectors.link.coap import codes
from dissectors.link.coap.codes import ACK, EMPTY, FORMAT_ERRORS, NON, RST, TYPE_NAMES
from dissectors.link.coap.options import (
    SHAPES,
    Option,
    Options,
    describe,
    faults,
    first,
    first_uint,
    replace,
    sort,
)

Findings = tuple[Finding, ...]

MAX_TOKEN = 8
MAX_EXTENSION = 269 + 65535
MAX_FINDINGS = 16  # per message: a datagram of 64 kB holds as many wrong options


# Options by the bytes that they were read from: so many, each no longer than this.
_KNOWN, _MOST_KNOWN = 1024, 128
_known: dict[bytes, Options] = {}


class CoapEncodeError(ValueError):
    """A message that RFC 7252 has no bytes for; `encode_raw` emits what it can all the same."""


@dataclass(frozen=True, slots=True)
class CoapMessage:
    """What one datagram says: type, code, message id, token, options in order, payload."""

    type: int
    code: int
    mid: int = 0
    token: bytes = b""
    options: Options = ()
    payload: bytes = b""

    def __str__(self) -> str:
        head = f"{TYPE_NAMES[self.type]} {codes.code_text(self.code)} mid={self.mid}"
        parts = [head, *([f"token={self.token.hex()}"] if self.token else [])]
        parts += [describe(option) for option in self.options]
        return ", ".join([*parts, *([f"{len(self.payload)} bytes"] if self.payload else [])])

    def option(self, number: int) -> bytes | None:
        """Return the first value of an option, or None."""
        return first(self.options, number)

    def uint_option(self, number: int) -> int | None:
        """Return the first value of an option as a number, or None."""
        return first_uint(self.options, number)

    def with_option(self, number: int, *values: bytes) -> CoapMessage:
        """Return the message with these values of one option in place of those it has."""
        options = replace(self.options, number, *values)
        return CoapMessage(self.type, self.code, self.mid, self.token, options, self.payload)


def is_malformed(findings: Iterable[Finding]) -> bool:
    """Say whether any of the findings is a message format error."""
    return any(item.code in FORMAT_ERRORS for item in findings)


def decode(data: bytes) -> tuple[CoapMessage | None, Findings]:
    """Decode one datagram; the message is None where not even the header can be read."""
    size = len(data)
    if size < 4:
        return None, _one(codes.SHORT, f"{size} bytes, a header has 4", "", 0)
    head = data[0]
    if head >> 6 != 1:
        return None, _one(codes.VERSION, f"version {head >> 6}", "version", 0)
    kind = head >> 4 & 3
    token_length = head & 15
    code = data[1]
    mid = data[2] << 8 | data[3]
    if size == 4 and not token_length and not code and kind != NON:
        return CoapMessage(kind, EMPTY, mid), ()
    found: list[Finding] = []
    if not ((kind < 2 and 0 < code < 0x20) or (kind != RST and 0x40 <= code < 0xC0)):
        found += _header_faults(kind, token_length, code, size)
    if token_length > MAX_TOKEN:
        text = f"token length {token_length}, the longest token has {MAX_TOKEN} bytes"
        found.append(finding(codes.TOKEN_LENGTH, text, "token", 0))
        if token_length > 12:  # 13 and 14 are extension marks elsewhere: no telling where it ends
            return CoapMessage(kind, code, mid, b"", (), data[4:]), tuple(found)
    position = 4 + token_length
    token = data[4:position]
    if position > size:
        text = f"token of {token_length} bytes, {size - 4} are there"
        found.append(finding(codes.TOKEN_CUT, text, "token", 4))
        return CoapMessage(kind, code, mid, token), tuple(found)
    # Options are much alike: what was read once without fault up to its payload marker is known.
    begin = position
    marker = data.find(b"\xff", begin, begin + _MOST_KNOWN)
    if 0 <= marker < size - 1:
        known = _known.get(data[begin:marker])
        if known is not None:
            return CoapMessage(kind, code, mid, token, known, data[marker + 1 :]), tuple(found)
    options: list[Option] = []
    payload = b""
    number = 0
    while position < size:
        start = position
        byte = data[position]
        position += 1
        delta = byte >> 4
        length = byte & 15
        if delta > 12 or length > 12:
            if byte == 0xFF:
                payload = data[position:]
                if not payload:
                    found += _one(codes.EMPTY_PAYLOAD, "marker, then nothing", "payload", start)
                elif not found and start == marker:
                    _remember(data[begin:marker], tuple(options))
                break
            try:
                delta, position = _extended(data, delta, position)
                length, position = _extended(data, length, position)
            except _Cut as cut:
                path = f"options[{len(options)}]"
                found.append(finding(cut.code, str(cut), path, start))
                break
        end = position + length
        number += delta
        if end > size or number > 0xFFFF:
            found.append(_option_end(number, length, size - position, len(options), start))
            break
        value = data[position:end]
        shape = SHAPES.get(number)
        if shape is None:
            odd = number & 1 == 1
        else:
            shortest, longest, once, is_uint, is_string = shape
            odd = (
                not shortest <= length <= longest
                or (once and delta == 0)
                or (is_uint and value[:1] == b"\0")
                or (is_string and not value.isascii())
            )
        option = (number, value)
        if odd and len(found) < MAX_FINDINGS:
            previous = number if delta == 0 else -1
            found += faults(option, previous, start, f"options[{len(options)}]")
        options.append(option)
        position = end
    return CoapMessage(kind, code, mid, token, tuple(options), payload), tuple(found)


def _remember(encoded: bytes, options: Options) -> None:
    if len(_known) >= _KNOWN:
        _known.clear()
    _known[encoded] = options


class _Cut(Exception):
    """An option header that does not end."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


def _one(code: Code, text: str, path: str, offset: int) -> Findings:
    return (finding(code, text, path, offset),)


def _extended(data: bytes, nibble: int, position: int) -> tuple[int, int]:
    """Return an option delta or length with its extension, and where the next field starts."""
    if nibble < 13:
        return nibble, position
    if nibble == 15:
        raise _Cut(codes.OPTION_NIBBLE, "reserved value 15 in the option header")
    end = position + nibble - 12
    if end > len(data):
        raise _Cut(codes.OPTION_CUT, "the option header is cut off")
    base = 13 if nibble == 13 else 269
    return base + int.from_bytes(data[position:end], "big"), end


def _option_end(number: int, length: int, left: int, index: int, start: int) -> Finding:
    if number > 0xFFFF:
        text = f"option number {number}"
        return finding(codes.OPTION_NUMBER, text, f"options[{index}]", start)
    text = f"option {number} of {length} bytes, {left} are left"
    return finding(codes.OPTION_CUT, text, f"options[{index}]", start)


def _header_faults(kind: int, token_length: int, code: int, size: int) -> list[Finding]:
    found = []
    text = codes.code_text(code)
    if code == EMPTY:
        if token_length or size > 4:
            said = f"Empty message with {size - 4} bytes and token length {token_length}"
            found.append(finding(codes.EMPTY_CONTENT, said, "code", 1))
        if kind == NON:  # RFC 7252 §4.3
            found.append(finding(codes.TYPE_CODE, "NON that is Empty", "code", 1))
    elif not (code < 0x20 or 0x40 <= code < 0xC0):
        found.append(finding(codes.CODE_CLASS, f"code {text}", "code", 1))
    elif kind == RST or (kind == ACK and code < 0x20):
        found.append(finding(codes.TYPE_CODE, f"{TYPE_NAMES[kind]} with {text}", "code", 1))
    return found


def encode(message: CoapMessage) -> bytes:
    """Encode a message strictly, or raise `CoapEncodeError` for what the format cannot hold."""
    if len(message.token) > MAX_TOKEN:
        raise CoapEncodeError(f"a token has at most {MAX_TOKEN} bytes, not {len(message.token)}")
    faults_found = _header_faults(
        message.type,
        len(message.token),
        message.code,
        4 + len(message.token) + len(message.options) + len(message.payload),
    )
    if faults_found:
        raise CoapEncodeError(f"{faults_found[0].text}; encode_raw emits it")
    return encode_raw(message)


def encode_raw(
    message: CoapMessage,
    *,
    version: int = 1,
    token_length: int | None = None,
    options: bytes | None = None,
    marker: bool | None = None,
    tail: bytes = b"",
) -> bytes:
    """Encode a message with any of its fields forced, right or wrong.

    `token_length` is the header nibble, `options` replaces the encoded options, `marker` puts or
    leaves out the payload marker, `tail` is appended.
    """
    nibble = len(message.token) if token_length is None else token_length
    if not (0 <= message.type < 4 and 0 <= message.code < 256 and 0 <= message.mid < 65536):
        raise CoapEncodeError(f"type {message.type}, code {message.code}, mid {message.mid}")
    if not (0 <= nibble < 16 and 0 <= version < 4):
        raise CoapEncodeError(f"token length {nibble} or version {version} has no bits for it")
    head = bytes(
        (
            version << 6 | message.type << 4 | nibble,
            message.code,
            message.mid >> 8,
            message.mid & 255,
        )
    )
    body = encode_options(message.options) if options is None else options
    marked = bool(message.payload) if marker is None else marker
    return b"".join((head, message.token, body, b"\xff" if marked else b"", message.payload, tail))


def encode_options(options: Options) -> bytes:
    """Encode options in the order of their numbers."""
    out = []
    previous = 0
    for number, value in sort(options):
        out.append(encode_option(number - previous, value))
        previous = number
    if previous > 0xFFFF:
        raise CoapEncodeError(f"option numbers end at 65535, not at {previous}")
    return b"".join(out)


def encode_option(delta: int, value: bytes, *, length: int | None = None) -> bytes:
    """Encode one option after its delta; `length` claims another length than the value has."""
    delta_nibble, delta_bytes = _nibble(delta)
    length_nibble, length_bytes = _nibble(len(value) if length is None else length)
    return bytes((delta_nibble << 4 | length_nibble,)) + delta_bytes + length_bytes + value


def _nibble(number: int) -> tuple[int, bytes]:
    if 0 <= number < 13:
        return number, b""
    if 13 <= number < 269:
        return 13, bytes((number - 13,))
    if 269 <= number <= MAX_EXTENSION:
        return 14, (number - 269).to_bytes(2, "big")
    raise CoapEncodeError(f"option delta or length {number} is outside 0 to {MAX_EXTENSION}")


def empty(kind: int, mid: int) -> CoapMessage:
    """Return the empty ACK or RST that answers message id `mid`, or a ping where `kind` is CON."""
    return CoapMessage(kind, EMPTY, mid)
