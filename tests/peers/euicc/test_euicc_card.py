"""The card: selection, channels, STORE DATA chains, GET RESPONSE, REFRESH."""

from __future__ import annotations

import pytest
from euicc_bench import A, B, Operator, make, states, wire
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.asn1.tlv import read_tlv
from dissectors.link.apdu import ECASD_AID as ECASD
from dissectors.link.apdu import ISDR_AID as ISDR
from sgprobe.peers.euicc.card import REFRESH, Card


def hexed(text: str) -> bytes:
    return bytes.fromhex(text)


class Reader:
    """A device that talks T=0 to the card."""

    def __init__(self, card: Card, channel: int = 1) -> None:
        self.card = card
        self.channel = channel
        assert self.send("8000000000"[:0] + "80AA000005A903830107")[1] == 0x9000
        data, sw = self.send("0070000001")
        assert (data, sw) == (b"\x01", 0x9000)
        assert self.transfer(bytes([self.channel]) + hexed("A4040010") + ISDR)[1] == 0x9000

    def send(self, apdu: str | bytes) -> tuple[bytes, int]:
        octets = hexed(apdu) if isinstance(apdu, str) else apdu
        answer = self.card.apdu(octets, 0.0)
        return answer[:-2], int.from_bytes(answer[-2:], "big")

    def transfer(self, apdu: bytes, cla: int | None = None) -> tuple[bytes, int]:
        data, sw = self.send(apdu)
        while sw >> 8 == 0x61:
            more, sw = self.send(
                bytes([self.channel if cla is None else cla, 0xC0, 0, 0, sw & 255])
            )
            data += more
        return data, sw

    def store(self, command: bytes, size: int = 120) -> tuple[bytes, int]:
        blocks = [command[at : at + size] for at in range(0, len(command), size)]
        for number, block in enumerate(blocks):
            last = number == len(blocks) - 1
            head = bytes([0x80 | self.channel, 0xE2, 0x91 if last else 0x11, number, len(block)])
            data, sw = self.transfer(head + block)
            if not last:
                assert (data, sw) == (b"", 0x9000)
        return data, sw


def test_atr_has_a_right_check_octet_and_says_euicc():
    check = 0
    for octet in Card.atr[1:]:
        check ^= octet
    assert check == 0
    # TB3: ETSI TS 102 221 §6.3.3
    assert Card.atr[6] & 0x02


def test_select_isdr_tells_e0_and_e1():
    reader = Reader(Card(make()))
    fci, sw = reader.transfer(hexed("01A4040010") + ISDR + b"\x00")
    assert sw == 0x9000
    assert fci[0] == 0x6F
    assert hexed("E0058203020500") in fci
    assert hexed("E10480020640") in fci
    assert hexed("E1") not in reader.transfer(hexed("01A4040010") + ECASD)[0]
    assert reader.transfer(hexed("01CA005A00"))[0][:2] == hexed("5A10")


def test_commands_over_the_wire():
    reader = Reader(Card(make()))
    eid = reader.store(hexed("BF3E035C015A"))
    assert eid == (hexed("BF3E125A1089049032123451234512345678901235"), 0x9000)
    long, sw = reader.store(hexed("BF5600"), 1)
    assert sw == 0x9000
    assert read_tlv(long).end == len(long) > 512


@pytest.mark.parametrize("cla", [0x01, 0x81])
def test_get_response_with_either_class(cla):
    reader = Reader(Card(make()))
    assert reader.send("81E2910003BF2000")[1] >> 8 == 0x61
    assert reader.send(bytes([cla, 0xC0, 0, 0, 0]))[1] == 0x9000
    assert reader.send(bytes([cla, 0xC0, 0, 0, 0]))[1] == 0x6985


def test_get_response_asks_for_the_right_length():
    reader = Reader(Card(make()))
    sw = reader.send("81E2910003BF2000")[1]
    assert reader.send("01C00000FF")[1] == 0x6C00 | sw & 0xFF
    data, after = reader.send("01C0000010")
    assert (len(data), after) == (16, 0x6100 | (sw & 0xFF) - 16)


