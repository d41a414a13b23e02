"""Which assertions over a capture are about the card."""

from __future__ import annotations

import pytest
from trace_helpers import rules

from sgprobe.engine.card.view import about_card

ESIPA = """
- name: a poll
  where: {from: ipa, to: eim}
  some: {type: GetEimPackageRequest}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", False),
        ("to: eim", "to: euicc", True),
        ("GetEimPackageRequest", "GetEuiccDataRequest", True),
        ("type: GetEimPackageRequest", "apdu.sw: 9000", True),
    ],
)
def test_a_rule_is_about_the_card(old: str, new: str, expected: bool) -> None:
    (rule,) = rules(ESIPA.replace(old, new) if old else ESIPA)
    assert about_card(rule) is expected
