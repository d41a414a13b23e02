"""HTTP/2 frames: types, flags, and where they may begin (RFC 9113 §4, §6)."""

from __future__ import annotations

import re
from enum import IntEnum, IntFlag

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER = 9
DEFAULT_SIZE = 16_384


class FrameType(IntEnum):
    """The frame types of RFC 9113; others are passed over (§5.5)."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Flag(IntFlag):
    """Frame flags; END_STREAM and ACK share a bit."""

    END_STREAM = 0x01
    ACK = 0x01
    END_HEADERS = 0x04
    PADDED = 0x08
    PRIORITY = 0x20


# RFC 9113 §6: type -> (flags that are defined, exact length or None, None both / True stream only)
_SHAPE: dict[int, tuple[int, int | None, bool | None]] = {
    FrameType.DATA: (0x09, None, True),
    FrameType.HEADERS: (0x2D, None, True),
    FrameType.PRIORITY: (0x00, 5, True),
    FrameType.RST_STREAM: (0x00, 4, True),
    FrameType.SETTINGS: (0x01, None, False),
    FrameType.PUSH_PROMISE: (0x0C, None, True),
    FrameType.PING: (0x01, 8, False),
    FrameType.GOAWAY: (0x00, None, False),
    FrameType.WINDOW_UPDATE: (0x00, 4, None),
    FrameType.CONTINUATION: (0x04, None, True),
}

# a header as far as a pattern can tell: up to 16,384 bytes, a type and flags that are defined
_CANDIDATE = re.compile(rb"(?s)\x00[\x00-\x40].[\x00-\x09][\x00-\x2d][\x00-\x7f].{3}")

# RFC 9113 §7
ERROR_NAMES = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
    "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
    "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
)  # fmt: skip


def error_name(code: int) -> str:
    """Return the name of an error code, or its number."""
    return ERROR_NAMES[code] if code < len(ERROR_NAMES) else f"error {code:#x}"


def fault(kind: int, length: int, stream: int) -> str:
    """Return what is wrong with a frame's length or stream, empty when nothing is."""
    shape = _SHAPE.get(kind)
    if shape is None:
        return ""
    _, exact, on_stream = shape
    if exact is not None and length != exact:
        return f"{length} bytes instead of {exact}"
    if kind == FrameType.SETTINGS and length % 6:
        return f"{length} bytes are no whole settings"
    if kind == FrameType.GOAWAY and length < 8:
        return f"{length} bytes, fewer than 8"
    if on_stream is True and not stream:
        return "on stream 0"
    if on_stream is False and stream:
        return f"on stream {stream}, not 0"
    return ""


def plausible(data: bytes | bytearray, at: int) -> int:
    """Return the whole size of the frame whose header stands at `at`, or 0 when none does."""
    kind = data[at + 3]
    shape = _SHAPE.get(kind)
    if shape is None or data[at + 4] & ~shape[0] or data[at + 5] & 0x80:
        return 0
    length = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
    stream = int.from_bytes(data[at + 5 : at + 9], "big")
    if length > DEFAULT_SIZE or fault(kind, length, stream):
        return 0
    return HEADER + length


def find_frames(buffer: bytearray, scanned: int, ended: bool) -> tuple[int | None, int]:
    """Return where a frame begins that another follows, and up to where no second look is needed.

    When the stream has ended, a frame that fills the rest exactly is believed too.
    """
    size = len(buffer)
    while (candidate := _CANDIDATE.search(buffer, scanned)) is not None:
        scanned = candidate.start()
        whole = plausible(buffer, scanned)
        if whole:
            after = scanned + whole
            if after + HEADER > size and not ended:
                return None, scanned
            if after == size or (after + HEADER <= size and plausible(buffer, after)):
                return scanned, scanned
        scanned += 1
    return None, max(scanned, size - HEADER + 1)


def looks_like_http2(data: bytes) -> bool:
    """Tell whether a stream that begins with `data` may be HTTP/2.

    Either end's beginning is known: the client's preface, the server's SETTINGS; from the middle of
    a connection at least two frames in a row, or one that fills `data`, are asked for.
    """
    if len(data) >= 4 and PREFACE.startswith(data[: len(PREFACE)]):
        return True
    at, found = 0, 0
    while len(data) - at >= HEADER:
        whole = plausible(data, at)
        if not whole:
            return False
        if at == 0 and data[3] == FrameType.SETTINGS:
            return True
        at += whole
        found += 1
    return found > 1 or (found == 1 and at == len(data))
