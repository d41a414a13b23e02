"""Whole commands and responses out of APDUs: chains, fetched responses, channels, faults."""

from __future__ import annotations

import time

import pytest
from card_bench import EID, GET_EID, OK, Exchange, Heard, ToyCard, hear, hexed, selected, transfer
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.asn1.tlv import tlv
from dissectors.link.apdu import ISDR_AID, close_channel, get_response, select, store_data
from dissectors.link.apdu_message import CardKind

ASK = store_data(GET_EID)[0]


def test_direct_answer() -> None:
    [message] = hear((ASK, EID + OK)).messages
    assert (message.kind, message.command, message.response) == (CardKind.STORE_DATA, GET_EID, EID)
    assert (message.status, message.isdr, message.problems) == ("9000", None, ())


def test_session_from_capability_to_close() -> None:
    heard = hear(
        ("80AA000005A903830107", "9000"),
        ("0070000001", "019000"),
        ("01A4040010A0000005591010FFFFFFFF8900000100", "6112"),
        ("01C0000012", "6F108410A0000005591010FFFFFFFF89000001009000"),
        ("81E2910006BF3E035C015A", "6115"),
        ("01C0000015", EID + OK),
        ("0070800100", "9000"),
    )
    assert heard.codes == []
    told = [(m.kind, m.channel, m.status, m.isdr) for m in heard.messages]
    assert told == [
        ("terminal-capability", 0, "9000", None), ("manage-channel", 0, "9000", None),
        ("select", 1, "9000", True), ("store-data", 1, "9000", True),
        ("manage-channel", 0, "9000", None),
    ]  # fmt: skip
    chosen, stored = heard.messages[2:4]
    assert (chosen.command, chosen.response[:2].hex()) == (ISDR_AID, "6f10")
    assert (stored.response, stored.command_frames, stored.response_frames) == (EID, (5,), (5, 6))
    assert (stored.command_time, stored.time) == (5.0, 6.0)


@settings(max_examples=60, deadline=None)
@given(
    bodies=st.lists(
        st.tuples(st.binary(max_size=700), st.binary(max_size=700)), min_size=1, max_size=6
    ),
    block=st.integers(1, 255),
    piece=st.integers(1, 256),
    order=st.randoms(use_true_random=False),
)
def test_commands_come_back_whole_over_interleaved_channels(
    bodies: list[tuple[bytes, bytes]], block: int, piece: int, order: st.DrawFn
) -> None:
    channels = [0, 1, 3, 4, 5, 19]
    longest = block * 256 - 5
    commands = {channels[n]: tlv("BF51", body[:longest]) for n, (body, _) in enumerate(bodies)}
    answers = {channels[n]: tlv("BF51", body) for n, (_, body) in enumerate(bodies)}
    card = ToyCard(lambda channel, _: answers[channel], piece)
    steps = {n: transfer(card, command, n, block) for n, command in commands.items()}
    heard = Heard()
    for channel in commands:
        heard.play(selected(channel))
    heard.messages.clear()
    while steps:
        channel = order.choice(sorted(steps))
        heard.play(steps[channel].pop(0))
        if not steps[channel]:
            del steps[channel]
    heard.finish()
    assert heard.codes == []
    assert {m.channel: m.command for m in heard.messages} == commands
    assert {m.channel: m.response for m in heard.messages} == answers
    assert all(m.isdr and m.sw == 0x9000 for m in heard.messages)


@pytest.mark.parametrize("cla", [0x00, 0x80])
def test_get_response_of_either_class(cla: int) -> None:
    fetch = get_response(0x15, 2, cla)
    heard = hear((store_data(GET_EID, 2)[0], "6115"), (fetch, EID + OK))
    assert (heard.messages[0].response, heard.codes) == (EID, [])


def test_get_response_that_forgets_the_channel() -> None:
    heard = hear((store_data(GET_EID, 2)[0], "6115"), ("00C0000015", EID + OK))
    assert (heard.messages[0].channel, heard.messages[0].response) == (2, EID)
    assert heard.codes == ["es10-response-channel"]


