"""Reports of a line as messages: whatever octets a product hands over."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.asn1 import codec
from sgprobe.engine.factory.line_says import REPORT, LineSays
from sgprobe.peers.effects import CardFailure

VALUE = {
    "header": {
        "reportId": "00" * 16, "deliveryId": "D1", "stationId": "s1", "firstSequence": 1,
        "lastSequence": 0, "previousDigest": "00" * 32, "createdAt": "20260101000000Z",
        "final": True,
    },
    "items": [],
}  # fmt: skip


class Plain:
    """An impostor that plants what it is told to."""

    def __init__(self, made: bytes | None = None) -> None:
        self.made = made

    def card(self, function: Any, octets: bytes, value: Any, *, asks: bool) -> bytes:
        if self.made == b"":
            raise CardFailure(0x6F00)
        return octets if self.made is None else self.made


def heard(octets: bytes, impostor: Plain | None = None) -> tuple[bytes | None, list[Any]]:
    said: list[Any] = []

    def say(sender: str, receiver: str, function: Any, **told: Any) -> Any:
        said.append((sender, receiver, told["found"].value, told["octets"]))

    plain: Any = impostor or Plain()
    return LineSays(say, plain).report(octets), said


def test_a_report_is_a_message_to_the_sm_dpf() -> None:
    octets = codec.load("IFPP@0").encode(REPORT, VALUE)
    told, said = heard(octets)
    ((sender, receiver, value, body),) = said
    assert (told, sender, receiver, body) == (octets, "fpa", "smdpf", octets)
    assert value["header"]["deliveryId"] == "D1"


def test_a_planted_fault_changes_it_or_keeps_it_back() -> None:
    octets = codec.load("IFPP@0").encode(REPORT, VALUE)
    assert heard(octets, Plain(b"\x30\x00"))[0] == b"\x30\x00"
    assert heard(octets, Plain(b"")) == (None, [])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_octets_are_heard(octets: bytes) -> None:
    told, said = heard(octets)
    assert told == octets
    assert len(said) == 1


@pytest.mark.parametrize("depth", [50, 5000])
def test_deep_nesting_is_heard(depth: int) -> None:
    octets = b"\xff\x4a\x80" + b"\x30\x80" * depth
    assert heard(octets)[0] == octets
