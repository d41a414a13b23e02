"""Status codes of the SM-DPf: those of SGP.22 where one fits, its own subject 9.41 elsewhere."""

from __future__ import annotations

from sgprobe.peers.es9.status import STATUS as RSP_STATUS
from sgprobe.peers.es9.status import Refusal, Status

# name, subject, reason, text; binding §5
_ROWS = (
    ("not-allowed", "1.2", "1.2", "the requester may not do this"),
    ("call-other", "1.2.2", "3.8", "this call identifier was used for another request"),
    ("eid-digits", "8.1.1", "6.1", "the EID's check digits are wrong"),
    ("eid-mismatch", "8.1.1", "3.8", "the EID is not that of certificate or key"),
    ("not-eligible", "8.1", "3.8", "the eUICC is not eligible for this profile"),
    ("order-unknown", "8.2", "3.9", "no such order"),
    ("order-exhausted", "8.2", "3.7", "no profile of this order is left"),
    ("order-closed", "8.2", "1.2", "the order is withdrawn"),
    ("iccid-state", "8.2.1", "3.3", "the profile is in no state for this"),
    ("data-unknown", "8.1.1", "3.9", "no eUICC data of this EID"),
    ("key-invalid", "9.41.1", "2.1", "the one-time key is no key"),
    ("key-proof", "9.41.1", "6.1", "the eUICC has not signed this one-time key"),
    ("key-unknown", "9.41.1", "3.9", "the eUICC has no such one-time key"),
    ("key-none", "9.41.1", "3.7", "no one-time key of the eUICC is left"),
    ("key-used", "9.41.1", "3.8", "the one-time key is bound already"),
    ("key-repeated", "9.41.1", "3.3", "the one-time key is there already"),
    ("key-compromised", "9.41.1", "1.2", "the one-time key is said to be compromised"),
    ("delivery-unknown", "9.41.2", "3.9", "no such delivery or job"),
    ("report-unknown", "9.41.3", "3.9", "the report is about no delivery of this server"),
    ("report-format", "9.41.3", "2.1", "the report cannot be read"),
    ("report-other", "9.41.3", "3.8", "a sequence number has another content already"),
    ("report-chain", "9.41.3", "6.1", "the report does not follow the one before"),
    ("suite-other", "9.41.4", "3.8", "the one-time key is of another suite"),
    ("suite-unknown", "9.41.4", "3.7", "the suite is not to be had here"),
    ("signer-expired", "8.8.4", "6.3", "the certificate for binding has expired"),
)  # fmt: skip

STATUS = {
    **RSP_STATUS,
    **{name: Status(name, subject, reason, text) for name, subject, reason, text in _ROWS},
}


def refuse(name: str, detail: str = "") -> Refusal:
    """Return the refusal with the status of that name."""
    return Refusal(STATUS[name], detail)


def told(refusal: Refusal) -> dict[str, str]:
    """Return a refusal as it stands in lists of refused entries."""
    status = refusal.status
    return {
        "subjectCode": status.subject,
        "reasonCode": status.reason,
        "message": status.text,
    }
