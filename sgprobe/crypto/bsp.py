"""The BPP protection (SCP03t): segments sealed and opened one by one. SGP.22 §2.6.4, §5.5."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from dissectors.asn1.tlv import TlvError, length_octets, read_tlv, split, tlv
from sgprobe.crypto.errors import SegmentError
from sgprobe.crypto.kdf import KEY_OCTETS, SessionKeys

MAX_SEGMENT = 1020  # SGP.22 §2.5.3: tag, length and MAC included
MAC_OCTETS = 8
BLOCK = 16
# what a segment can hold: 86 82 LLLL <data> MAC; the padding takes at least one octet
MAX_DATA = MAX_SEGMENT - 4 - MAC_OCTETS
MAX_PLAIN = MAX_DATA // BLOCK * BLOCK - 1

TAG_PROFILE = 0x86
TAG_ENCRYPTED = 0x87
TAG_MAC_ONLY = 0x88
_REPLACE = "BF26"


class Bsp:
    """One direction of a protected channel: the keys, the chaining value and the block counter.

    A segment that does not open changes nothing: the next try starts from the same state.
    """

    __slots__ = ("_cmac", "_counter", "_ecb", "_keys", "_mcv")

    _ecb: CipherContext
    _cmac: CMAC

    def __init__(self, keys: SessionKeys) -> None:
        self.replace_keys(keys)

    @property
    def counter(self) -> int:
        """The number of the next segment under these keys, from 1."""
        return self._counter

    @property
    def chaining_value(self) -> bytes:
        """The whole MAC of the last segment, or the initial MCV."""
        return self._mcv

    def replace_keys(self, keys: SessionKeys) -> None:
        """Go on with another key set: counter 1, chaining value its MCV. SGP.22 §5.5.4."""
        self._keys = keys
        self._mcv = keys.mcv
        self._counter = 1
        self._ecb = Cipher(AES(keys.enc), modes.ECB()).encryptor()
        self._cmac = CMAC(AES(keys.mac))

    def seal(self, tag: int, plain: bytes, most: int = MAX_PLAIN) -> bytes:
        """Return one encrypted and MACed segment TLV of `plain`; a faulty server takes more."""
        if len(plain) > most:
            raise SegmentError("size", f"{len(plain)} octets do not fit: {most} at most")
        padded = plain + b"\x80" + bytes(-(len(plain) + 1) % BLOCK)
        encryptor = self._cbc().encryptor()
        return self._emit(tag, encryptor.update(padded) + encryptor.finalize())

    def seal_mac_only(self, tag: int, data: bytes) -> bytes:
        """Return one segment TLV of `data` in clear with its MAC."""
        if len(data) > MAX_DATA:
            raise SegmentError("size", f"{len(data)} octets do not fit: {MAX_DATA} at most")
        return self._emit(tag, data)

    def open(self, segment: bytes, *, check_mac: bool = True, check_size: bool = True) -> bytes:
        """Return the plaintext of an encrypted segment TLV; a faulty card checks less."""
        data, mac = self._check(segment, check_mac, check_size)
        if not data or len(data) % BLOCK:
            raise SegmentError("format", f"{len(data)} octets are no AES-CBC ciphertext")
        decryptor = self._cbc().decryptor()
        plain = unpad(decryptor.update(data) + decryptor.finalize())
        self._advance(mac)
        return plain

    def open_mac_only(
        self, segment: bytes, *, check_mac: bool = True, check_size: bool = True
    ) -> bytes:
        """Return the contents of a segment TLV that is MACed only."""
        data, mac = self._check(segment, check_mac, check_size)
        self._advance(mac)
        return data

    def seal_all(self, tag: int, plain: bytes, size: int = MAX_PLAIN) -> Iterator[bytes]:
        """Seal `plain` in segments of `size` octets of plaintext each."""
        return (self.seal(tag, part, max(size, MAX_PLAIN)) for part in _parts(plain, size))

    def seal_all_mac_only(self, tag: int, data: bytes, size: int = MAX_DATA) -> Iterator[bytes]:
        """Seal `data` in MAC-only segments of `size` octets each."""
        return (self.seal_mac_only(tag, part) for part in _parts(data, size))

    def _cbc(self) -> Cipher[modes.CBC]:
        # SGP.22 §2.6.4.4: the ICV is the block counter under S-ENC
        icv = self._ecb.update(self._counter.to_bytes(BLOCK, "big"))
        return Cipher(AES(self._keys.enc), modes.CBC(icv))

    def _mac(self, covered: bytes) -> bytes:
        # SGP.22 §2.6.4.3: chaining value ‖ tag ‖ final length ‖ data
        cmac = self._cmac.copy()
        cmac.update(self._mcv)
        cmac.update(covered)
        return cmac.finalize()

    def _advance(self, mac: bytes) -> None:
        # the counter also counts MAC-only segments
        self._mcv = mac
        self._counter += 1

    def _emit(self, tag: int, data: bytes) -> bytes:
        covered = bytes([tag]) + length_octets(len(data) + MAC_OCTETS) + data
        mac = self._mac(covered)
        self._advance(mac)
        return covered + mac[:MAC_OCTETS]

    def _check(self, segment: bytes, check_mac: bool, check_size: bool) -> tuple[bytes, bytes]:
        if check_size and len(segment) > MAX_SEGMENT:
            raise SegmentError("size", f"a segment is at most {MAX_SEGMENT} octets")
        try:
            element = read_tlv(segment)
        except TlvError as error:
            raise SegmentError("format", f"the segment is no TLV: {error}") from None
        if element.end != len(segment) or element.end - element.body < MAC_OCTETS:
            raise SegmentError("format", "the segment is not one TLV that ends with a MAC")
        mac = self._mac(segment[:-MAC_OCTETS])
        right = hmac.compare_digest(mac[:MAC_OCTETS], segment[-MAC_OCTETS:])
        if check_mac and not right:
            raise SegmentError("mac", f"the MAC of segment {self._counter} is wrong")
        return segment[element.body : -MAC_OCTETS], mac


def unpad(padded: bytes) -> bytes:
    """Return what stands before the 80 00… padding, which is within the last block."""
    end = padded.rfind(b"\x80", max(0, len(padded) - BLOCK))
    if end < 0 or padded.count(0, end + 1) != len(padded) - end - 1:
        raise SegmentError("padding", "the last block does not end with 80 00…")
    return padded[:end]


def replace_session_keys(keys: SessionKeys) -> bytes:
    """Return the ReplaceSessionKeysRequest TLV (BF26) that carries `keys`. SGP.22 §5.5.4."""
    return tlv(_REPLACE, tlv("80", keys.mcv), tlv("81", keys.enc), tlv("82", keys.mac))


def read_replace_session_keys(data: bytes) -> SessionKeys:
    """Return the keys of a ReplaceSessionKeysRequest TLV (BF26)."""
    try:
        outer = read_tlv(data)
        inner = list(split(data, outer.body, outer.end))
    except TlvError as error:
        raise SegmentError("format", f"BF26 is no TLV: {error}") from None
    values = [data[part.body : part.end] for part in inner]
    if (
        outer.tag.hex().upper() != _REPLACE
        or outer.end != len(data)
        or [part.tag for part in inner] != [b"\x80", b"\x81", b"\x82"]
        or {len(value) for value in values} != {KEY_OCTETS}
    ):
        raise SegmentError("format", "BF26 holds 80, 81 and 82 of 16 octets each")
    return SessionKeys(*values)


def _parts(data: bytes, size: int) -> Iterator[bytes]:
    if size < 1:
        raise SegmentError("size", "a segment holds at least one octet")
    return (data[at : at + size] for at in range(0, len(data), size))
