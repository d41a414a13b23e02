"""Message types, method and response codes, and what the CoAP dissector can find fault with."""

from __future__ import annotations

from typing import Final

from dissectors.finding import Code, Severity

CON: Final = 0
NON: Final = 1
ACK: Final = 2
RST: Final = 3
TYPE_NAMES: Final = ("CON", "NON", "ACK", "RST")

# The code is a byte: class in the upper three bits, detail in the lower five (RFC 7252 §3).
EMPTY: Final = 0x00
GET: Final = 0x01
POST: Final = 0x02
PUT: Final = 0x03
DELETE: Final = 0x04
FETCH: Final = 0x05
PATCH: Final = 0x06
IPATCH: Final = 0x07

CREATED: Final = 0x41
DELETED: Final = 0x42
VALID: Final = 0x43
CHANGED: Final = 0x44
CONTENT: Final = 0x45
CONTINUE: Final = 0x5F
BAD_REQUEST: Final = 0x80
BAD_OPTION: Final = 0x82
NOT_FOUND: Final = 0x84
METHOD_NOT_ALLOWED: Final = 0x85
REQUEST_ENTITY_INCOMPLETE: Final = 0x88
REQUEST_ENTITY_TOO_LARGE: Final = 0x8D
UNSUPPORTED_CONTENT_FORMAT: Final = 0x8F
INTERNAL_SERVER_ERROR: Final = 0xA0
SERVICE_UNAVAILABLE: Final = 0xA3
PROXYING_NOT_SUPPORTED: Final = 0xA5

CODE_NAMES: Final[dict[int, str]] = {
    EMPTY: "Empty",
    GET: "GET",  # RFC 7252 §12.1.1
    POST: "POST",
    PUT: "PUT",
    DELETE: "DELETE",
    FETCH: "FETCH",  # RFC 8132 §2
    PATCH: "PATCH",
    IPATCH: "iPATCH",
    CREATED: "Created",  # RFC 7252 §12.1.2
    DELETED: "Deleted",
    VALID: "Valid",
    CHANGED: "Changed",
    CONTENT: "Content",
    CONTINUE: "Continue",  # RFC 7959 §2.9.1
    BAD_REQUEST: "Bad Request",
    0x81: "Unauthorized",
    BAD_OPTION: "Bad Option",
    0x83: "Forbidden",
    NOT_FOUND: "Not Found",
    METHOD_NOT_ALLOWED: "Method Not Allowed",
    0x86: "Not Acceptable",
    REQUEST_ENTITY_INCOMPLETE: "Request Entity Incomplete",  # RFC 7959 §2.9.2
    0x89: "Conflict",  # RFC 8132 §3.4
    0x8C: "Precondition Failed",
    REQUEST_ENTITY_TOO_LARGE: "Request Entity Too Large",  # RFC 7959 §2.9.3
    UNSUPPORTED_CONTENT_FORMAT: "Unsupported Content-Format",
    0x96: "Unprocessable Entity",  # RFC 8132 §3.4
    0x9D: "Too Many Requests",  # RFC 8516 §3
    INTERNAL_SERVER_ERROR: "Internal Server Error",
    0xA1: "Not Implemented",
    0xA2: "Bad Gateway",
    SERVICE_UNAVAILABLE: "Service Unavailable",
    0xA4: "Gateway Timeout",
    PROXYING_NOT_SUPPORTED: "Proxying Not Supported",
    0xA8: "Hop Limit Reached",  # RFC 8768 §3
}

_TEXTS: Final = tuple(f"{code >> 5}.{code & 31:02d}" for code in range(256))


def code_text(code: int) -> str:
    """Return a code as specifications write it, such as "0.02" or "2.04"."""
    return _TEXTS[code]


def code_name(code: int) -> str:
    """Return the registered name of a code, or an empty string."""
    return CODE_NAMES.get(code, "")


def parse_code(text: str) -> int:
    """Return the code byte of "2.04" or of a registered name such as "POST"."""
    upper, dot, lower = text.partition(".")
    if dot and upper.isdecimal() and lower.isdecimal() and len(lower) == 2:
        if int(upper) < 8 and int(lower) < 32:
            return int(upper) << 5 | int(lower)
    else:
        for code, name in CODE_NAMES.items():
            if name.lower() == text.lower():
                return code
    raise ValueError(f"not a CoAP code: {text!r}; write it as '2.04' or 'POST'")


def is_request(code: int) -> bool:
    """Say whether a code is a method (class 0, not Empty)."""
    return 0 < code < 0x20


def is_response(code: int) -> bool:
    """Say whether a code is a response (classes 2 to 5, RFC 7252 §5.9)."""
    return 0x40 <= code < 0xC0


def _error(name: str, reason: str) -> Code:
    return Code(f"coap-{name}", Severity.ERROR, reason)