def test_wrong_le_is_sent_again() -> None:
    heard = hear(("80E2910006BF3E035C015A05", "6C15"), ("80E2910006BF3E035C015A15", EID + OK))
    [message] = heard.messages
    assert (message.response, message.command_frames, heard.codes) == (EID, (1, 2), [])
    heard = hear((ASK, "6115"), ("00C0000005", "6C15"), ("00C0000015", EID + OK))
    assert (heard.messages[0].response, heard.codes) == (EID, [])


def test_wrong_le_that_is_left_so() -> None:
    heard = hear(("80E2910006BF3E035C015A05", "6C15"), ("80E2910003BF2D00", "9000"))
    assert [m.status for m in heard.messages] == ["6C15", "9000"]
    assert heard.codes == ["apdu-status"]


@pytest.mark.parametrize(
    ("exchanges", "codes", "commands"),
    [
        # the chain is left for another command
        ([("80E2110001BF", "9000"), ("80E2910003BF2D00", "9000")], ["es10-chain-broken"],
         ["BF", "BF2D00"]),
        ([("80E2110001BF", "9000"), ("80F2000000", "9000"), ("80E29101022D00", "9000")],
         ["es10-chain-broken", "es10-chain-start"], ["BF", "", "2D00"]),
        # the capture ends in it, or its response
        ([("80E2110001BF", "9000")], ["es10-chain-broken"], ["BF"]),
        ([("80E2910003BF2D00", "6115")], ["es10-response-cut"], ["BF2D00"]),
        ([("80E2910003BF2D00", "6105"), ("80E2910003BF2E00", "9000")], ["es10-response-cut"],
         ["BF2D00", "BF2E00"]),
        # blocks
        ([("80E2110001BF", "9000"), ("80E29102022D00", "9000")], ["es10-block-order"], ["BF2D00"]),
        ([("80E2110001BF", "6985"), ("80E29101022D00", "6985")],
         ["es10-chain-status", "apdu-status", "es10-chain-start", "apdu-status"], ["BF", "2D00"]),
        ([("80E2110001BF", "BF2D009000"), ("80E29101022D00", "9000")], ["es10-chain-status"],
         ["BF2D00"]),
        # contents
        ([("80E2910003BF2D05", "9000")], ["es10-command-tlv"], ["BF2D05"]),
        ([("80E2910003BF2D00", "BF2D059000")], ["es10-response-tlv"], ["BF2D00"]),
        ([("80E2910003BF2D00", "6A80")], ["apdu-status"], ["BF2D00"]),
        # single exchanges
        ([("00C0000010", "9000")], ["es10-response-stray"], []),
        ([("80E2", "9000")], ["apdu-malformed"], []),
        ([("80E2910003BF2D00", "90")], ["apdu-malformed"], []),
    ],
)  # fmt: skip
def test_fault_is_told(
    exchanges: list[tuple[str, str]], codes: list[str], commands: list[str]
) -> None:
    heard = hear(*exchanges)
    assert heard.codes == codes
    assert [m.command.hex().upper() for m in heard.messages] == commands


def test_es10_without_the_isdr() -> None:
    other = hexed("A0000000871002")
    heard = hear((select(other, 1), OK), (store_data(GET_EID, 1)[0], EID + OK))
    assert heard.codes == ["es10-not-selected"]
    assert heard.messages[1].isdr is False
    # a SELECT that failed changes nothing
    heard = hear((select(ISDR_AID, 1), OK), (select(other, 1), "6A82"),
                 (store_data(GET_EID, 1)[0], EID + OK))  # fmt: skip
    assert heard.codes == ["apdu-status"]
    assert heard.messages[2].isdr is True


def test_channel_opened_anew_has_nothing_selected() -> None:
    again = [*selected(1), (close_channel(1), OK), ("0070000001", "019000"),
             (store_data(GET_EID, 1)[0], EID + OK)]  # fmt: skip
    assert hear(*again).codes == ["es10-not-selected"]
    closed = hear(*selected(1), (close_channel(1), OK), (store_data(GET_EID, 1)[0], "6881"))
    assert closed.codes == ["es10-channel-closed", "es10-not-selected", "apdu-status"]


