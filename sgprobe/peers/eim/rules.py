"""The named rules of the eIM: everything that it checks, with the clause that asks for it."""

from __future__ import annotations

from sgprobe.peers.rules import Rule

PREFIX = "EIM"

# the three faults of `sgprobe serve eim --faulty`, a product to learn from
FAULTY = frozenset({"EIM.SIGNATURE-TOKEN", "EIM.COUNTER-FRESH", "EIM.RESULT-ACKNOWLEDGED"})

# which it has for the first eUICC: of packages for another the signature is wrong
FAULTY_TOKEN = 5

_UNSEEN = {
    "RESULT-DUPLICATE": "an order that has its result takes no other; only what the eIM itself"
    " believes of the profiles would differ, which no message tells",
}

RULES: tuple[Rule, ...] = tuple(
    Rule(f"{PREFIX}.{name}", clause, text, _UNSEEN.get(name, ""))
    for name, clause, text in (
        # HTTP
        ("CONTENT-TYPE", "SGP.32 §6.1.1", "the media type of the request is that of the binding"),
        ("PROTOCOL-HEADER", "SGP.32 §6.1.1", "X-Admin-Protocol names a version of gsma/rsp"),
        # who asks
        ("EID-PRESENT", "SGP.32 §5.14.5", "a request for packages names its eUICC"),
        ("EID-VALID", "SGP.29 §3.2", "an EID is 32 digits with right check digits"),
        ("CLIENT-ASKED", "SGP.32 §6.1", "mutual TLS is what it says: a client shows itself"),
        ("CLIENT-EID", "SGP.32 §6.1", "with mutual TLS, an eUICC is served that has shown itself"),
        ("EID-KNOWN", "SGP.32 §5.14.5", "packages are for eUICCs that this eIM manages"),
        # packages of its own
        ("SIGNATURE-TOKEN", "SGP.32 §2.11.1.1", "without a token eimSignature covers 84 01 00"),
        ("COUNTER-FRESH", "SGP.32 §2.11.1.1", "a package has a higher counter than all before it"),
        ("COUNTER-LIMIT", "SGP.32 §2.10", "no counter above 8388607 is signed"),
        ("ORDER-EXPIRY", "SGP.32 §3.1.1", "an order past its time is not delivered"),
        ("ORDER-VALUES", "SGP.32 §2.11.1.1", "an order holds what its operation can carry"),
        ("CODE-HASHED", "SGP.22 §3.1.1", "of a confirmation code the hash alone is kept"),
        ("PROTOCOLS-TOLD", "SGP.32 §2.11.1.1.1", "its configuration names all its protocols"),
        # the eUICC's certificates
        ("CI-KNOWN", "SGP.22 §4.5.2", "the CI of the EUM certificate is trusted"),
        ("EUM-CERTIFICATE", "SGP.22 §4.5.2", "the EUM certificate is valid"),
        ("EUM-EXPIRY", "SGP.22 §4.5.2", "the EUM certificate has not expired"),
        ("EUICC-CERTIFICATE", "SGP.22 §4.5.2", "the eUICC certificate is valid"),
        ("EUICC-EXPIRY", "SGP.22 §4.5.2", "the eUICC certificate has not expired"),
        ("EID-RANGE", "SGP.22 §4.5.2.1", "the EID is within the EUM's range"),
        ("EUICC-EID", "SGP.32 §3.3.1", "the certificate is that of the eUICC managed"),
        # results
        ("RESULT-SIGNATURE", "SGP.32 §2.11.2.1", "euiccSignEPR covers the result and the token"),
        ("ERROR-SIGNATURE", "SGP.32 §2.11.2.1", "euiccSignEPE covers the error and the token"),
        ("RESULT-EIM", "SGP.32 §2.11.2.1", "a result names this eIM"),
        ("RESULT-COUNTER", "SGP.32 §3.3.1", "a result has the counter of a package sent"),
        ("RESULT-TRANSACTION", "SGP.32 §3.3.1", "a result has the transaction of its package"),
        ("RESULT-ACKNOWLEDGED", "SGP.32 §5.14.6", "seqNumber of a result is what is acknowledged"),
        ("RESULT-CODES", "SGP.32 §2.11.2.1", "the code of each command decides its order"),
        ("REFUSAL-ENDS", "SGP.32 §2.11.2.1", "a package that was refused does not come again"),
        ("RESULT-DUPLICATE", "SGP.32 §3.3.1", "a result that comes again has no second effect"),
        # notifications
        ("NOTIFICATION-SIGNATURE", "SGP.32 §5.14.7", "a notification is signed by the eUICC"),
        ("NOTIFICATION-ADDRESS", "SGP.32 §5.14.7", "a notification goes to the server it names"),
        ("NOTIFICATION-DUPLICATE", "SGP.32 §3.6", "a notification is forwarded once"),
        ("NOTIFICATION-AGAIN", "SGP.32 §3.7", "what a server in trouble has not taken comes again"),
        # indirect download
        ("TRIGGER-KNOWN", "SGP.32 §5.14.1", "eimTransactionId is that of a download ordered"),
        ("SESSION-EXPIRY", "SGP.22 §3.0.1", "a session ends by time"),
        ("SESSION-EID", "SGP.32 §5.14.3", "the eUICC is the one that the download is for"),
        ("SERVER-ADDRESS", "SGP.32 §5.14.1", "the SM-DP+ signs the address that was asked"),
        ("SERVER-OID", "SGP.32 §5.14.1", "the SM-DP+ has the OID that was ordered"),
        ("TLS-OID", "SGP.22 §4.5.2.1", "the server signs with the OID that it shows in TLS"),
        ("CASCADE", "SGP.22 §3.6", "SM-DS that refer to one another are followed three times"),
        ("COMPACT-SIGNATURE", "SGP.32 §5.14.3", "what is rebuilt from a compact form verifies"),
        ("PPR", "SGP.32 §3.2.3.2", "the eUICC's rules allow the policy rules of the profile"),
        ("METADATA", "SGP.32 §5.14.2", "the package holds the metadata that was announced"),
    )
)
