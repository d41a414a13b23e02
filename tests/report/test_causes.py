"""Items with one reason stand together, whatever values differ."""

from __future__ import annotations

from sgprobe.events import Verdict
from sgprobe.report.causes import causes


def test_values_do_not_part_a_cause() -> None:
    found = causes([
        (Verdict.ERROR, "the case is at fault", "A", "A[1]"),
        (Verdict.FAIL, "counter: expected more than 41, got 41 [A.case.yaml:3]", "A", "A[2]"),
        (Verdict.FAIL, "counter: expected more than 7, got 6 [B.case.yaml:9]", "B", "B[1]"),
        (Verdict.FAIL, "key: expected it, got 21AA…BB (no token (84020080))", "B", "B[2]"),
        (Verdict.FAIL, "key: expected it, got DDEE…FF (no token (840100))", "B", "B[3]"),
        (Verdict.FAIL, "key: expected it, got ABCD…01 (no token (840101))", "C", "C"),
    ])  # fmt: skip
    assert [(one.verdict, len(one.items)) for one in found] == [
        (Verdict.FAIL, 3), (Verdict.FAIL, 2), (Verdict.ERROR, 1),
    ]  # fmt: skip
    assert found[0].cases == {"B": ["B[2]", "B[3]"], "C": ["C"]}
    assert found[1].reason == "counter: expected more than 41, got 41"


def test_words_part_causes() -> None:
    found = causes([
        (Verdict.FAIL, "a: absent", "A", "A"),
        (Verdict.FAIL, "b: absent", "A", "B"),
        (Verdict.INCONCLUSIVE, "a: absent", "A", "C"),
    ])  # fmt: skip
    assert len(found) == 3
