"""What the MSP of a bench is told by an SM-DPf that has lived before the item."""

from __future__ import annotations

import json

import pytest

from dissectors.asn1.versions import parse_spec
from dissectors.spec.functions import FUNCTIONS
from sgprobe.engine.factory.stage import is_ours
from sgprobe.engine.heard import Heard, History
from sgprobe.exchange import Request

ORDER = next(one for one in FUNCTIONS if one.name == "OrderProfiles")


def said(*orders: str) -> History:
    history = History()
    for number, name in enumerate(orders):
        history.said.append(
            Heard(
                number, 0.0, "smdpf", "msp", ORDER, False, True, None, parse_spec("IFPP@0"),
                {"orderId": name}, b"", "https", 200, (), None, True,
            )
        )  # fmt: skip
    return history


@pytest.mark.parametrize(
    ("body", "heard"),
    [
        (json.dumps({"orderId": "O2"}).encode(), True),
        (json.dumps({"orderId": "O9"}).encode(), False),
        # what cannot be told apart is for the case to judge
        (b"{}", True),
        (b"rubbish", True),
        (b"[1]", True),
    ],
)
def test_news_of_earlier_orders_are_no_matter_of_an_item(body: bytes, heard: bool) -> None:
    asked = Request("/ifpp/reports", "application/json", body)
    assert is_ours(asked, said("O1", "O2")) is heard
