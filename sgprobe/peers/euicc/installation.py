"""How a profile installation ends: the Profile Installation Result. SGP.22 §2.5.6, §5.7.6."""

from __future__ import annotations

from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from sgprobe.crypto.signing import EUICC_SIGN_PIR
from sgprobe.peers.euicc import factory_loading, notifications
from sgprobe.peers.euicc.records import Installation, Notification
from sgprobe.peers.euicc.turn import Turn

INTERRUPTED = 11


def result(turn: Turn, about: Installation, final: Value) -> bytes:
    """Return the signed result, kept as a notification until it is delivered."""
    seq = turn.draft.next_seq()
    value = {
        "transactionId": about.transaction,
        "notificationMetadata": notifications.metadata(
            turn, seq, notifications.INSTALL, about.address, about.iccid
        ),
        "smdpOid": about.smdp,
        "finalResult": final,
    }
    data = turn.chip.dialect.encode("ProfileInstallationResultData", value)
    ecasd = turn.chip.ecasd
    identity = ecasd.identity(bytes.fromhex(about.ci)) or ecasd.identities[0]
    signed = tlv("BF37", data, EUICC_SIGN_PIR.sign(identity.key, data))
    note = Notification(seq, notifications.INSTALL, about.address, about.iccid, signed.hex())
    notifications.keep(turn, note)
    factory_loading.ended(turn, about, final, seq, signed)
    return signed


def failure(turn: Turn, about: Installation, reason: int, response: bytes | None = None) -> bytes:
    """Return the result of an installation that failed, and forget the installation."""
    error: Value = {"bppCommandId": about.command, "errorReason": reason}
    if response is not None:
        error["simaResponse"] = response.hex()
    abandoned(turn)
    return result(turn, about, {"errorResult": error})


def abandoned(turn: Turn) -> None:
    """Forget an installation that has begun."""
    begun = turn.draft.find(Installation)
    if begun is not None:
        turn.draft.remove(begun)


def interrupted(turn: Turn) -> None:
    """End an installation that was cut off, by power or by a new session, with its result."""
    begun = turn.draft.find(Installation)
    if begun is not None:
        failure(turn, begun, INTERRUPTED)
