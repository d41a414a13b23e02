"""Our messages beside what tshark finds in the same captures; each difference is in the docs.

`docs/reference/oracles.md` has a row for each capture in which the two differ. What tshark found is
stored, so that the comparison needs no tshark; where there is one, it is asked again.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from stored_captures import trace
from tshark_oracle import STORED, Found, ask, find_tshark, ours, readable

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "oracles.md"
_ROW = re.compile(r"^\| `([a-z0-9.-]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \| (.+) \|$")
NAMES = sorted(readable())
TSHARK = find_tshark()


def stored(name: str) -> Found:
    """Return what tshark found in a capture."""
    found: Found | None = json.loads(STORED.read_text())["captures"].get(name)
    if found is None:
        pytest.skip("a capture that tshark was not asked about: tests/trace/tshark_oracle.py does")
    return found


def told() -> dict[str, tuple[str, str, str]]:
    """Return the differences that the page explains: bodies, ESipa messages, card messages."""
    rows = [_ROW.match(line) for line in PAGE.read_text().splitlines()]
    return {row[1]: (row[2], row[3], row[4]) for row in rows if row}


def differences(name: str) -> tuple[str, str, str]:
    """Return how many of each kind both found, ours alone and tshark alone; "" if they agree."""
    mine, theirs = ours(trace(name).messages), stored(name)
    cells = []
    for kind in ("bodies", "esipa"):
        one, two = Counter(mine[kind]), Counter(theirs[kind])
        same, left, right = (one & two).total(), (one - two).total(), (two - one).total()
        cells.append(f"{same}, {left}, {right}" if left or right else "")
    cards = f"{theirs['cards'][0]}, {int(mine['cards'][0]) - int(theirs['cards'][0])}, 0"
    cells.append(cards if mine["cards"] != theirs["cards"] else "")
    return cells[0] or "-", cells[1] or "-", cells[2] or "-"


@pytest.mark.parametrize("name", NAMES)
def test_the_same_as_tshark_or_explained(name: str) -> None:
    assert differences(name) == told().get(name, ("-", "-", "-"))


def test_the_page_explains_no_difference_that_is_none() -> None:
    assert set(told()) <= set(NAMES)
    assert all(set(cells) != {"-"} for cells in told().values())


def test_most_captures_are_the_same() -> None:
    assert len(json.loads(STORED.read_text())["captures"]) - len(told()) >= 99
    found = Counter[str]()
    for name in json.loads(STORED.read_text())["captures"]:
        both = ours(trace(name).messages), stored(name)
        for kind in ("bodies", "esipa"):
            found[kind] += (Counter(both[0][kind]) & Counter(both[1][kind])).total()
    assert found["bodies"] > 600
    assert found["esipa"] > 500


@pytest.mark.oracle("tshark")
@pytest.mark.skipif(TSHARK is None, reason="no tshark 4.6 or later (TSHARK=path names one)")
@pytest.mark.parametrize("name", NAMES)
def test_tshark_still_finds_what_is_stored(name: str) -> None:
    assert TSHARK is not None
    assert ask(TSHARK, readable()[name]) == stored(name)
