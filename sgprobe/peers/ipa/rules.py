"""The named rules of the IPA: everything that it checks, with the clause that asks for it."""

from __future__ import annotations

from sgprobe.peers.rules import Rule

PREFIX = "IPA"

_UNSEEN = {
    "TLS-NAME": "the handshake refuses a certificate of another name before any message is sent;"
    " the rule serves hosts whose TLS does not compare names",
}

RULES: tuple[Rule, ...] = tuple(
    Rule(f"{PREFIX}.{name}", clause, text, _UNSEEN.get(name, ""))
    for name, clause, text in (
        # HTTP
        ("CONTENT-TYPE", "SGP.32 §6.1.1", "a body has the media type of the binding"),
        ("PROTOCOL-HEADER", "SGP.32 §6.1.1", "X-Admin-Protocol names a version of gsma/rsp"),
        ("ANSWER-FUNCTION", "SGP.32 §6.3.1", "an answer is one to the function that was asked"),
        # TLS, as far as the host can tell
        ("TLS-NAME", "SGP.22 §3.0.1", "the TLS certificate names the server that was asked"),
        ("TLS-OID", "SGP.22 §4.5.2.1", "TLS certificate and DPauth name the same OID"),
        # asking
        ("PROTOCOLS", "SGP.32 §2.11.1.1.1", "an eIM is asked in a protocol that it offers"),
        ("CYCLE-END", "SGP.32 §5.14.5", "an error to a poll ends the cycle"),
        ("TRIED-AGAIN", "SGP.32 §6.1.1", "what met an error of the server is tried again"),
        ("BACK-OFF", "SGP.32 §6.1.1", "what failed is tried again after a pause"),
        ("RETRY-AFTER", "RFC 9110 §10.2.3", "a pause is as long as the server wishes"),
        ("IPAE-ACTIVE", "SGP.32 §3.8.4", "while the IPA in the eUICC is active, this one rests"),
        # packages
        ("PACKAGE-FORM", "SGP.32 §2.1.3", "a package that is broken never meets the eUICC"),
        ("ROLLBACK-FLAG", "SGP.32 §3.3.1", "only what permits it is rolled back"),
        ("ROLLBACK-ENDS", "SGP.32 §3.3.1", "what the eIM has acknowledged is not rolled back"),
        ("ROLLBACK-ONCE", "SGP.32 §5.9.16", "a rollback that was refused is not asked for again"),
        ("FALLBACK-LOSS", "SGP.32 §3.4", "gaps between contacts do not add up to a lost network"),
        ("ACKNOWLEDGED", "SGP.32 §2.11.1.4", "only what was taken is removed from the eUICC"),
        ("NOTIFIED-KEPT", "SGP.32 §5.14.7", "what HandleNotification tells is not acknowledged"),
        ("THROUGH-EIM", "SGP.32 §5.14.7", "in indirect mode notifications go through the eIM"),
        ("NOTIFICATION-ORDER", "SGP.22 §3.5", "a receiver gets notifications in ascending order"),
        ("RECEIVERS-APART", "SGP.22 §3.5", "a receiver that is down holds up no other"),
        ("TAG-LIST", "SGP.32 §2.11.1.2", "a data request names only data of the eUICC"),
        ("SEARCH", "SGP.32 §2.11.1.2", "what a data request selects is what it gets"),
        ("EMERGENCY", "SGP.32 §2.11.2.2", "no data and no download during an emergency call"),
        ("ACTIVATION-CODE", "SGP.22 §4.1", "an activation code has the form of one"),
        # downloads
        ("GIVES-UP", "SGP.22 §5.6.1", "what a server refuses is not asked for again"),
        ("CARD-REFUSAL", "SGP.22 §3.0.1", "what the eUICC refuses is not gone on with"),
        ("EVENTS", "SGP.22 §3.6.2", "each event of a list is followed"),
        ("EVENT-ONCE", "SGP.22 §3.6", "an event that is told twice is followed once"),
        ("CASCADE", "SGP.22 §3.6", "SM-DS that refer to one another are followed three times"),
        ("TRANSACTION-ID", "SGP.22 §3.0.1", "the transaction id stays the same"),
        ("CHALLENGE", "SGP.22 §3.0.1", "the server signed the challenge of the eUICC"),
        ("SERVER-ADDRESS", "SGP.32 §5.14.1", "the server signed the address that was asked"),
        ("CI-KEY", "SGP.32 §6.3.2.1", "the CI key id names one CI that the eUICC can sign under"),
        ("BINDING-OID", "SGP.22 §3.1.3", "DPauth and DPpb certificate name the same OID"),
        ("PPR", "SGP.22 §2.9.2.4", "the eUICC's rules allow the policy rules of the profile"),
        ("METADATA", "SGP.22 §3.1.3", "the package holds the metadata that was announced"),
    )
)