def test_high_channels():
    card = Card(make())
    for number in range(1, 20):
        assert card.apdu(hexed("0070000001"), 0.0) == bytes([number, 0x90, 0])
    assert card.apdu(hexed("0070000001"), 0.0) == hexed("6A81")
    assert card.apdu(hexed("40A4040010") + ISDR, 0.0)[0] == 0x61
    assert card.apdu(hexed("C0E2910003BF2000"), 0.0)[-2] == 0x61
    assert card.apdu(hexed("C1E2910003BF2000"), 0.0) == hexed("6D00")
    assert card.apdu(hexed("00708004"), 0.0) == hexed("9000")
    assert card.apdu(hexed("C0E2910003BF2000"), 0.0) == hexed("6881")


def test_not_on_the_basic_channel():
    reader = Reader(Card(make()))
    assert reader.send("80E2910003BF2000")[1] == 0x6D00


def test_block_order_and_interrupted_chain():
    reader = Reader(Card(make()))
    assert reader.send("81E2110002BF3E")[1] == 0x9000
    assert reader.send("81E2910204035C015A")[1] == 0x6985
    assert reader.send("81E2110002BF3E")[1] == 0x9000
    assert reader.send("80AA000005A903830107")[1] == 0x9000
    # on another channel: the chain goes on
    assert reader.send("81E2910104035C015A")[1] >> 8 == 0x61
    assert reader.send("81E2110002BF3E")[1] == 0x9000
    assert reader.send("81F2000000")[1] == 0x6D00
    assert reader.send("81E2910104035C015A")[1] == 0x6985
    assert reader.store(hexed("BF3E035C015A"))[1] == 0x9000


def test_chain_without_end():
    reader = Reader(Card(make()))
    for number in range(255):
        assert reader.send(bytes([0x81, 0xE2, 0x11, number, 1, 0xBF]))[1] == 0x9000
    assert reader.send(bytes([0x81, 0xE2, 0x11, 255, 1, 0xBF]))[1] == 0x6985
    assert reader.store(hexed("BF3E035C015A"))[1] == 0x9000


def test_refused_commands():
    reader = Reader(Card(make()))
    assert reader.store(hexed("BF7D00"))[1] == 0x6A88
    assert reader.store(hexed("BF2001"))[1] == 0x6A80
    assert reader.store(hexed("BF3E035C014F"))[1] == 0x6A80
    # ES10c is closed on an IoT eUICC
    assert reader.store(hexed("BF330C5A0A" + wire(B)))[1] == 0x6985


def test_refresh_is_offered_fetched_and_ended_by_a_reset():
    card = Card(make())
    eim = Operator(card.euicc)
    eim.associate()
    reader = Reader(card)
    data, sw = reader.store(eim.package([{"enable": {"iccid": wire(B)}}]))
    assert sw == 0x9100 | len(REFRESH)
    assert read_tlv(data).tag == hexed("BF51")
    assert card.refresh_pending
    assert reader.send(bytes([0x80, 0x12, 0, 0, len(REFRESH)])) == (REFRESH, 0x9000)
    # until the terminal has answered, its session goes on
    assert card.euicc.cat_busy
    assert card.reset() == Card.atr
    assert not card.refresh_pending
    assert not card.euicc.cat_busy
    assert states(card.euicc) == {A: False, B: True}
    assert reader.send("81E2910003BF2000")[1] == 0x6881


def test_refresh_that_the_terminal_refuses():
    card = Card(make())
    eim = Operator(card.euicc)
    eim.associate()
    reader = Reader(card)
    reader.store(eim.package([{"enable": {"iccid": wire(B)}}]))
    reader.send(bytes([0x80, 0x12, 0, 0, len(REFRESH)]))
    assert reader.send("801400000C810301010482028281830120")[1] == 0x9000
    assert not card.euicc.cat_busy
    assert states(card.euicc) == {A: True, B: False}
    reader.store(eim.package([{"enable": {"iccid": wire(B)}}]))
    assert reader.send("801400000C810301010482028281830100")[1] == 0x9000
    assert states(card.euicc) == {A: False, B: True}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=20))
def test_any_octets_get_a_status_word(apdus):
    card = Card(make())
    reader = Reader(card)
    for apdu in apdus:
        assert len(reader.card.apdu(apdu, 0.0)) >= 2
    card.reset()
    assert Reader(card).store(hexed("BF3E035C015A"))[1] == 0x9000