def test_reset_closes_channels_and_chains() -> None:
    heard = Heard().play(selected(2))
    heard.play([(store_data(bytes(600), 2)[0], OK)])
    heard.tracker.reset((9,), 9.0)
    heard.play([(store_data(GET_EID, 2)[0], hexed("6881"))]).finish()
    assert heard.codes == [
        "es10-card-reset", "es10-channel-closed", "es10-not-selected", "apdu-status",
    ]  # fmt: skip


def test_application_known_from_outside() -> None:
    heard = Heard()
    heard.tracker.selected(1, ISDR_AID)
    heard.play([(store_data(GET_EID, 1)[0], EID + OK)])
    assert heard.messages[0].isdr is True


def test_proactive_status_is_success() -> None:
    heard = hear(("80E2910006BF3103810100", "BF31038001009110"))
    assert (heard.codes, heard.messages[0].status) == ([], "9110")


def test_secured_and_foreign_commands_are_other() -> None:
    heard = hear(("84E2910003BF2D00", "9000"), ("00B0000002", "AABB9000"), ("80F2000000", "6D00"))
    assert [(m.kind, m.response.hex()) for m in heard.messages] == [
        ("other", ""), ("other", "aabb"), ("other", ""),
    ]  # fmt: skip
    assert heard.codes == []


def test_endless_chains_and_fetches_are_bounded() -> None:
    heard = Heard()
    start = time.process_time()
    heard.play((hexed("80E211%02X01AA" % (n & 255)), OK) for n in range(20_000))
    heard.play([(hexed("80E2110001AA"), OK)] * 5_000)
    heard.play([(ASK, hexed("61FF"))])
    heard.play([(hexed("00C00000FF"), bytes(255) + hexed("61FF"))] * 20_000)
    heard.play([(ASK, hexed("6C05"))] * 5_000)
    heard.finish()
    assert time.process_time() - start < 16
    assert {"es10-limit", "es10-chain-broken", "es10-response-stray"} <= set(heard.codes)
    assert max(len(m.response) for m in heard.messages) <= 1024 * 1024
    assert max(len(m.command_frames) for m in heard.messages) <= 1025


def test_a_chain_has_at_most_256_blocks() -> None:
    heard = hear(*((hexed("80E211%02X01AA" % (n & 255)), OK) for n in range(300)))
    assert [len(m.command) for m in heard.messages] == [256, 44]


def test_a_long_response_is_cut() -> None:
    fetched = (hexed("00C0000000FFFF"), bytes(60_000) + hexed("61FF"))
    heard = hear((ASK, hexed("61FF")), *[fetched] * 30, ("00C0000010", OK))
    assert "es10-limit" in heard.codes
    assert len(heard.messages[0].response) == 17 * 60_000


@settings(max_examples=200, deadline=None)
@given(
    exchanges=st.lists(
        st.tuples(
            st.sampled_from(
                [ASK, *store_data(bytes(300)), *store_data(bytes(300), 1), get_response(9),
                 get_response(9, 1), close_channel(1), hexed("0070000001"), select(ISDR_AID, 1),
                 *store_data(hexed("BF3605BF230100AA"), 0, 3), store_data(hexed("A103"))[0],
                 store_data(hexed("8601AA"))[0]]
            )
            | st.binary(max_size=12),
            st.sampled_from([OK, EID + OK, hexed("6115"), hexed("6C15"), hexed("6985"),
                             hexed("019000"), hexed("BF370080009000")])
            | st.binary(max_size=5),
        ),
        max_size=14,
    )
)  # fmt: skip
def test_any_exchanges_give_messages_or_findings(exchanges: list[Exchange]) -> None:
    heard = Heard().play(exchanges)
    heard.finish()
    # every exchange is in a message, in a finding, or a block sent twice
    seen = {frame for m in heard.messages for frame in (*m.command_frames, *m.response_frames)}
    seen |= {frame for _, frames in heard.problems for frame in frames}
    assert seen == set(range(1, len(exchanges) + 1))
