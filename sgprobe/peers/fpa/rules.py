"""The named rules of the line, each with the SGP.41 requirement or the rule of the binding."""

from __future__ import annotations

from sgprobe.peers.rules import Rule

_ROWS = (
    ("MANIFEST", "RB-41", "only deliveries whose manifest is signed are used"),
    ("SHARD", "RB-41", "only shards whose index is the manifest's are used"),
    ("ENTRY-DIGEST", "RB-41", "a package is what its index says, before any of it is sent"),
    ("DUPLICATE", "RB-42", "of two packages for one key, ICCID or name none is loaded"),
    ("EXPIRED", "RB-40", "nothing is loaded after notAfter"),
    ("SUPERSEDED", "RB-40", "nothing is loaded of a delivery that another one replaces"),
    ("EID", "SGP.41 GENS04, RB-44", "the EID read from the chip decides, not the one scanned"),
    ("NO-OTHER", "RB-44", "a device without a package of its own gets none"),
    ("CLAIM", "RB-46", "a package is at one station at a time"),
    ("RELEASED", "RB-46", "a package that was not loaded is free for another attempt"),
    ("ORDER", "SGP.41 FLOW-MULTI", "the packages of one device are loaded in their order"),
    ("SEGMENTS", "SGP.22 §2.5.5", "a package is cut into its segments"),
    ("BEGUN", "RB-50", "an attempt is written down before it begins"),
    ("ITEM", "RB-50", "every attempt makes one item"),
    ("RESULT-FETCHED", "SGP.41 FLOW-12", "a result that was lost on its way is fetched again"),
    ("LEFTOVERS", "SGP.41 DMF03", "no one-time key is left on a device that goes on as good"),
    ("KEYS-DELETED", "SGP.41 EUICCF03", "what is left of one-time keys is deleted"),
    ("NO-KEYS", "SGP.41 GENS01, GENS02", "a line has no private key"),
    ("OFFLINE", "SGP.41 FLOW-OFF", "a load asks nobody over a network"),
    ("CHAIN", "RB-09", "a report names the digest of the one before"),
)

# why no case can tell whether a rule is kept
_UNSEEN = {"CLAIM": "the eUICC refuses by itself what a claim stops"}

RULES: tuple[Rule, ...] = tuple(
    Rule(f"FPA.{name}", clause, text, _UNSEEN.get(name, "")) for name, clause, text in _ROWS
)
