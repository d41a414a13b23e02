"""The CoAP options: one registry table, typed values, and the rules each option keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from dissectors.finding import Finding, finding
from dissectors.link.coap.codes import (
    OPTION_LENGTH,
    OPTION_PADDED,
    OPTION_REPEATED,
    OPTION_TEXT,
    OPTION_UNKNOWN,
)

Option = tuple[int, bytes]
Options = tuple[Option, ...]


class Format(StrEnum):
    """How the value of an option reads (RFC 7252 §3.2)."""

    EMPTY = "empty"
    OPAQUE = "opaque"
    UINT = "uint"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class OptionRule:
    """What the registry says of one option number."""

    number: int
    name: str
    format: Format
    shortest: int
    longest: int
    repeatable: bool
    clause: str


IF_MATCH: Final = 1
URI_HOST: Final = 3
ETAG: Final = 4
IF_NONE_MATCH: Final = 5
OBSERVE: Final = 6
URI_PORT: Final = 7
LOCATION_PATH: Final = 8
OSCORE: Final = 9
URI_PATH: Final = 11
CONTENT_FORMAT: Final = 12
MAX_AGE: Final = 14
URI_QUERY: Final = 15
HOP_LIMIT: Final = 16
ACCEPT: Final = 17
Q_BLOCK1: Final = 19
LOCATION_QUERY: Final = 20
EDHOC: Final = 21
BLOCK2: Final = 23
BLOCK1: Final = 27
SIZE2: Final = 28
Q_BLOCK2: Final = 31
PROXY_URI: Final = 35
PROXY_SCHEME: Final = 39
SIZE1: Final = 60
ECHO: Final = 252
NO_RESPONSE: Final = 258
REQUEST_TAG: Final = 292

_TABLE: Final = (
    (IF_MATCH, "If-Match", Format.OPAQUE, 0, 8, True, "RFC 7252 §5.10.8.1"),
    (URI_HOST, "Uri-Host", Format.STRING, 1, 255, False, "RFC 7252 §5.10.1"),
    (ETAG, "ETag", Format.OPAQUE, 1, 8, True, "RFC 7252 §5.10.6"),
    (IF_NONE_MATCH, "If-None-Match", Format.EMPTY, 0, 0, False, "RFC 7252 §5.10.8.2"),
    (OBSERVE, "Observe", Format.UINT, 0, 3, False, "RFC 7641 §2"),
    (URI_PORT, "Uri-Port", Format.UINT, 0, 2, False, "RFC 7252 §5.10.1"),
    (LOCATION_PATH, "Location-Path", Format.STRING, 0, 255, True, "RFC 7252 §5.10.7"),
    (OSCORE, "OSCORE", Format.OPAQUE, 0, 255, False, "RFC 8613 §2"),
    (URI_PATH, "Uri-Path", Format.STRING, 0, 255, True, "RFC 7252 §5.10.1"),
    (CONTENT_FORMAT, "Content-Format", Format.UINT, 0, 2, False, "RFC 7252 §5.10.3"),
    (MAX_AGE, "Max-Age", Format.UINT, 0, 4, False, "RFC 7252 §5.10.5"),
    (URI_QUERY, "Uri-Query", Format.STRING, 0, 255, True, "RFC 7252 §5.10.1"),
    (HOP_LIMIT, "Hop-Limit", Format.UINT, 1, 1, False, "RFC 8768 §3"),
    (ACCEPT, "Accept", Format.UINT, 0, 2, False, "RFC 7252 §5.10.4"),
    (Q_BLOCK1, "Q-Block1", Format.UINT, 0, 3, False, "RFC 9177 §4.1"),
    (LOCATION_QUERY, "Location-Query", Format.STRING, 0, 255, True, "RFC 7252 §5.10.7"),
    (EDHOC, "EDHOC", Format.EMPTY, 0, 0, False, "RFC 9668 §3.1"),
    (BLOCK2, "Block2", Format.UINT, 0, 3, False, "RFC 7959 §2.1"),
    (BLOCK1, "Block1", Format.UINT, 0, 3, False, "RFC 7959 §2.1"),
    (SIZE2, "Size2", Format.UINT, 0, 4, False, "RFC 7959 §4"),
    (Q_BLOCK2, "Q-Block2", Format.UINT, 0, 3, True, "RFC 9177 §4.1"),
    (PROXY_URI, "Proxy-Uri", Format.STRING, 1, 1034, False, "RFC 7252 §5.10.2"),
    (PROXY_SCHEME, "Proxy-Scheme", Format.STRING, 1, 255, False, "RFC 7252 §5.10.2"),
    (SIZE1, "Size1", Format.UINT, 0, 4, False, "RFC 7959 §4"),
    (ECHO, "Echo", Format.OPAQUE, 1, 40, False, "RFC 9175 §2.2.1"),
    (NO_RESPONSE, "No-Response", Format.UINT, 0, 1, False, "RFC 7967 §2"),
    (REQUEST_TAG, "Request-Tag", Format.OPAQUE, 0, 8, True, "RFC 9175 §3.2.1"),
)
REGISTRY: Final[dict[int, OptionRule]] = {row[0]: OptionRule(*row) for row in _TABLE}

# What may differ between the messages of one block-wise transfer: Content-Format and ETag belong to
# a body, and Observe is not repeated (RFC 7959 §2.6).
_NOT_IN_KEY: Final = frozenset((BLOCK1, BLOCK2, CONTENT_FORMAT, ETAG, OBSERVE))

# What the decoder asks of every option, cut down to one look-up:
# shortest, longest, stands once, is a number, is a string.
SHAPES: Final[dict[int, tuple[int, int, bool, bool, bool]]] = {
    rule.number: (
        rule.shortest,
        rule.longest,
        not rule.repeatable,
        rule.format is Format.UINT,
        rule.format is Format.STRING,
    )
    for rule in REGISTRY.values()
}


def is_critical(number: int) -> bool:
    """Say whether an option must be understood (RFC 7252 §5.4.1: odd numbers)."""
    return bool(number & 1)


def is_unsafe(number: int) -> bool:
    """Say whether a proxy must understand the option to forward it (RFC 7252 §5.4.2)."""
    return bool(number & 2)


def is_no_cache_key(number: int) -> bool:
    """Say whether the option stays out of the cache key (RFC 7252 §5.4.2)."""
    return number & 0x1E == 0x1C


def option_name(number: int) -> str:
    """Return the registered name, or the number in words."""
    rule = REGISTRY.get(number)
    return rule.name if rule else f"option {number}"


def uint(value: bytes) -> int:
    """Return the number that an option value holds; leading zeros are allowed."""
    return int.from_bytes(value, "big")


def uint_bytes(number: int) -> bytes:
    """Return the shortest form of a number: zero is the empty string (RFC 7252 §3.2)."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def first(options: Options, number: int) -> bytes | None:
    """Return the first value of an option, or None where it is absent."""
    for name, value in options:
        if name == number:
            return value
    return None


