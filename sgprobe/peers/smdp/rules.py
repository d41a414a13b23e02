"""The named rules of the SM-DP+, beside those that every RSP server has."""

from __future__ import annotations

from sgprobe.peers.es9.mutual import common_rules
from sgprobe.peers.rules import Rule

PREFIX = "SMDP"

_OWN = (
    ("MATCHING-ID", "SGP.22 §5.6.3", "the matching id belongs to an order that waits"),
    ("EID-BINDING", "SGP.22 §5.6.3", "an order for one EID is for no other"),
    ("RELEASED", "SGP.22 §5.6.3", "only a released profile is downloaded"),
    ("ORDER-EXPIRY", "SGP.22 §5.6.3", "an order ends by time"),
    ("DOWNLOAD-RETRIES", "SGP.22 §5.6.3", "an order is tried so many times and no more"),
    ("ELIGIBILITY", "SGP.22 §5.6.3", "the eUICC has what the profile needs"),
    ("MEMORY", "SGP.22 §5.6.3", "the eUICC has room for the profile"),
    ("EUICC-SIGNATURE2", "SGP.22 §5.6.2", "euiccSignature2 covers euiccSigned2"),
    ("CODE-PRESENT", "SGP.22 §5.6.2", "a confirmation code that is required is there"),
    ("CODE-VALUE", "SGP.22 §5.6.2", "the confirmation code is right"),
    ("CODE-RETRIES", "SGP.22 §5.6.2", "so many wrong confirmation codes and no more"),
    ("OTPK-REUSE", "SGP.22 §5.6.3", "a retry offers the one-time key that a package is bound to"),
    ("FRESH-KEY", "SGP.22 §5.6.2", "another one-time key of the eUICC gets another of the server"),
    ("REBINDING", "SGP.22 §5.6.2", "no new binding where the server's policy forbids it"),
    ("NOTIFICATION-SIGNATURE", "SGP.22 §5.6.4", "a notification is signed by its eUICC"),
    ("NOTIFICATION-ADDRESS", "SGP.22 §5.6.4", "a notification is for this server"),
    ("NOTIFICATION-ICCID", "SGP.22 §5.6.4", "a notification is about a profile of this server"),
    ("NOTIFICATION-SESSION", "SGP.22 §5.6.4", "an installation result is of a known session"),
    ("NOTIFICATION-RESULT", "SGP.22 §5.6.4", "what failed to be installed is not installed"),
    ("NOTIFICATION-DUPLICATE", "SGP.22 §5.6.4", "a notification has its effect once"),
    ("CANCEL-SIGNATURE", "SGP.22 §5.6.5", "euiccCancelSessionSignature covers what is signed"),
    ("CANCEL-OID", "SGP.22 §5.6.5", "the eUICC cancels a session with this SM-DP+"),
    ("CANCEL-REASON", "SGP.22 §5.6.5", "postponed and timeout keep the order, the others end it"),
)

RULES: tuple[Rule, ...] = common_rules(PREFIX) + tuple(
    Rule(f"{PREFIX}.{name}", clause, text) for name, clause, text in _OWN
)
