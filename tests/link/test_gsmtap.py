"""GSMTAP packets read, split and built; tracer captures to whole card messages."""

from __future__ import annotations

import pytest
from card_bench import EID, GET_EID, OK, Heard, ToyCard, hexed, selected, transfer
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.asn1.tlv import tlv
from dissectors.link.gsmtap import (
    Gsmtap,
    GsmtapError,
    GsmtapSink,
    SimSubtype,
    build_gsmtap,
    split_apdu,
)

# libosmocore's struct gsmtap_hdr, written out: version 2, 4 words, type SIM, subtype APDU
HEADER = hexed("0204040000000000 0000000000000000")


def listen() -> tuple[Heard, GsmtapSink]:
    heard = Heard()
    sink = GsmtapSink(
        heard.messages.append, lambda problem, frames: heard.problems.append((problem, frames))
    )
    return heard, sink


def test_packet_byte_for_byte() -> None:
    packet = build_gsmtap(hexed("80E2910006BF3E035C015A"), hexed("6115"))
    assert packet == HEADER + hexed("80E2910006BF3E035C015A6115")
    assert Gsmtap.parse(packet).payload == hexed("80E2910006BF3E035C015A6115")
    atr = bytes(Gsmtap(hexed("3B00"), SimSubtype.ATR))
    assert atr == hexed("02040400000000000000000001000000") + hexed("3B00")


@pytest.mark.parametrize(
    "packet",
    [b"", HEADER[:15], b"\x03" + HEADER[1:], b"\x02\x03" + HEADER[2:], b"\x02\x05" + HEADER[2:]],
)  # fmt: skip
def test_broken_header_is_a_finding(packet: bytes) -> None:
    with pytest.raises(GsmtapError):
        Gsmtap.parse(packet)
    heard, sink = listen()
    sink.datagram(0, packet, (7,), 1.0)
    assert [(problem.code, frames) for problem, frames in heard.problems] == [
        ("gsmtap-header", (7,))
    ]


@pytest.mark.parametrize(
    ("command", "response"),
    [
        ("00A4040010A0000005591010FFFFFFFF8900000100", "6112"),
        ("00A4000C023F00", "9000"),
        ("80E2910006BF3E035C015A", "6115"),
        ("80E2910006BF3E035C015A00", EID.hex() + "9000"),
        ("80E2910006BF3E035C015A", EID.hex() + "9000"),
        ("00C0000015", EID.hex() + "9000"),
        ("0070000001", "019000"),
        ("0070800100", "9000"),
        ("80AA000005A903830107", "9000"),
        ("80F2000010", "6C0A"),
        ("80F21000024F00", "6310"),
        ("8012000009", "D009810301010482028182" + "9000"),
        ("80140000028301", "9000"),
        ("80E2910006", "6982"),  # refused before the data was sent
        ("00B0000002", "AABB9000"),
        ("00A40400", "9000"),
    ],
)
def test_record_is_split_where_the_instruction_says(command: str, response: str) -> None:
    record = hexed(command + response)
    assert split_apdu(record) == (hexed(command), hexed(response), False)


def test_unknown_instruction_is_split_by_guess() -> None:
    heard, sink = listen()
    sink.datagram(0, build_gsmtap(hexed("80990000021122"), hexed("AA9000")), (1,), 1.0)
    assert heard.messages[0].response == hexed("AA")
    assert heard.codes == ["apdu-split-guessed"]


@settings(max_examples=50, deadline=None)
@given(
    body=st.binary(max_size=800),
    back=st.binary(max_size=800),
    channel=st.sampled_from([0, 1, 7]),
    block=st.integers(3, 255),
)
def test_traced_command_comes_back(body: bytes, back: bytes, channel: int, block: int) -> None:
    command, answer = tlv("BF51", body[: block * 250]), tlv("BF51", back)
    card = ToyCard(lambda *_: answer)
    steps = [selected(channel), *transfer(card, command, channel, block)]
    heard, sink = listen()
    for number, (asked, answered) in enumerate((pair for step in steps for pair in step), 1):
        sink.datagram(0, build_gsmtap(asked, answered), (number,), float(number))
    sink.finish(99.0)
    assert (heard.messages[-1].command, heard.messages[-1].response) == (command, answer)
    assert heard.codes == []


def test_parts_of_a_tpdu_are_joined() -> None:
    heard, sink = listen()
    parts = [
        (SimSubtype.TPDU_HEADER, hexed("80E2910006")), (SimSubtype.TPDU_COMMAND, GET_EID),
        (SimSubtype.TPDU_STATUS, hexed("6115")), (SimSubtype.TPDU_HEADER, hexed("00C0000015")),
        (SimSubtype.TPDU_RESPONSE, EID), (SimSubtype.TPDU_STATUS, OK),
    ]  # fmt: skip
    for number, (subtype, payload) in enumerate(parts, 1):
        sink.datagram(0, bytes(Gsmtap(payload, subtype)), (number,), float(number))
    [message] = heard.messages
    assert (message.command, message.response) == (GET_EID, EID)
    assert (message.command_frames, message.response_frames) == ((1, 2, 3), (1, 2, 3, 4, 5, 6))


def test_atr_resets_and_other_types_are_told_once() -> None:
    heard, sink = listen()
    for command, answer in selected(1):
        sink.datagram(0, build_gsmtap(command, answer), (1,), 1.0)
    sink.datagram(0, bytes(Gsmtap(hexed("3B9F96"), SimSubtype.ATR)), (2,), 2.0)
    sink.datagram(0, bytes(Gsmtap(hexed("FF"), SimSubtype.PPS_REQUEST)), (3,), 3.0)
    for _ in range(3):
        sink.datagram(0, bytes(Gsmtap(b"xx", 1, type=1)), (4,), 4.0)
    sink.datagram(0, build_gsmtap(hexed("81E2910006") + GET_EID, hexed("6881")), (5,), 5.0)
    assert heard.codes == [
        "es10-channel-closed", "es10-not-selected", "apdu-status", "gsmtap-skipped",
    ]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    packets=st.lists(
        st.binary(max_size=30)
        | st.builds(
            lambda payload, subtype: bytes(Gsmtap(payload, subtype)),
            st.binary(max_size=20),
            st.integers(0, 9),
        ),
        max_size=8,
    )
)
def test_any_datagrams_give_messages_or_findings(packets: list[bytes]) -> None:
    heard, sink = listen()
    for number, packet in enumerate(packets, 1):
        sink.datagram(0, packet, (number,), float(number))
    sink.finish(9.0)
    assert all(m.command_frames for m in heard.messages)