def first_uint(options: Options, number: int) -> int | None:
    """Return the first value of an option as a number, or None where it is absent."""
    value = first(options, number)
    return None if value is None else int.from_bytes(value, "big")


@lru_cache(256)
def _segment(value: bytes) -> str:
    return quote(value, safe="!$&'()*+,;=:@~")


def uri_path(options: Options) -> str:
    """Return Uri-Path as one path; bytes that a path segment cannot hold are %-escaped."""
    return "/" + "/".join([_segment(value) for number, value in options if number == URI_PATH])


def uri_queries(options: Options) -> tuple[str, ...]:
    """Return the Uri-Query arguments; bytes that are not UTF-8 are shown as replacement marks."""
    return tuple(value.decode("utf-8", "replace") for n, value in options if n == URI_QUERY)


def path_options(path: str) -> Options:
    """Return the Uri-Path options of "/a/b"; "/" has none."""
    text = path.removeprefix("/")
    return tuple((URI_PATH, unquote_to_bytes(part)) for part in text.split("/")) if text else ()


def sort(options: Iterable[Option]) -> Options:
    """Return options in the order of their numbers, repeated ones in the order given."""
    return tuple(sorted(options, key=lambda option: option[0]))


def without(options: Options, *numbers: int) -> Options:
    """Return options less all of the numbers given."""
    return tuple(option for option in options if option[0] not in numbers)


def replace(options: Options, number: int, *values: bytes) -> Options:
    """Return options with these values of one number, in place of those it had."""
    return sort((*without(options, number), *((number, value) for value in values)))


def describe(option: Option) -> str:
    """Return an option as a person reads it, such as "Uri-Path: gsma"."""
    number, value = option
    rule = REGISTRY.get(number)
    if rule is None or rule.format is Format.OPAQUE:
        text = value.hex()
    elif rule.format is Format.UINT:
        text = str(uint(value))
    else:
        text = value.decode("utf-8", "backslashreplace")
    return f"{option_name(number)}: {text}" if text else option_name(number)


def faults(option: Option, previous: int, offset: int, path: str) -> tuple[Finding, ...]:
    """Return what is wrong with one option that follows option number `previous`."""
    number, value = option
    rule = REGISTRY.get(number)
    if rule is None:
        if not is_critical(number):
            return ()
        text = f"critical option {number} ({len(value)} bytes) is not registered"
        return (finding(OPTION_UNKNOWN, text, path, offset),)
    found = []
    if not rule.shortest <= len(value) <= rule.longest:
        text = f"{rule.name} has {len(value)} bytes, {rule.clause} allows "
        text += f"{rule.shortest} to {rule.longest}"
        found.append(finding(OPTION_LENGTH, text, path, offset))
    if number == previous and not rule.repeatable:
        found.append(finding(OPTION_REPEATED, f"{rule.name} stands again", path, offset))
    if rule.format is Format.UINT and value[:1] == b"\0":
        text = f"{rule.name} is sent as {value.hex()}, with leading zeros"
        found.append(finding(OPTION_PADDED, text, path, offset))
    if rule.format is Format.STRING:
        try:
            value.decode()
        except UnicodeDecodeError:
            found.append(finding(OPTION_TEXT, f"{rule.name} is not UTF-8", path, offset))
    return tuple(found)


def refused(options: Options, known: frozenset[int] = frozenset(REGISTRY)) -> tuple[int, ...]:
    """Return the critical options for which a server answers 4.02 (RFC 7252 §5.4.1)."""
    bad = []
    previous = -1
    for number, value in options:
        rule = REGISTRY.get(number)
        # RFC 7252 §5.4.3, §5.4.5: a wrong length or a repetition counts as not recognised.
        recognised = number in known and (
            rule is None
            or (
                rule.shortest <= len(value) <= rule.longest
                and (rule.repeatable or number != previous)
            )
        )
        if is_critical(number) and not recognised:
            bad.append(number)
        previous = number
    return tuple(bad)


def transfer_key(code: int, options: Options) -> tuple[int, Options]:
    """Return what the messages of one block-wise transfer have in common besides their peer."""
    # RFC 7959 §2.4, §2.5: all options that are part of the cache key, save the block options.
    return code, tuple([o for o in options if o[0] not in _NOT_IN_KEY and o[0] & 0x1E != 0x1C])
