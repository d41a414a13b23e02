"""Whom the eIM believes: signatures of an eUICC under certificates that lead to a trusted CI."""

from __future__ import annotations

from sgprobe.crypto.keys import PublicKey
from sgprobe.crypto.signing import Recipe
from sgprobe.peers.eim.config import Setup
from sgprobe.peers.eim.records import Facts
from sgprobe.peers.eim.rules import PREFIX
from sgprobe.peers.es9.euicc import EuiccJudge
from sgprobe.peers.es9.party import Party
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.rules import Rules


class Trust:
    """Judges the certificates of eUICCs, and what they sign."""

    def __init__(self, setup: Setup, rules: Rules) -> None:
        self._rules = rules
        # whom an eIM accepts is all that counts here: it has no branch of its own under a CI
        believes = Party(setup.eim_id, "", (), setup.anchors, setup.crls)
        self._judge = EuiccJudge(believes, rules, PREFIX)

    def key(self, eid: str, euicc: bytes, eum: bytes, now: float) -> PublicKey:
        """Return the key of an eUICC's certificate, or refuse with what is wrong with it."""
        certificate = self._judge.judge(euicc, eum, now, None)
        if certificate.serial_number != eid and self._rules.on("EIM.EUICC-EID"):
            raise Untrusted(f"the certificate is that of {certificate.serial_number}")
        if certificate.public_key is None:
            raise Untrusted("the certificate holds no key that can be used")
        return certificate.public_key

    def keys(self, eid: str, facts: Facts, now: float) -> list[PublicKey]:
        """Return the keys of an eUICC whose certificates are believed."""
        found = []
        for euicc, eum in facts.certificates:
            try:
                found.append(self.key(eid, bytes.fromhex(euicc), bytes.fromhex(eum), now))
            except (Refusal, Untrusted):
                # another pair may be right; none right means that nothing verifies
                continue
        return found

    def signed(
        self, recipe: Recipe, eid: str, facts: Facts, now: float, signature: bytes, *parts: bytes
    ) -> bool:
        """Say whether the eUICC has signed the parts with any of its keys."""
        return any(recipe.verify(key, signature, *parts) for key in self.keys(eid, facts, now))


class Untrusted(Exception):
    """A certificate is valid, but not the one that it should be."""
