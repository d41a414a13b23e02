from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_rows import octets, rows
from scapy.packet import Raw, fuzz

from dissectors.layers import es10a, es10b, es10c
from dissectors.layers.apdu import Apdu, ApduResponse, StoreData, store_data
from dissectors.layers.asn1_message import packet_class
from dissectors.layers.base import LayerError
from dissectors.layers.generate import card_types, message_classes
from dissectors.link import apdu
from dissectors.spec.functions import CARD, FUNCTIONS
from dissectors.trace.message import REQUEST, RESPONSE

EID = "89049032123451234512345678901235"
GET_EID = "80e2910006bf3e035c015a"


def test_store_data_is_built_and_dissected() -> None:
    packet = StoreData() / es10c.GetEuiccDataRequest(tagList="5a")
    assert bytes(packet).hex() == GET_EID
    again = Apdu(bytes.fromhex(GET_EID))
    assert again.__class__ is StoreData
    assert (again.cla, again.p1, again.p2, again.le) == (0x80, 0x91, 0, None)
    assert again["GetEuiccDataRequest"].tagList == "5a"
    assert again.summary() == "StoreData / GetEuiccDataRequest"
    assert bytes(eval(again.command(), {**globals(), **vars(es10c)})).hex() == GET_EID


def test_a_response_is_built_and_dissected() -> None:
    packet = ApduResponse() / es10c.GetEuiccDataResponse(eidValue=EID)
    raw = bytes.fromhex("bf3e125a10" + EID + "9000")
    assert bytes(packet) == raw
    assert ApduResponse(raw)["GetEuiccDataResponse"].eidValue == EID
    assert ApduResponse(bytes.fromhex("6a88")).summary() == "SW 6A88"


@pytest.mark.parametrize(
    ("made", "raw"),
    [
        (lambda: Apdu(apdu.open_channel()), "0070000001"),
        (lambda: Apdu(cla=0, ins="MANAGE CHANNEL", le=1), "0070000001"),
        (lambda: Apdu(ins="SELECT", p1=4) / apdu.ISDR_AID, apdu.select(apdu.ISDR_AID).hex()),
        (lambda: Apdu(cla=1, ins=0xC0, le=256), "01c0000000"),
        (lambda: Apdu(cla=0x80, ins=0xE2) / bytes(300), "80e20000" + "00012c" + "00" * 300),
        (lambda: Apdu(ins=0xA4, le=65_536), "00a40000000000"),
    ],
)
def test_forms_of_commands(made: object, raw: str) -> None:
    assert bytes(made()).hex() == raw  # type: ignore[operator]
    assert bytes(Apdu(bytes.fromhex(raw))).hex() == raw


def test_every_es10_message_stands_on_its_apdu() -> None:
    seen = set()
    for row in rows():
        for function in FUNCTIONS:
            if row["result"] != "valid" or function.interface not in CARD:
                continue
            message = packet_class(row["type"])(octets(row))
            if row["type"] == function.request:
                packet = Apdu(bytes(StoreData() / message))
                assert bytes(packet.payload) == octets(row)
                assert (
                    isinstance(packet.payload, packet_class(row["type"]))
                    or len(card_types(REQUEST, octets(row))) > 1
                )
                seen.add(row["type"])
            elif row["type"] == function.response:
                answer = ApduResponse(bytes(ApduResponse() / message))
                assert bytes(answer.payload) == octets(row)
                assert (
                    isinstance(answer.payload, packet_class(row["type"]))
                    or len(card_types(RESPONSE, octets(row))) > 1
                )
                seen.add(row["type"])
    wanted = {n for i in CARD for n in message_classes(i)}
    assert wanted == seen


def test_a_chain_is_cut_and_its_blocks_stay_bytes() -> None:
    request = es10b.ListNotificationRequest()
    chain = store_data(request, channel=5, block=2)
    assert [bytes(one).hex() for one in chain] == ["c1e2110002bf28", "c1e291010100"]
    assert [one.payload.__class__ for one in chain] == [Raw, Raw]
    assert chain[0].summary() == "STORE DATA channel 5 block 0 / Raw"
    assert chain[1].mysummary() == "STORE DATA channel 5 block 1 (last)"
    (whole,) = store_data(es10a.EuiccConfiguredAddressesRequest())
    assert whole.payload.__class__ is es10a.EuiccConfiguredAddressesRequest


def test_a_block_with_more_to_come_is_no_message() -> None:
    request = es10c.GetEuiccDataRequest(tagList="5a")
    for first in (StoreData(p1=0x11), StoreData(p2=3)):
        assert Apdu(bytes(first / request)).payload.__class__ is Raw


def test_messages_of_other_interfaces_are_none_of_a_card() -> None:
    row = next(r for r in rows() if r["type"] == "InitiateAuthenticationRequest")
    assert card_types(REQUEST, octets(row)) == []
    assert Apdu(bytes(StoreData() / octets(row))).payload.__class__ is Raw


def test_le_stands_behind_the_data() -> None:
    packet = StoreData(le=256) / es10c.GetEuiccDataRequest(tagList="5a")
    raw = bytes(packet)
    assert raw.hex() == GET_EID + "00"
    again = Apdu(raw)
    assert again.le == 256
    again.payload.tagList = "5b"
    assert bytes(again).hex() == GET_EID.replace("015a", "015b") + "00"


@pytest.mark.parametrize(
    ("made", "raw", "told"),
    [
        (Apdu, "80e2", "at least 4 are its header"),
        (Apdu, "80e2910006bf3e", "announces 6 bytes, 2 follow"),
        (ApduResponse, "90", "has no status word"),
        (ApduResponse, "1234", "no status word"),
    ],
)
def test_broken_apdus_are_kept_and_told(made: type, raw: str, told: str) -> None:
    packet = made(bytes.fromhex(raw))
    assert bytes(packet).hex() == raw
    assert told in packet.show(dump=True)


def test_a_block_that_is_no_tlv_stays_bytes() -> None:
    for raw in ("80e29100025a01", "80e2910003bf3e05", "80e2910002ffff"):
        packet = Apdu(bytes.fromhex(raw))
        assert packet.payload.__class__ is Raw
        assert bytes(packet).hex() == raw


def test_what_cannot_be_built_is_told() -> None:
    for packet in (Apdu(cla=300), Apdu(le=0), Apdu(le=70_000), ApduResponse(sw=-1),
                   StoreData() / bytes(70_000)):  # fmt: skip
        with pytest.raises(LayerError):
            bytes(packet)
    with pytest.raises(LayerError, match="blocks of 0"):
        store_data(es10b.ListNotificationRequest(), block=0)


@given(st.binary(min_size=1, max_size=120), st.sampled_from([b"", b"\x80\xe2\x91\x00"]))
def test_any_bytes_are_dissected_and_kept(data: bytes, start: bytes) -> None:
    for made in (Apdu, ApduResponse):
        packet = made(start + data)
        assert bytes(packet) == start + data
        packet.show(dump=True)
        assert packet.summary()


def test_scapys_own_fuzzing_keeps_to_the_one_error() -> None:
    for _ in range(50):
        for made in (Apdu, StoreData, ApduResponse):
            try:
                bytes(fuzz(made()))
            except LayerError:
                continue
