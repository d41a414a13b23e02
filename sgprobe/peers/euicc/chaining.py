"""STORE DATA: command TLVs put together from blocks. SGP.22 §5.7.2, GlobalPlatform §11.11."""

from __future__ import annotations

from sgprobe.peers.effects import CardFailure
from sgprobe.peers.euicc.status import CONDITIONS, WRONG_PARAMETERS

_LAST, _BER_TLV = 0x80, 0x10


class Chain:
    """The blocks of one command so far."""

    __slots__ = ("_blocks", "_next")

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._next = 0

    def drop(self) -> None:
        """Forget the blocks."""
        self._blocks = []
        self._next = 0

    def block(self, p1: int, p2: int, data: bytes, ordered: bool) -> bytes | None:
        """Add a block; return the whole command with the last one.

        A block out of order drops the chain, unless nobody looks at the order.
        """
        if not p1 & _BER_TLV:
            self.drop()
            raise CardFailure(WRONG_PARAMETERS)
        if p2 == 0:
            self.drop()
        if ordered and p2 != self._next:
            self.drop()
            raise CardFailure(CONDITIONS)
        self._blocks.append(data)
        self._next = p2 + 1
        if not p1 & _LAST:
            if p2 == 0xFF:
                # the last block number there is, and no end
                self.drop()
                raise CardFailure(CONDITIONS)
            return None
        whole = b"".join(self._blocks)
        self.drop()
        return whole
