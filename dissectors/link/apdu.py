"""Command and response APDUs, and those that carry ES10: taken apart and built."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

ISDR_AID = bytes.fromhex("A0000005591010FFFFFFFF8900000100")  # SGP.02 §2.2.3
ECASD_AID = bytes.fromhex("A0000005591010FFFFFFFF8900000200")
CHANNELS = 20  # ETSI TS 102 221 §10.1.1

LAST_BLOCK = 0x80  # P1 of STORE DATA, GlobalPlatform Card Specification §11.11
BER_TLV = 0x10
EXPECTS_RESPONSE = 0x01
_BLOCKS = 256


class ApduError(ValueError):
    """Bytes that are no APDU, or an APDU that cannot be built."""


class Ins(IntEnum):
    """The instructions that matter to ES10. ETSI TS 102 221 §10.1.2, GlobalPlatform §11."""

    TERMINAL_PROFILE = 0x10
    FETCH = 0x12
    TERMINAL_RESPONSE = 0x14
    MANAGE_CHANNEL = 0x70
    SELECT = 0xA4
    TERMINAL_CAPABILITY = 0xAA
    GET_RESPONSE = 0xC0
    STORE_DATA = 0xE2


def channel_of(cla: int) -> int:
    """Return the logical channel that a class byte names. ETSI TS 102 221 §10.1.1."""
    return 4 + (cla & 0x0F) if cla & 0x40 else cla & 0x03


def is_secured(cla: int) -> bool:
    """Tell whether a class byte announces secure messaging. ETSI TS 102 221 §10.1.1."""
    return bool(cla & 0x20 if cla & 0x40 else cla & 0x0C)


def class_on(cla: int, channel: int) -> int:
    """Return class 00 or 80 on a logical channel."""
    if not 0 <= channel < CHANNELS:
        raise ApduError(f"logical channel {channel} does not exist, 0 to {CHANNELS - 1} do")
    return cla | channel if channel < 4 else cla | 0x40 | (channel - 4)


@dataclass(frozen=True, slots=True)
class CommandApdu:
    """A command: header, data, and the expected length if one is sent (256 for a byte 00)."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None

    @property
    def channel(self) -> int:
        """Return the logical channel."""
        return channel_of(self.cla)

    @property
    def secured(self) -> bool:
        """Tell whether the command uses secure messaging."""
        return is_secured(self.cla)

    @property
    def last_block(self) -> bool:
        """Tell whether a STORE DATA is the last of its chain."""
        return bool(self.p1 & LAST_BLOCK)

    @classmethod
    def parse(cls, apdu: bytes) -> CommandApdu:
        """Take a command apart (ISO 7816-3 §12.1); the T=0 form of case 1 reads as case 2."""
        if len(apdu) < 4:
            raise ApduError(f"a command of {len(apdu)} bytes, at least 4 are its header")
        (cla, ins, p1, p2), body = apdu[:4], apdu[4:]
        if not body:
            return cls(cla, ins, p1, p2)
        if len(body) == 1:
            return cls(cla, ins, p1, p2, le=body[0] or 256)
        if body[0]:
            length, start, size = body[0], 1, 1
        elif len(body) == 3:
            return cls(cla, ins, p1, p2, le=int.from_bytes(body[1:], "big") or 65_536)
        else:
            length, start, size = int.from_bytes(body[1:3], "big"), 3, 2
        rest = body[start + length :]
        if len(body) < start + length or not length or len(rest) not in (0, size):
            there = max(len(body) - start, 0)
            raise ApduError(f"the length byte announces {length} bytes, {there} follow")
        le = None
        if rest:
            le = int.from_bytes(rest, "big") or 256**size
        return cls(cla, ins, p1, p2, body[start : start + length], le)

    def __bytes__(self) -> bytes:
        """Build the command, with extended lengths only where short ones do not reach."""
        head = bytes((self.cla, self.ins, self.p1, self.p2))
        le, size = self.le, len(self.data)
        if size > 65_535 or (le is not None and not 0 < le <= 65_536):
            raise ApduError(f"{size} bytes of data and Le {le} do not fit an APDU")
        if size > 255 or (le is not None and le > 256):
            lead = b"\0" + size.to_bytes(2, "big") if size else b""
            tail = (
                b"" if le is None else (b"" if size else b"\0") + (le % 65_536).to_bytes(2, "big")
            )
            return head + lead + self.data + tail
        lead = bytes((size,)) if size else b""
        return head + lead + self.data + (b"" if le is None else bytes((le % 256,)))


