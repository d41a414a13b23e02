"""The named rules of the SM-DPf, each with the SGP.41 requirement or the rule of the binding."""

from __future__ import annotations

from sgprobe.peers.rules import Rule

PREFIX = "SMDPF"

_ROWS = (
    # who may ask for what
    ("REQUESTER", "SGP.41 MCE01", "who asks is who the TLS certificate names"),
    ("IDEMPOTENT", "IFPP §5", "a call that comes again has the same answer and no effect"),
    ("ORDER-OWNER", "SGP.41 MCE01", "an order is shown to, and withdrawn by, who placed it"),
    ("ORDER-DM", "SGP.41 MCE01", "an order for one device maker serves no other"),
    ("DATA-DM", "SGP.41 MCE01", "eUICC data of one device maker serve no other"),
    ("ORDER-TYPE", "SGP.41 FLOW-01", "only known profile types are ordered"),
    ("ORDER-COUNT", "SGP.41 FLOW-SUB", "no more packages than profiles ordered"),
    ("ORDER-CLOSED", "RB-10", "a withdrawn order binds nothing more"),
    # eUICC data, judged with the rules of RSP servers
    ("CI-KNOWN", "SGP.41 DPFF10", "the CI of the EUM certificate is trusted"),
    ("EUM-CERTIFICATE", "SGP.41 DPFF10", "the EUM certificate is valid and not revoked"),
    ("EUM-EXPIRY", "SGP.41 DPFF10", "the EUM certificate has not expired"),
    ("EUICC-CERTIFICATE", "SGP.41 DPFF10", "the eUICC certificate is valid"),
    ("EUICC-EXPIRY", "SGP.41 DPFF10", "the eUICC certificate has not expired"),
    ("EID-RANGE", "SGP.41 DPFF10", "the EID is within the EUM's range"),
    ("EID-DIGITS", "RB-43", "the check digits of the EID are right"),
    ("EID-SAME", "SGP.41 DPFF10, GENS12", "certificate, entry and keys name one EID"),
    ("KEY-PROOF", "SGP.41 DPFF10", "the eUICC has signed its one-time key"),
    ("KEY-POINT", "SGP.41 DPFF10", "a one-time key is a point on the curve"),
    ("KEY-UNIQUE", "SGP.41 GENS08, GENS12", "a one-time key is there once"),
    # binding
    ("ELIGIBILITY", "SGP.41 DPFF09", "the eUICC has what the profile owner asks for"),
    ("DATA-LASTS", "SGP.41 DPFF10, INO2", "certificates are judged again before each binding"),
    ("KEY-FREE", "SGP.41 GENS08", "a one-time key is bound once"),
    ("KEY-SOUND", "SGP.41 INO1", "no binding to a key that is said to be compromised"),
    ("SUITE", "RB-12, PQ-6", "the suite asked for is the suite of the key, never a weaker one"),
    ("HYBRID", "RB-12, PQ-2", "the secret of ML-KEM goes into the keys of a package"),
    ("FRESH-KEY", "SGP.41 GENS06", "each binding has a fresh one-time key of the server"),
    ("FRESH-ID", "SGP.41 GENS06", "each binding has a fresh transaction id"),
    ("ONE-PROFILE", "SGP.41 GENS04", "a profile is bound to one eUICC"),
    ("SIGNER-VALID", "SGP.41 FLOW-07", "no package is signed with an expired certificate"),
    ("SIGNER-READY", "SGP.41 GENS05", "no package leaves unsigned while the HSM is away"),
    ("RESUME", "SGP.41 FLOW-06", "a binding job that a crash has ended goes on after it"),
    ("CHAIN-SHOWN", "SGP.41 FLOW-07", "a package comes with the certificates up to the CI"),
    ("KEY-SHOWN", "SGP.41 FLOW-07", "what signs a package is the key of the certificate shown"),
    ("PACKAGE-ORDER", "RB-01", "the parts of a package stand in the order of SGP.22 §2.5.4"),
    ("KEYS-KEPT", "SGP.41 GENS10", "no answer tells a key that opens a package"),
    ("SECRETS-KEPT", "RB-47, SGP.41 GENS09", "no answer tells what authenticates a subscription"),
    ("SUPERSEDE", "RB-42, SGP.41 GENS06", "a new delivery voids what it supersedes"),
    # withdrawal
    ("WITHDRAW-EDGE", "RB-10", "only what is bound and not installed is withdrawn"),
    # reports
    ("REPORT-DELIVERY", "RB-51", "a report is about a delivery of this SM-DPf"),
    ("REPORT-REPEAT", "RB-53", "a report that comes again has no further effect"),
    ("REPORT-SEQUENCE", "RB-53", "one sequence number has one content"),
    ("REPORT-CHAIN", "RB-09", "each report names the digest of the one before"),
    ("REPORT-GAPS", "RB-54", "what no report tells of stays open"),
    ("ITEM-NAMES", "RB-51", "an item names package, EID and ICCID as they were bound"),
    ("RESULT-TRANSACTION", "RB-51", "a result is of a transaction of this SM-DPf"),
    ("RESULT-OID", "RB-51", "a result names the OID of this SM-DPf"),
    ("RESULT-ICCID", "RB-51", "a result names the ICCID that was bound"),
    ("RESULT-SIGNATURE", "RB-51, SGP.41 DPFF05", "a result is signed by the eUICC it is about"),
    ("RESULT-PROOF", "RB-52", "only a signed success makes INSTALLED"),
    ("RESULT-SAME", "RB-55, SGP.41 FLOW-OPT", "a result that comes by two ways counts once"),
    ("RESULT-ONCE", "SGP.41 GENS08", "a second result of one package is told"),
    ("WITHDRAWN-CONFLICT", "RB-56", "success of a withdrawn entry is a conflict"),
    ("REMOVAL-PROOF", "SGP.41 USE-A4", "a removal is signed by the eUICC"),
    ("REMOVAL-NEWER", "RB-30", "a removal is newer than what is known of the eUICC"),
)

RULES: tuple[Rule, ...] = tuple(
    Rule(f"{PREFIX}.{name}", clause, text) for name, clause, text in _ROWS
)
