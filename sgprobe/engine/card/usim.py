"""The network side of the USIM in a profile that was downloaded: challenges, and their answers.

3GPP TS 33.102 §6.3, TS 31.102 §7.1.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sgprobe.crypto.keys import seeded
from sgprobe.crypto.milenage import Milenage
from sgprobe.peers.profiles.package import Subscription

# AMF of a network that asks for nothing special. TS 33.102 Annex H
_AMF = bytes.fromhex("8000")
# the first number of the first place: a new USIM has none. TS 33.102 §C.1.1.2
_SQN = (32).to_bytes(6, "big")
_AUTHENTICATE = bytes.fromhex("00880081")
_LENGTH = b"\x10"


@dataclass(frozen=True, slots=True)
class Network:
    """The home network of one subscription."""

    person: Subscription = field(repr=False)

    @property
    def rand(self) -> bytes:
        """RAND, always the same one: what is new is SQN."""
        return seeded("network", "RAND", self.person.iccid, size=16)

    @property
    def _milenage(self) -> Milenage:
        return Milenage(self.person.k, self.person.opc)

    def autn(self) -> bytes:
        """Return AUTN of the challenge."""
        hidden = bytes(a ^ b for a, b in zip(_SQN, self._milenage.f5(self.rand), strict=True))
        return hidden + _AMF + self._milenage.f1(self.rand, _SQN, _AMF)

    def authenticate(self, *, forged: bool = False) -> bytes:
        """Return the AUTHENTICATE command of the 3G context; forged, one bit of its MAC differs."""
        autn = self.autn()
        if forged:
            autn = autn[:-1] + bytes([autn[-1] ^ 1])
        data = _LENGTH + self.rand + _LENGTH + autn
        return _AUTHENTICATE + bytes([len(data)]) + data + b"\x00"

    def response(self) -> bytes:
        """Return RES, CK and IK as a USIM tells them; it may add Kc."""
        made = self._milenage
        parts = (made.f2(self.rand), made.f3(self.rand), made.f4(self.rand))
        return b"\xdb" + b"".join(bytes([len(one)]) + one for one in parts)