@dataclass(frozen=True, slots=True)
class ResponseApdu:
    """A response: data and status word."""

    data: bytes
    sw: int

    @classmethod
    def parse(cls, apdu: bytes) -> ResponseApdu:
        """Take a response apart."""
        if len(apdu) < 2:
            raise ApduError(f"a response of {len(apdu)} bytes has no status word")
        sw = int.from_bytes(apdu[-2:], "big")
        if sw >> 12 not in (6, 9):
            raise ApduError(f"{sw:04X} is no status word (ISO 7816-4 §5.6: 6XXX or 9XXX)")
        return cls(apdu[:-2], sw)

    def __bytes__(self) -> bytes:
        """Build the response."""
        return self.data + self.sw.to_bytes(2, "big")

    @property
    def ok(self) -> bool:
        """Tell whether the command was carried out; 91XX adds that the card wants attention."""
        return self.sw == 0x9000 or self.sw >> 8 == 0x91

    @property
    def more(self) -> int | None:
        """Return how many bytes GET RESPONSE can fetch, when the status word is 61XX."""
        return (self.sw & 0xFF or 256) if self.sw >> 8 == 0x61 else None

    @property
    def right_le(self) -> int | None:
        """Return the Le to send instead, when the status word is 6CXX."""
        return (self.sw & 0xFF or 256) if self.sw >> 8 == 0x6C else None


def store_data(command: bytes, channel: int = 0, block: int = 255) -> list[bytes]:
    """Build the STORE DATA chain of an ES10 command, cut after `block` bytes. SGP.22 §5.7.2."""
    if not 0 < block < 256:
        raise ApduError(f"blocks of {block} bytes, 1 to 255 are possible")
    if not 0 < len(command) <= block * _BLOCKS:
        raise ApduError(f"{len(command)} bytes do not fit 1 to {_BLOCKS} blocks of {block}")
    cla = class_on(0x80, channel)
    pieces = [command[at : at + block] for at in range(0, len(command), block)]
    last = len(pieces) - 1
    return [
        bytes(
            CommandApdu(
                cla,
                Ins.STORE_DATA,
                BER_TLV | EXPECTS_RESPONSE | (LAST_BLOCK if number == last else 0),
                number,
                piece,
            )
        )
        for number, piece in enumerate(pieces)
    ]


def get_response(length: int, channel: int = 0, cla: int = 0x00) -> bytes:
    """Build the GET RESPONSE that fetches `length` bytes; `cla` 80 is in use as well."""
    return bytes(CommandApdu(class_on(cla, channel), Ins.GET_RESPONSE, 0, 0, le=length))


def select(aid: bytes, channel: int = 0) -> bytes:
    """Build the SELECT of an application by its identifier. ETSI TS 102 221 §11.1.1."""
    return bytes(CommandApdu(class_on(0x00, channel), Ins.SELECT, 0x04, 0x00, aid))


def open_channel() -> bytes:
    """Build the MANAGE CHANNEL that asks for a free logical channel. ETSI TS 102 221 §11.1.17."""
    return bytes(CommandApdu(0x00, Ins.MANAGE_CHANNEL, 0x00, 0x00, le=1))


def close_channel(channel: int) -> bytes:
    """Build the MANAGE CHANNEL that closes a logical channel."""
    class_on(0x00, channel)
    return bytes((0x00, Ins.MANAGE_CHANNEL, 0x80, channel, 0x00))


def terminal_capability(template: bytes = bytes.fromhex("A903830107")) -> bytes:
    """Build TERMINAL CAPABILITY, by default for a device with LPA or IPA. TS 102 221 §11.1.19."""
    return bytes(CommandApdu(0x80, Ins.TERMINAL_CAPABILITY, 0x00, 0x00, template))
