"""The named rules of all references, those that no mutant switches off, and why."""

from __future__ import annotations

from collections.abc import Iterable

from sgprobe.judge import rules as judge
from sgprobe.mutants.mutant import Mutant
from sgprobe.peers import es9client
from sgprobe.peers.eim import rules as eim
from sgprobe.peers.euicc import factory_rules
from sgprobe.peers.euicc import rules as euicc
from sgprobe.peers.eum import rules as eum
from sgprobe.peers.fpa import rules as fpa
from sgprobe.peers.ipa import rules as ipa
from sgprobe.peers.rules import Rule
from sgprobe.peers.smdp import rules as smdp
from sgprobe.peers.smdpf import rules as smdpf
from sgprobe.peers.smds import rules as smds

TABLES: tuple[tuple[Rule, ...], ...] = (
    eim.RULES, ipa.RULES, smdp.RULES, smds.RULES, euicc.RULES, es9client.RULES,
    factory_rules.FACTORY_RULES, fpa.RULES, judge.JUDGE_RULES, eum.RULES, smdpf.RULES,
)  # fmt: skip


def all_rules() -> tuple[str, ...]:
    """Return the names of all rules, each once."""
    return tuple(dict.fromkeys(rule.name for table in TABLES for rule in table))


def unseen_rules() -> dict[str, str]:
    """Return the rules that no case can see, each with the reason."""
    return {rule.name: rule.unseen for table in TABLES for rule in table if rule.unseen}


def rules_without(mutants: Iterable[Mutant]) -> list[str]:
    """Return the rules that no mutant switches off, though a case could see it."""
    planted = {name for one in mutants for name in one.off} | unseen_rules().keys()
    return [name for name in all_rules() if name not in planted]
