"""Milenage: the functions f1 to f5* of a USIM and its home network. 3GPP TS 35.206."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from sgprobe.crypto.errors import KeyFormatError

# TS 35.206 §4.1: rotation in octets and constant of each output
_ROTATIONS = (8, 0, 4, 8, 12)
_CONSTANTS = (0, 1, 2, 4, 8)


def _xor(*parts: bytes) -> bytes:
    number = 0
    for part in parts:
        number ^= int.from_bytes(part, "big")
    return number.to_bytes(16, "big")


def _encryptor(key: bytes) -> CipherContext:
    if len(key) != 16:
        raise KeyFormatError(f"K is 16 octets, not {len(key)}")
    return Cipher(AES(key), modes.ECB()).encryptor()


def opc(k: bytes, op: bytes) -> bytes:
    """Return OPc of the operator's OP under K. TS 35.206 §4.1."""
    if len(op) != 16:
        raise KeyFormatError(f"OP is 16 octets, not {len(op)}")
    return _xor(_encryptor(k).update(op), op)


@dataclass(frozen=True, slots=True)
class Milenage:
    """A subscription's K and OPc, and the functions over a challenge."""

    k: bytes = field(repr=False)
    opc: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.k) != 16 or len(self.opc) != 16:
            raise KeyFormatError("K and OPc are 16 octets each")

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """Return MAC-A, the network's proof."""
        return self._out1(rand, sqn, amf)[:8]

    def f1_star(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """Return MAC-S, the proof of a resynchronisation."""
        return self._out1(rand, sqn, amf)[8:]

    def f2(self, rand: bytes) -> bytes:
        """Return RES."""
        return self._out(rand, 1)[8:]

    def f3(self, rand: bytes) -> bytes:
        """Return CK."""
        return self._out(rand, 2)

    def f4(self, rand: bytes) -> bytes:
        """Return IK."""
        return self._out(rand, 3)

    def f5(self, rand: bytes) -> bytes:
        """Return AK, which hides SQN in AUTN."""
        return self._out(rand, 1)[:6]

    def f5_star(self, rand: bytes) -> bytes:
        """Return AK of a resynchronisation."""
        return self._out(rand, 4)[:6]

    def _temp(self, rand: bytes) -> bytes:
        if len(rand) != 16:
            raise KeyFormatError(f"RAND is 16 octets, not {len(rand)}")
        return _encryptor(self.k).update(_xor(rand, self.opc))

    def _out1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        if len(sqn) != 6 or len(amf) != 2:
            raise KeyFormatError("SQN is 6 octets and AMF is 2")
        block = _xor((sqn + amf) * 2, self.opc)
        return self._finish(_xor(self._temp(rand), self._rotated(block, 0)))

    def _out(self, rand: bytes, index: int) -> bytes:
        rotated = self._rotated(_xor(self._temp(rand), self.opc), index)
        return self._finish(_xor(rotated, bytes([_CONSTANTS[index]])))

    def _rotated(self, block: bytes, index: int) -> bytes:
        turn = _ROTATIONS[index]
        return block[turn:] + block[:turn]

    def _finish(self, block: bytes) -> bytes:
        return _xor(_encryptor(self.k).update(block), self.opc)
