"""AUTHENTICATE: what a USIM answers to a challenge. 3GPP TS 31.102 §7.1, TS 33.102 §6.3."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from sgprobe.crypto.milenage import Milenage
from sgprobe.peers.euicc.filesystem import Aka

_TEST = 3
# TS 33.102 §C.3.2: the low five bits say which of the 32 sequence numbers to compare
_PLACES = 32
_RESYNC_AMF = bytes(2)


@dataclass(frozen=True, slots=True)
class Vector:
    """RES, CK, IK and AK of a challenge."""

    res: bytes
    ck: bytes
    ik: bytes
    ak: bytes
    ak_resync: bytes

    @property
    def sres(self) -> bytes:
        """SRES of the GSM context. TS 33.102 §6.8.1.2."""
        return _xor(self.res[:4], self.res[4:8])

    @property
    def kc(self) -> bytes:
        """Kc of the GSM context."""
        return _xor(_xor(self.ck[:8], self.ck[8:]), _xor(self.ik[:8], self.ik[8:]))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the card found: a vector, or AUTS, or neither where the MAC is wrong."""

    vector: Vector | None = None
    auts: bytes | None = None
    sqn: tuple[int, ...] | None = None


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other))


def vector(aka: Aka, rand: bytes) -> Vector:
    """Return what the subscription's key makes of RAND."""
    if aka.algorithm == _TEST:
        # TS 34.108 §8.1.2; the length of RES is the network's choice, eight octets are usual
        mixed = _xor(aka.key, rand)
        ck, ik = mixed[1:] + mixed[:1], mixed[2:] + mixed[:2]
        return Vector(mixed[:8], ck, ik, mixed[3:9], mixed[3:9])
    milenage = Milenage(aka.key, aka.opc)
    return Vector(
        milenage.f2(rand),
        milenage.f3(rand),
        milenage.f4(rand),
        milenage.f5(rand),
        milenage.f5_star(rand),
    )


def _mac(aka: Aka, rand: bytes, sqn: bytes, amf: bytes, resync: bool) -> bytes:
    if aka.algorithm == _TEST:
        return _xor(_xor(aka.key, rand)[:8], sqn + amf)
    milenage = Milenage(aka.key, aka.opc)
    return milenage.f1_star(rand, sqn, amf) if resync else milenage.f1(rand, sqn, amf)


def authenticate(
    aka: Aka, known: tuple[int, ...], rand: bytes, autn: bytes, check_mac: bool, check_sqn: bool
) -> Outcome:
    """Check AUTN against the sequence numbers `known`; return them moved on, or AUTS."""
    made = vector(aka, rand)
    sqn, amf, mac = _xor(autn[:6], made.ak), autn[6:8], autn[8:]
    if check_mac and not hmac.compare_digest(mac, _mac(aka, rand, sqn, amf, False)):
        return Outcome()
    number = int.from_bytes(sqn, "big")
    place = number % _PLACES
    highest = max(known)
    stale = number // _PLACES <= known[place] // _PLACES
    ahead = number - highest > aka.sqn_delta
    if check_sqn and (stale or ahead):
        own = highest.to_bytes(6, "big")
        proof = _mac(aka, rand, own, _RESYNC_AMF, True)
        return Outcome(auts=_xor(own, made.ak_resync) + proof)
    moved = (*known[:place], number, *known[place + 1 :])
    return Outcome(vector=made, sqn=moved)
