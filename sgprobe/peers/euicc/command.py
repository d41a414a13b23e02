"""A command APDU taken apart. ISO 7816-3 §12.1, ETSI TS 102 221 §10.1."""

from __future__ import annotations

from dataclasses import dataclass

from sgprobe.peers.euicc.status import CLASS_NOT_SUPPORTED, WRONG_LENGTH


class ApduError(ValueError):
    """The octets are no command APDU that the card takes; `sw` is what it answers."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"status word {sw:04X}")
        self.sw = sw


@dataclass(frozen=True, slots=True)
class Apdu:
    """One command; `le` is None where there is none, 0 where it stands for 256."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    le: int | None
    channel: int

    @property
    def lc(self) -> int:
        """How many octets of data it brings."""
        return len(self.data)


def parse(octets: bytes) -> Apdu:
    """Return the command APDU in `octets`; extended lengths are not used on ES10."""
    if len(octets) < 4:
        raise ApduError(WRONG_LENGTH)
    cla, ins, p1, p2 = octets[:4]
    channel = _channel(cla)
    rest = octets[4:]
    if not rest:
        return Apdu(cla, ins, p1, p2, b"", None, channel)
    if len(rest) == 1:
        return Apdu(cla, ins, p1, p2, b"", rest[0], channel)
    length, after = rest[0], len(rest) - 1 - rest[0]
    if length == 0 or after not in (0, 1):
        raise ApduError(WRONG_LENGTH)
    le = rest[-1] if after else None
    return Apdu(cla, ins, p1, p2, rest[1 : 1 + length], le, channel)


def _channel(cla: int) -> int:
    """Return the logical channel of a class octet. ISO 7816-4 §5.4.1, ETSI TS 102 221 §10.1.1."""
    if cla & 0x40:
        # further interindustry: channels 4 to 19, no secure messaging
        if cla & 0x30:
            raise ApduError(CLASS_NOT_SUPPORTED)
        return 4 + (cla & 0x0F)
    if cla & 0x3C:
        raise ApduError(CLASS_NOT_SUPPORTED)
    return cla & 0x03
