"""Every rule of the judge, by name, as in docs/reference/ifpp.md §9. One off is a fault."""

from __future__ import annotations

from sgprobe.peers.rules import Rule, Rules

_WITNESS, _PLACE, _NEED, _PARTIES = (
    "IFPP §9 E7", "IFPP §9 question 1", "IFPP §9 question 2", "IFPP §9 question 3",
)  # fmt: skip

# why no case can tell whether a rule is kept
_UNSEEN = {
    "FIELD-INSTALLED": "the state of the ship point tells the same; without it the class is open",
}

JUDGE_RULES: tuple[Rule, ...] = tuple(
    Rule(f"JUDGE.{name}", clause, text, _UNSEEN.get(name, ""))
    for name, clause, text in (
        # what an item has to be
        ("RESULT-SIGNED", "IFPP §9 E6", "an eUICC with a certificate has signed the result"),
        ("STATE-CHALLENGE", _WITNESS, "the signed state answers the challenge of the witness"),
        ("STATE-WITNESS", _WITNESS, "the station has not used the challenge of the witness"),
        ("STATEMENT-SIGNED", "IFPP §9 E14", "an EUM with a certificate has signed the statement"),
        ("RES", "IFPP §9 E9", "in the shield RES is that of the operator"),
        ("CANARIES", "IFPP §9 E10", "canaries show that a capture is whole"),
        ("COUNTERS", "IFPP §9 E10", "counters of the interfaces show that a capture is whole"),
        # question 1
        ("BEHAVIOUR", _PLACE, "what is enabled at the first function is operational, not a class"),
        ("FIELD-STATE", _PLACE, "what was not inside at the ship point came in the field"),
        ("FIELD-INSTALLED", _PLACE, "what is installed after the seal came in the field"),
        ("FIELD-COUNTER", _PLACE, "a later signed state shows whether it was installed again"),
        ("STATE-ORDER", _PLACE, "a state of the ship point has no higher counter than a later one"),
        ("READER", _PLACE, "without a signed state the word of the station alone is weak"),
        ("CLOCKS", _PLACE, "clocks decide nothing, challenges and counters do"),
        # question 2
        ("REACHED", _NEED, "without a first function nothing is known"),
        ("TRAFFIC", _NEED, "RSP traffic before the first function is a need"),
        ("AFTER", _NEED, "what comes after the first function is none"),
        ("FIRST-PROFILE", _NEED, "to register with another profile first is a need"),
        ("FIRST-IMSI", _NEED, "to register under several IMSIs is a need"),
        ("CARD-CHANGE", _NEED, "who the card is does not change over the air"),
        ("DEAD-SHIELD", _NEED, "no USIM in the shield, and life in a cell: a need"),
        # question 3 and the class
        ("JOINS", _PARTIES, "values that two items share are the same"),
        ("ALL-LINKS", _PARTIES, "parties worked together where every link holds"),
    )
)


def judge_rules(off: frozenset[str] = frozenset()) -> Rules:
    """Return the rules of the judge, some switched off."""
    return Rules(JUDGE_RULES, off)


# with nothing switched off
KEPT = judge_rules()
