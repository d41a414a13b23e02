"""The named rules of the SM-DS, beside those that every RSP server has."""

from __future__ import annotations

from sgprobe.peers.es9.mutual import common_rules
from sgprobe.peers.rules import Rule

PREFIX = "SMDS"

_OWN = (
    ("EVENT-ID", "SGP.22 §5.8.2", "an event that is asked for by id is there for this EID"),
    ("EVENT-DUPLICATE", "SGP.22 §5.9.1", "an event id is registered once"),
    ("EVENT-DELETED", "SGP.22 §5.9.2", "only an event that is there is deleted"),
)

RULES: tuple[Rule, ...] = common_rules(PREFIX) + tuple(
    Rule(f"{PREFIX}.{name}", clause, text) for name, clause, text in _OWN
)
