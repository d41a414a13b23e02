"""Named rules: every check that a role makes, its clause, and whether it is switched on.

A role asks `rules.on("EUICC.COUNTER")` before it refuses anything for that reason. Switching a
rule off by name plants a fault: the product that does not check.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One check: its name, the clause that asks for it, and one sentence of what it says."""

    name: str
    clause: str
    text: str
    # why no case can tell whether the rule is kept; a unit test switches it off
    unseen: str = ""


class RuleError(ValueError):
    """A rule was named that no role has."""


class Rules:
    """The rules of one role, with those that are switched off."""

    def __init__(self, table: tuple[Rule, ...], off: frozenset[str] = frozenset()) -> None:
        self._table = {rule.name: rule for rule in table}
        unknown = sorted(off - self._table.keys())
        if unknown:
            import difflib

            near = difflib.get_close_matches(unknown[0], self._table, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise RuleError(f"no rule {unknown[0]!r}{hint}")
        self._off = off

    def on(self, name: str) -> bool:
        """Say whether a rule is to be kept."""
        if name not in self._table:
            raise RuleError(f"no rule {name!r} in the table of this role")
        return name not in self._off

    def __getitem__(self, name: str) -> Rule:
        return self._table[name]

    @property
    def table(self) -> tuple[Rule, ...]:
        """Return all rules of the role."""
        return tuple(self._table.values())
