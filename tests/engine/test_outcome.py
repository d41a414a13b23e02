"""The algebra of verdicts: the worst wins, the first of the worst says why."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from sgprobe.cases.match import Difference
from sgprobe.engine.outcome import Tally, tree
from sgprobe.events import Verdict

# TTCN-3's order
ORDER = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR)


def tally(*verdicts: Verdict, checks: int = 1) -> Tally:
    made = Tally(checks=checks)
    for number, verdict in enumerate(verdicts):
        made.add(verdict, f"{verdict} {number}")
    return made


@pytest.mark.parametrize(("one", "other"), list(product(ORDER, ORDER)))
def test_the_worst_wins(one: Verdict, other: Verdict) -> None:
    assert tally(one, other).verdict is max(one, other, key=ORDER.index)


def test_the_order_of_steps_does_not_matter() -> None:
    for verdicts in permutations(ORDER):
        assert tally(*verdicts).verdict is Verdict.ERROR


def test_the_first_of_the_worst_says_why() -> None:
    made = tally(Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.FAIL)
    assert made.reason == "fail 1"


def test_no_check_is_inconclusive() -> None:
    for made in (Tally(), tally(Verdict.PASS, checks=0)):
        assert made.verdict is Verdict.INCONCLUSIVE
    assert Tally().reason == "no check was made on anything that the product sent"
    assert tally(Verdict.FAIL, checks=0).verdict is Verdict.FAIL
    assert tally(Verdict.PASS).verdict is Verdict.PASS


def test_a_tree_of_differences_is_plain_data() -> None:
    inner = Difference("a.b", "b", False, "1", "2", "off by one", (), 7, unsure=True)
    made = tree(Difference("a", "a", False, inside=(inner,)))
    assert made["inside"] == [{
        "path": "a.b", "name": "b", "good": False, "expected": "1", "actual": "2",
        "hint": "off by one", "line": 7, "unsure": True, "inside": [],
    }]  # fmt: skip
