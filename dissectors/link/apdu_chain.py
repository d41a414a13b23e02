"""STORE DATA chains: the blocks of one command put together. GlobalPlatform §11.11."""

from __future__ import annotations

from dissectors.asn1.tlv import TlvError, read_tag
from dissectors.finding import Finding, finding
from dissectors.link import apdu_codes as codes
from dissectors.link.apdu import BER_TLV, EXPECTS_RESPONSE, LAST_BLOCK, CommandApdu

_MOST_TAKEN = 1024  # with those sent twice
LONGEST = 1024 * 1024  # bytes of a command or of a response
_PLAIN_P1 = BER_TLV | EXPECTS_RESPONSE


class StoreDataChain:
    """Takes the blocks of one command in their order and says what is wrong with them."""

    __slots__ = ("_last", "blocks", "data", "next", "taken", "whole")

    def __init__(self) -> None:
        self.data = bytearray()
        self.next = 0  # number of the block to come
        self.blocks = 0
        self.taken = 0  # with those sent twice
        self.whole = False  # the last block is there
        self._last = b""

    def takes(self, block: CommandApdu) -> bool:
        """Tell whether `block` may be one of this chain."""
        if self.whole or self.taken >= _MOST_TAKEN:
            return False
        return not self.blocks or block.p2 != 0 or self._repeated(block)

    def add(self, block: CommandApdu) -> list[Finding]:
        """Take one block."""
        problems: list[Finding] = []
        self.taken += 1
        if block.p1 & ~LAST_BLOCK != _PLAIN_P1:
            problems.append(finding(codes.P1, f"P1 is {block.p1:02X}", "P1"))
        if self._repeated(block):
            text = f"block {block.p2:02X} a second time; left out"
            problems.append(finding(codes.BLOCK_REPEATED, text, "P2"))
            return problems
        if block.p2 != self.next:
            if self.blocks:
                text = f"block {block.p2:02X} where {self.next:02X} was due"
                problems.append(finding(codes.BLOCK_ORDER, text, "P2", len(self.data)))
            else:
                text = f"the first block seen has number {block.p2:02X}"
                problems.append(finding(codes.CHAIN_START, text, "P2"))
        if len(self.data) + len(block.data) <= LONGEST:
            self.data += block.data
        else:
            text = f"only the first {len(self.data)} bytes of the command are kept"
            problems.append(finding(codes.LIMIT, text))
        self._last = block.data
        self.blocks += 1
        self.next = (block.p2 + 1) & 0xFF
        self.whole = block.last_block
        return problems

    def _repeated(self, block: CommandApdu) -> bool:
        return (
            bool(self.blocks)
            and block.p2 == (self.next - 1) & 0xFF
            and block.data == self._last
            and not block.last_block
        )


def first_tag(data: bytes) -> str:
    """Return the first tag as upper-case hex, empty when there is none."""
    try:
        return data[: read_tag(data, 0, len(data))].hex().upper()
    except TlvError:
        return ""


def announced_length(data: bytes) -> int | None:
    """Return the whole length of the TLV that `data` begins with; None without definite length.

    The length need not be in its shortest form: that is the decoder's business.
    """
    try:
        at = read_tag(data, 0, len(data))
    except TlvError:
        return None
    size = data[at : at + 1]
    if not size or size[0] == 0x80:
        return None
    if size[0] < 0x80:
        return at + 1 + size[0]
    body = at + 1 + (size[0] & 0x7F)
    return None if body > len(data) else body + int.from_bytes(data[at + 1 : body], "big")


def tlv_fault(data: bytes) -> str:
    """Return why `data` is not exactly one TLV, empty when it is."""
    length = announced_length(data)
    if length is None:
        return f"{data[:8].hex().upper() or 'nothing'} is no tag with its length"
    if length == len(data):
        return ""
    return f"a TLV of {length} bytes in {len(data)}"
