from __future__ import annotations

import pytest
from scapy.packet import Packet, Raw
from scapy.volatile import RandBin, RandNum

from dissectors.finding import Finding, Severity
from dissectors.layers.asn1_message import packet_class
from dissectors.layers.base import NOTES, LayerError, Note, copied, finding_text, frozen, plain
from dissectors.layers.body import OtherBody
from dissectors.layers.message import printable, value_lines

ONE = Finding("der.truncated", Severity.ERROR, "a.b", 3, "2 octets announced, 1 there")


def test_notes_put_nothing_on_the_wire_and_survive_a_copy() -> None:
    packet = OtherBody(b"abc")
    packet.fields["frames"] = (4, 5)
    assert bytes(packet) == bytes(packet.copy()) == b"abc"
    assert packet.copy().frames == (4, 5)
    assert packet.copy().problems == packet.problems
    note = Note("x", ())
    assert note.addfield(packet, b"s", (1,)) == b"s"
    assert note.getfield(packet, b"s") == (b"s", ())


def test_notes_of_a_payload_are_seen_from_below() -> None:
    packet = Raw(b"below") / OtherBody(b"abc")
    packet.lastlayer().fields["frames"] = (9,)
    assert packet.frames == (9,)
    assert OtherBody().frames == OtherBody().problems == ()


def test_a_finding_is_one_line() -> None:
    assert finding_text(ONE) == "error der.truncated at a.b, offset 3: 2 octets announced, 1 there"
    assert Note("problems", ()).i2repr(None, (ONE, ONE)).count("\n") == 1


def test_plain_data() -> None:
    inner = packet_class("EimAcknowledgements")(elements=[1])
    value = {"a": [b"\1", bytearray(b"\2"), (1, None)], 3: True, "p": inner}
    assert plain(value) == {"a": ["01", "02", [1, None]], "3": True, "p": [1]}
    assert len(plain(RandBin(4))) == 8
    assert plain(RandNum(5, 5)) == 5


def test_frozen_depends_on_the_value_alone() -> None:
    shared = ["x"]
    assert frozen([shared, shared]) == frozen([["x"], ["x"]])
    assert frozen({"a": 1}) != frozen({"a": True})
    assert frozen([object()]) is None
    deep: list[object] = []
    for _ in range(3000):
        deep = [deep]
    assert frozen(deep) is None
    value = {"a": [1]}
    twin = copied(value)
    twin["a"].append(2)
    assert value == {"a": [1]}


def test_lines_of_a_value_are_bounded_and_harmless() -> None:
    assert value_lines({"a": {"b": [1, {}]}, "c": None}) == [
        "a:", "  b:", "    [0]: 1", "    [1]: {}", "c: null",
    ]  # fmt: skip
    assert len(value_lines(list(range(1000)))) == 201
    deep: dict[str, object] = {}
    for _ in range(50):
        deep = {"a": deep}
    assert value_lines(deep)[-1].strip() == "…"
    assert printable("\x1b[2J") == "\\x1b[2J"
    assert printable("") == "(empty)"


def test_notes_are_the_last_fields_of_every_class() -> None:
    made: list[type[Packet]] = [OtherBody, packet_class("GetEimPackageRequest")]
    for one in made:
        assert one.fields_desc[-len(NOTES) :] == NOTES


def test_the_error_is_a_value_error() -> None:
    assert issubclass(LayerError, ValueError)
    with pytest.raises(LayerError, match="too deep"):
        plain(_nested(200))


def _nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value
