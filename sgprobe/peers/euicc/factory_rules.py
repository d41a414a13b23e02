"""Every check of the factory phase, by name. Switching one off plants a fault.

RB numbers are rules of the reference binding (docs/reference/ifpp.md); the others are requirement
identifiers of SGP.41 that the rule serves.
"""

from __future__ import annotations

from sgprobe.peers.rules import Rule

# why no case can tell whether a rule is kept
_UNSEEN = {
    "ERASE": "the state of a used key refuses it already; what is left in the memory is not told",
}

FACTORY_RULES: tuple[Rule, ...] = tuple(
    Rule(f"EUICC.IFPP-{name}", clause, text, _UNSEEN.get(name, ""))
    for name, clause, text in (
        # phases
        ("GATE", "SGP.41 EUICCF04, RB-27", "no LPA or IPA function while a one-time key is left"),
        ("CLOSED", "SGP.41 GENS13, RB-29", "FPA functions end with the factory phase"),
        ("CLOSE-KEYS", "RB-29", "the factory phase is closed when no one-time key is left"),
        # load context, in the order of RB-20
        ("VERSION", "RB-20", "the context is of a version of the binding that is known"),
        ("EID", "SGP.41 GENS04, RB-20", "a package is for this EID"),
        ("SUITE", "RB-20", "the eUICC has the suite of the package"),
        ("KEY-KNOWN", "SGP.41 GENS12, RB-20", "the eUICC has the one-time key"),
        ("KEY-CONSUMED", "SGP.41 GENS08, RB-24", "a one-time key serves one profile"),
        ("KEY-RESERVED", "RB-22", "a reserved key serves the package that it is reserved for"),
        ("KEY-SUITE", "RB-20", "a package has the suite of its one-time key"),
        ("SERVER-CI", "SGP.41 FLOW-10, RB-20", "the certificates lead to a CI that is trusted"),
        ("SERVER-CERTIFICATE", "SGP.41 FLOW-10, RB-20", "signatures, usages and extensions"),
        ("SERVER-ROLE", "SGP.41 FLOW-10, RB-20", "the certificate is for binding profiles"),
        ("SERVER-REVOKED", "SGP.41 INO2, RB-20", "no CRL that was loaded lists the certificate"),
        ("SERVER-OID", "RB-20", "certificate and context name the same SM-DPf"),
        ("SERVER-ALLOWED", "RB-20", "the SM-DPf is one that may load here"),
        ("SIGNATURE", "SGP.41 FLOW-10, RB-20", "the SM-DPf has signed the context"),
        ("QUANTUM-SIGNATURE", "RB-20", "suite h1s: the ML-DSA signature is right as well"),
        ("KEM-LENGTH", "RB-20", "a ciphertext is there and as long as it has to be"),
        ("ICCID-FREE", "SGP.41 FLOW-10, RB-20", "no installed profile has the ICCID"),
        ("MEMORY", "SGP.41 FLOW-10, RB-20", "there is room for the package"),
        ("RESULT-ROOM", "RB-26", "there is room for the result"),
        ("RESERVE", "RB-21", "a one-time key is reserved before the context is answered"),
        # the package
        ("CHANNEL-DIGEST", "RB-23", "BF23 is the one that the context names"),
        ("PACKAGE-DIGEST", "RB-31", "the package is the one that the context names"),
        ("PACKAGE-ICCID", "RB-20", "the metadata has the ICCID of the context"),
        ("CONSUME", "SGP.41 GENS08, RB-24", "a final result uses the one-time key up"),
        ("ERASE", "RB-25", "the private key goes in the step that keeps the result"),
        ("KEEP", "RB-24", "an interruption leaves the one-time key to its package"),
        ("RESULT-KEPT", "RB-26", "results stay readable"),
        ("SEALED", "SGP.41 GENS09", "what is inside a profile is told to nobody"),
        # end of production
        ("DELETE", "SGP.41 EUICCF03, RB-28", "deletion erases every unused key that it names"),
        ("COUNTER", "RB-30", "the counter grows with every change"),
        ("CHALLENGE", "RB-11", "a signed state answers the challenge of who asked"),
    )
)
