"""What the MSP has been told: profiles of all messages, each once, whatever a product says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dissectors.asn1.versions import parse_spec
from dissectors.spec.functions import FUNCTIONS
from sgprobe.cases.match import Unresolved
from sgprobe.engine.factory.told import Ear
from sgprobe.engine.heard import Heard, History
from sgprobe.links.clock import ScenarioClock


def news(*values: Any) -> History:
    function = next(one for one in FUNCTIONS if one.name == "TellOperator")
    history = History()
    for value in values:
        history.said.append(
            Heard(1, 0.0, "smdpf", "msp", function, True, True, None, parse_spec("IFPP@0"), value,
                  b"", "https")
        )  # fmt: skip
    return history


def test_many_messages_count_as_one() -> None:
    first = {"provenInstalled": [{"iccid": "1"}], "notProven": []}
    again = {"provenInstalled": [{"iccid": "1"}, {"iccid": "2"}], "removed": [{"iccid": "1"}]}
    row = Ear(news(first, again), ScenarioClock()).row()
    assert (row["provenInstalled"], row["removed"], row["notProven"]) == ("2", "1", "0")


@pytest.mark.parametrize(
    "value", [None, [], "x", {"provenInstalled": 5}, {"provenInstalled": {"iccid": "1"}}]
)
def test_what_is_no_report_tells_nothing(value: Any) -> None:
    assert set(Ear(news(value), ScenarioClock()).counts().values()) == {0}


def test_waiting_ends_with_the_time_that_is_given() -> None:
    clock = ScenarioClock()
    ear, begun = Ear(news(), clock), clock.now()
    asyncio.run(asyncio.wait_for(ear.hear({"removed": "1", "within": "3 s"}), 30))
    assert clock.now() - begun >= 3
    with pytest.raises(Unresolved):
        asyncio.run(ear.hear({"sold": "1"}))