def _warning(name: str, reason: str) -> Code:
    return Code(f"coap-{name}", Severity.WARNING, reason)


def _info(name: str, reason: str) -> Code:
    return Code(f"coap-{name}", Severity.INFO, reason)


# Message format errors: a receiver rejects the whole message.
SHORT = _error("short", "RFC 7252 §3: a message has at least the four bytes of the header")
VERSION = _error("version", "RFC 7252 §3: the version is 1; others are silently ignored")
TOKEN_LENGTH = _error("token-length", "RFC 7252 §3: token lengths 9 to 15 are reserved")
TOKEN_CUT = _error("token-cut", "RFC 7252 §3: the token has as many bytes as its length says")
EMPTY_CONTENT = _error("empty-content", "RFC 7252 §4.1: an Empty message ends after its id")
CODE_CLASS = _error("code-class", "RFC 7252 §3: code classes 1, 6 and 7 are reserved")
TYPE_CODE = _error("type-code", "RFC 7252 §4.3: this type does not carry this kind of code")
OPTION_NIBBLE = _error("option-nibble", "RFC 7252 §3.1: 15 is reserved in delta and length")
OPTION_CUT = _error("option-cut", "RFC 7252 §3.1: an option has as many bytes as it says")
OPTION_NUMBER = _error("option-number", "RFC 7252 §12.2: option numbers end at 65535")
EMPTY_PAYLOAD = _error("empty-payload", "RFC 7252 §3: a payload marker is followed by a payload")

# Options: the message stands, the option does not.
OPTION_LENGTH = _warning("option-length", "RFC 7252 §5.4.3: lengths outside the definition")
OPTION_REPEATED = _warning("option-repeated", "RFC 7252 §5.4.5: this option stands once")
OPTION_UNKNOWN = _warning("option-unknown", "RFC 7252 §5.4.1: critical, not in the registry")
OPTION_PADDED = _info("option-padded", "RFC 7252 §3.2: a number is sent without leading zeros")
OPTION_TEXT = _warning("option-text", "RFC 7252 §3.2: a string is UTF-8")

# Blocks (RFC 7959).
BLOCK_SZX = _error("block-szx", "RFC 7959 §2.2: size exponent 7 is reserved")
BLOCK_SIZE = _error("block-size", "RFC 7959 §2.2: every block but the last is full, none is more")
BLOCK_ORDER = _info("block-order", "RFC 7959 §2.3: the block is not the next of its body")
BLOCK_REPEATED = _info("block-repeated", "RFC 7959 §2.4: the block came before, unchanged")
BLOCK_CHANGED = _error("block-changed", "RFC 7959 §2.4: the block came before with other bytes")
BLOCK_BEYOND = _error("block-beyond", "RFC 7959 §2.2: the block lies past the last one")
BLOCK_RESTARTED = _info("block-restarted", "RFC 7959 §2.5: block 0 starts the transfer again")
BLOCK_INCOMPLETE = _error("block-incomplete", "RFC 7959 §2.5: blocks of the body never came")
BLOCK_LIMIT = _warning("block-limit", "the body is larger than this tool keeps")
ETAG_CHANGED = _error("etag-changed", "RFC 7959 §2.4: the representation changed between blocks")
SIZE_DIFFERS = _warning("size-differs", "RFC 7959 §4: Size1/Size2 and the body differ")
BLOCK1_KEPT = _warning("block1-kept", "RFC 7959 §2.7: Block1 is left out when Block2 goes on")

# Messages and exchanges.
MID_REUSED = _warning("mid-reused", "RFC 7252 §4.4: an id is not reused in EXCHANGE_LIFETIME")
TOKEN_DIFFERS = _error("token-differs", "RFC 7252 §5.3.2: a response has the token of its request")
RESPONSE_AGAIN = _info("response-again", "RFC 7252 §5.2: the request was answered before")
RESPONSE_OTHER = _warning("response-other", "RFC 7252 §5.2: a second, different answer")
REQUEST_UNSEEN = _info("request-unseen", "the request of this response is not in the capture")
REQUEST_RESET = _warning("request-reset", "RFC 7252 §4.2: the receiver rejected the message")
UNANSWERED = _warning("unanswered", "RFC 7252 §5.2: no response to this request was seen")
TOO_MANY = _warning("too-many", "more is open at once than this tool keeps; the oldest was let go")

FORMAT_ERRORS: Final = frozenset(
    code.name
    for code in (
        SHORT,
        VERSION,
        TOKEN_LENGTH,
        TOKEN_CUT,
        EMPTY_CONTENT,
        CODE_CLASS,
        TYPE_CODE,
        OPTION_NIBBLE,
        OPTION_CUT,
        OPTION_NUMBER,
        EMPTY_PAYLOAD,
    )
)
