"""Every check that the eUICC makes, by name. Switching one off plants a fault."""

from __future__ import annotations

from sgprobe.peers.rules import Rule

_AUTH, _PREP = "SGP.22 §5.7.13", "SGP.22 §5.7.5"
_PACKAGE, _RESULT = "SGP.32 §3.3.1", "SGP.32 §2.11.2.1"

_UNSEEN = {
    "TAG-LIST": "SGP.22 leaves it to the eUICC to pass over a tag that it does not know",
    "EIM-ID": "since SGP.32 v1.1 the ASN.1 type has the bound, and what breaks it gets the same"
    " answer; v1.0.1 has none",
    "NICKNAME-LENGTH": "more than 64 characters break the ASN.1 type; of fewer characters in more"
    " octets an eUICC may keep what it can",
    "IMMEDIATE-MEMORY": "how long an address may be is the eUICC's to say, and nothing tells which"
    " one it has kept",
}

RULES: tuple[Rule, ...] = tuple(
    Rule(f"EUICC.{name}", clause, text, _UNSEEN.get(name, ""))
    for name, clause, text in (
        # STORE DATA and the ES10 functions as such
        ("ISDR-SELECTED", "SGP.22 §5.7.1", "ES10 goes to a channel on which ISD-R is selected"),
        ("CHAIN-ORDER", "SGP.22 §5.7.2", "blocks of a chain are numbered from 00, one by one"),
        ("CHAIN-BROKEN", "SGP.22 §5.7.2", "another APDU between the blocks drops the chain"),
        ("LOCAL-MANAGEMENT", "SGP.32 §5.9", "an IoT eUICC takes no unsigned profile management"),
        # mutual authentication
        ("SESSION", _AUTH, "a challenge was given out before AuthenticateServer"),
        ("CHALLENGE", _AUTH, "serverSigned1 holds the challenge that was given out last"),
        ("CI-KEY", _AUTH, "the eUICC has credentials under euiccCiPKIdToBeUsed"),
        ("SERVER-CI", _AUTH, "the server's certificate leads to a CI that the eUICC trusts"),
        ("SERVER-CURVE", _AUTH, "the server's key is on a curve that the eUICC supports"),
        ("SERVER-CERTIFICATE", _AUTH, "signature, key usage and extensions of the certificate"),
        ("SERVER-ROLE", _AUTH, "the certificate has the role DPauth or DSauth"),
        ("SERVER-REVOKED", "SGP.22 §4.6", "no CRL that was loaded lists the certificate"),
        ("SERVER-SIGNATURE", _AUTH, "serverSignature1 covers serverSigned1"),
        # download
        ("PREPARE-SESSION", _PREP, "an SM-DP+ was authenticated in this session"),
        ("PREPARE-TRANSACTION", _PREP, "smdpSigned2 names the transaction of the session"),
        ("PREPARE-CURVE", _PREP, "the key for binding is on a curve that the eUICC supports"),
        ("PREPARE-CERTIFICATE", _PREP, "the certificate for binding leads to a trusted CI"),
        ("PREPARE-ROLE", _PREP, "the certificate has the role DPpb"),
        ("PREPARE-REVOKED", "SGP.22 §4.6", "no CRL that was loaded lists the certificate"),
        ("PREPARE-OID", _PREP, "DPauth and DPpb have the same OID"),
        ("PREPARE-SIGNATURE", _PREP, "smdpSignature2 covers smdpSigned2 and euiccSignature1"),
        ("CONFIRMATION-CODE", _PREP, "a hash is there when the confirmation code is required"),
        ("CANCEL-TRANSACTION", "SGP.22 §5.7.14", "the transaction is that of the session"),
        # bound profile package
        ("BPP-OPERATION", "SGP.22 §5.5.1", "remoteOpId is installBoundProfilePackage"),
        ("BPP-TRANSACTION", "SGP.22 §5.5.1", "BF23 names the transaction of the session"),
        ("BPP-CRT", "SGP.22 §5.5.1", "keys are AES of 16 octets"),
        ("BPP-SIGNATURE", "SGP.22 §5.5.1", "smdpSign covers the parts of BF23 and both keys"),
        ("BPP-STRUCTURE", "SGP.22 §2.5.4", "the parts of a BPP stand in their order"),
        ("BPP-SEGMENT-SIZE", "SGP.22 §2.5.3", "a segment has at most 1020 octets with its MAC"),
        ("BPP-MAC", "SGP.22 §2.6.4", "the MAC of every segment is right"),
        ("ICCID-FREE", "SGP.22 §5.5.3", "no installed profile has the ICCID"),
        ("PROFILE-CLASS", "SGP.22 §5.5.3", "the eUICC supports the profile's class"),
        ("PPR-OWNER", "SGP.22 §5.5.3", "a profile with PPRs names its owner"),
        ("PPR-FORBIDDEN", "SGP.22 §5.5.3", "no PPR that the eUICC forbids"),
        ("PPR-RAT", "SGP.22 §2.9.2", "the RAT authorises each PPR for the owner"),
        ("PPR1-FIRST", "SGP.22 §2.9.2", "PPR1 only while no operational profile is installed"),
        ("METADATA-ICCID", "SGP.22 §5.5.5", "header and metadata name the same ICCID"),
        ("METADATA-OWNER", "SGP.22 §5.5.5", "IMSI and owner name the same network"),
        ("MEMORY", "SGP.22 §5.5.5", "there is room for the profile"),
        ("PE-FORMAT", "TCA PP §8", "every profile element can be read"),
        ("PE-ORDER", "TCA PP §8", "a header first, an end last, identifications rise"),
        ("PE-MANDATORY", "TCA PP §8.1", "what the header calls mandatory is supported"),
        ("PE-REQUIRED", "TCA PP §8", "MF, USIM and the operator's security domain are there"),
        ("TEST-NAA-KEY", "SGP.22 §5.5.5", "a test profile has the test key"),
        # profile management
        ("ICCID-KNOWN", "SGP.22 §5.7.16", "the profile to act on is installed"),
        ("ENABLE-STATE", "SGP.22 §5.7.16", "the profile to enable is disabled"),
        ("DISABLE-STATE", "SGP.22 §5.7.17", "the profile to disable is enabled"),
        ("DELETE-STATE", "SGP.22 §5.7.18", "the profile to delete is disabled"),
        ("PPR1", "SGP.22 §2.4a.1", "a profile with PPR1 is not disabled"),
        ("PPR2", "SGP.22 §2.4a.1", "a profile with PPR2 is not deleted"),
        ("TEST-REENABLING", "SGP.22 §5.7.16", "a test profile gives way to the former profile"),
        ("CAT-BUSY", "SGP.22 §5.7.16", "no switch while a toolkit session is active"),
        ("TAG-LIST", "SGP.22 §5.7.15", "a tag list asks only for tags of ProfileInfo"),
        ("NICKNAME-LENGTH", "SGP.22 §5.7.21", "a nickname has at most 64 octets"),
        ("REMOVE-KNOWN", "SGP.22 §5.7.11", "the notification to remove is there"),
        ("CERTS-CI", "SGP.32 §5.9.10", "the eUICC has certificates under the CI asked for"),
        # CRLs
        ("CRL-SIGNATURE", "SGP.22 §5.7.12", "a CRL is signed by its CI"),
        ("CRL-FRESH", "SGP.22 §5.7.12", "a CRL is not older than the one loaded"),
        ("CRL-BASE", "SGP.22 §5.7.12", "a partial CRL comes after its base CRL"),
        ("CRL-MEMORY", "SGP.22 §5.7.12", "there is room for the CRL"),
        ("CRL-KEY", "SGP.22 §5.7.12", "a CRL comes from a CI that the eUICC trusts"),
        # eUICC packages
        ("EIM-KNOWN", _PACKAGE, "the eIM of a package is associated"),
        ("EIM-SIGNATURE", "SGP.32 §2.11.1.1", "eimSignature covers package and token"),
        ("PACKAGE-EID", _RESULT, "a package names this EID"),
        ("COUNTER", "SGP.32 §2.11.1.1", "the counter is larger than the one stored"),
        ("COUNTER-RANGE", _RESULT, "the counter is at most 7FFFFF"),
        ("EMERGENCY-PACKAGE", _RESULT, "no package while an emergency call profile is enabled"),
        ("PACKAGE-SIZE", _RESULT, "a package is not larger than the eUICC takes"),
        ("RESULT-SIZE", _RESULT, "a result is not larger than the eUICC makes"),
        ("STOP-AT-FAILURE", _PACKAGE, "processing ends at the first command that fails"),
        ("ONE-ENABLE", _PACKAGE, "one enable at most in a package"),
        ("ONE-DISABLE", _PACKAGE, "one disable at most, and none after an enable"),
        ("LIST-DURING-CHANGE", _RESULT, "no list of profiles after a switch in the package"),
        ("ROLLBACK-AVAILABLE", _RESULT, "rollbackFlag needs a profile to go back to"),
        ("ROLLBACK-TARGET", _RESULT, "the profile to go back to is not deleted"),
        ("FALLBACK-TARGET", _RESULT, "the profile to return to from fallback is not deleted"),
        ("FALLBACK-ALLOWED", _RESULT, "the attribute needs fallbackAllowed in the metadata"),
        ("FALLBACK-ENABLED", _RESULT, "the attribute stays while its profile is enabled"),
        ("FALLBACK-SET", _RESULT, "an attribute is unset only where it is set"),
        # eIM configuration
        ("EIM-ID", "SGP.32 §2.11.1.1.1", "an eimId has 1 to 128 characters"),
        ("EIM-FREE", _RESULT, "the eIM to add is not associated"),
        ("EIM-FOUND", _RESULT, "the eIM to change or delete is associated"),
        ("EIM-MEMORY", _RESULT, "there is room for another eIM"),
        ("EIM-TOKEN", _RESULT, "a token is asked for by -1 and never given"),
        ("EIM-COUNTER", _RESULT, "an initial counter is at most 7FFFFF"),
        ("EIM-CI", _RESULT, "euiccCiPKId is one of the eUICC's CIs"),
        ("EIM-KEY", "SGP.32 §2.11.1.1.1", "an eIM has a key on a curve that is supported"),
        ("EIM-UPDATE", "SGP.32 §2.11.1.1.2", "an update changes something"),
        ("EIM-COUNTER-LOWER", "SGP.32 §2.11.1.1.2", "a counter falls with a new key only"),
        ("FIRST-EIM", "SGP.32 §5.9.4", "AddInitialEim only while no eIM is associated"),
        # local functions of the IPA
        ("ROLLBACK-GRANTED", "SGP.32 §5.9.16", "a package has granted the rollback"),
        ("ROLLBACK-POSSIBLE", "SGP.32 §5.9.16", "the profile to go back to is there"),
        ("FALLBACK-AVAILABLE", "SGP.32 §5.9.20", "a profile has the fallback attribute"),
        ("FALLBACK-DISABLED", "SGP.32 §5.9.20", "the fallback profile is not enabled already"),
        ("FALLBACK-FROM", "SGP.32 §5.9.20", "a profile is enabled to fall back from"),
        ("FALLBACK-RETURN", "SGP.32 §5.9.21", "there is a profile to return to"),
        ("EMERGENCY-AVAILABLE", "SGP.32 §5.9.22", "an emergency profile is installed"),
        ("EMERGENCY-STATE", "SGP.32 §5.9.22", "the emergency profile is not yet, or is, enabled"),
        ("EMERGENCY-LOCAL", "SGP.32 §5.9.20", "no fallback or reset during an emergency call"),
        ("IMMEDIATE-CONFIGURED", "SGP.32 §5.9.15", "immediate enabling is configured"),
        ("IMMEDIATE-SERVER", "SGP.32 §5.9.15", "the profile came from the SM-DP+ configured"),
        ("IMMEDIATE-SESSION", "SGP.32 §5.9.15", "a profile was installed in this session"),
        ("IMMEDIATE-UNSIGNED", "SGP.32 §5.9.17", "no unsigned change while an eIM is associated"),
        ("IMMEDIATE-MEMORY", "SGP.32 §5.9.17", "there is room for the address"),
        ("RESET-SOMETHING", "SGP.22 §5.7.19", "a reset tells when there was nothing to delete"),
        # telecom
        ("PIN", "ETSI TS 102 221 §9", "a file is read and written by who may do it"),
        ("PIN-TRIES", "ETSI TS 102 221 §9.5", "a PIN is blocked after its last try"),
        ("AUTN-MAC", "3GPP TS 33.102 §6.3.3", "MAC of AUTN is the network's"),
        ("AUTN-SQN", "3GPP TS 33.102 §C.2", "SQN is fresh"),
    )
)
