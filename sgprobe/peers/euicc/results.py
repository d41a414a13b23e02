"""What answers a package: signed results, signed and unsigned errors. SGP.32 §2.11.2."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from sgprobe.crypto.signing import EUICC_SIGN_EPE, EUICC_SIGN_EPR, association_token
from sgprobe.peers.euicc.ecasd import Identity
from sgprobe.peers.euicc.records import Eim, Result
from sgprobe.peers.euicc.turn import Turn

_UNDEFINED = 127


@dataclass(frozen=True, slots=True)
class Order:
    """What a package says of itself and its answer repeats."""

    eim: str
    counter: int
    transaction: str | None

    def head(self) -> Value:
        """Return the members that every signed answer begins with."""
        head: Value = {"eimId": self.eim, "counterValue": self.counter}
        return head if self.transaction is None else {**head, "eimTransactionId": self.transaction}


def identity(turn: Turn, eim: Eim) -> Identity:
    """Return the identity that signs for an eIM: that of its euiccCiPKId, or the preferred one."""
    ecasd = turn.chip.ecasd
    ci = eim.config.get("euiccCiPKId")
    return ecasd.identity(bytes.fromhex(ci) if ci else None) or ecasd.identities[0]


def signed_result(turn: Turn, eim: Eim, order: Order, items: list[Value]) -> Result:
    """Return a new eUICC Package Result with the next sequence number."""
    seq = turn.draft.next_seq()
    value = {**order.head(), "seqNumber": seq, "euiccResult": items}
    data = turn.chip.dialect.encode("EuiccPackageResultDataSigned", value)
    token = association_token(eim.token)
    signature = EUICC_SIGN_EPR.sign(identity(turn, eim).key, data, token)
    return Result(seq, eim.id, tlv("BF51", tlv("A0", data, signature)).hex())


def signed_error(turn: Turn, eim: Eim, order: Order, code: int) -> bytes:
    """Return a signed error, which is not kept."""
    told = turn.chip.dialect.code("EuiccPackageErrorCode", code)
    value = {**order.head(), "euiccPackageErrorCode": told}
    data = turn.chip.dialect.encode("EuiccPackageErrorDataSigned", value)
    token = association_token(eim.token)
    signature = EUICC_SIGN_EPE.sign(identity(turn, eim).key, data, token)
    return tlv("BF51", tlv("A1", data, signature))


def unsigned_error(turn: Turn, name: str, transaction: str | None, eim: Eim | None) -> bytes:
    """Return an unsigned error; each version tells a little more.

    It is put together by hand: where a package names no eIM the eimId is empty, which its SIZE
    does not allow.
    """
    parts = [tlv("80", name.encode())]
    if transaction is not None and not turn.chip.dialect.first:
        parts.append(tlv("82", bytes.fromhex(transaction)))
    if eim is not None and eim.token is not None:
        parts.append(association_token(eim.token))
    if turn.chip.dialect.version == "1.3":
        parts.append(tlv("8F", bytes([_UNDEFINED])))
    return tlv("BF51", tlv("A2", *parts))
