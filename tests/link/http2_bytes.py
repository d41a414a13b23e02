"""HTTP/2 bytes made by hand, frame by frame, and a connection of several exchanges."""

from __future__ import annotations

import hpack
from http_streams import H2Pair, Sketch
from hyperframe.frame import DataFrame, Frame, HeadersFrame, SettingsFrame

from dissectors.link.http2_frame import PREFACE

HEAD = [(":method", "POST"), (":path", "/p"), (":scheme", "https"), (":authority", "h")]


class Bytes:
    """Hand-made frames of one direction, with its own header compression."""

    def __init__(self, start: bytes = b"") -> None:
        self.encoder = hpack.Encoder()
        self.raw = start

    def frame(self, frame: Frame) -> Bytes:
        self.raw += frame.serialize()
        return self

    def head(self, stream: int, fields: list[tuple[str, str]], *flags: str) -> Bytes:
        block = self.encoder.encode(fields)
        return self.frame(HeadersFrame(stream, block, flags=["END_HEADERS", *flags]))

    def body(self, stream: int, data: bytes, *flags: str, pad: int = 0) -> Bytes:
        padded = ["PADDED"] if pad else []
        return self.frame(DataFrame(stream, data, pad_length=pad, flags=[*flags, *padded]))


def client() -> Bytes:
    return Bytes(PREFACE).frame(SettingsFrame(0))


def server() -> Bytes:
    return Bytes().frame(SettingsFrame(0))


def long_connection() -> tuple[H2Pair, int]:
    """A connection of six exchanges, and the place in its transcript where the third begins."""
    pair = H2Pair()
    third = 0
    for n in range(6):
        if n == 2:
            third = len(pair.transcript)
        number = pair.request(Sketch(target=f"/{n}", body=b"b" * n))
        pair.flush()
        pair.answer(number, Sketch(status=200 + n, answer=bytes([65 + n])))
        pair.flush()
    return pair, third
