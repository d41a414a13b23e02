from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_rows import datagrams
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw, fuzz

from dissectors.layers import es10c
from dissectors.layers.apdu import ApduResponse, StoreData
from dissectors.layers.base import LayerError
from dissectors.layers.gsmtap import Gsmtap, SimExchange
from dissectors.link.gsmtap import build_gsmtap

EID = "89049032123451234512345678901235"


def test_captured_datagrams_come_back() -> None:
    named: set[str] = set()
    for raw in datagrams("card-", 4729):
        packet = Gsmtap(raw)
        assert bytes(packet) == bytes(packet.copy()) == raw
        if packet.sub_type == 0:
            exchange = packet[SimExchange]
            parts = [one for one in (exchange.command_apdu, exchange.response_apdu) if one]
            assert b"".join(bytes(one) for one in parts) == bytes(packet.payload)
            named |= {one.payload.__class__.__name__ for one in parts}
    assert {"GetEuiccDataRequest", "GetEuiccDataResponse"} & named


def test_an_exchange_is_built_and_dissected() -> None:
    ask = StoreData(cla=0x81) / es10c.GetEuiccDataRequest(tagList="5a")
    answer = ApduResponse() / es10c.GetEuiccDataResponse(eidValue=EID)
    packet = IP() / UDP() / Gsmtap() / SimExchange(command_apdu=ask, response_apdu=answer)
    assert bytes(packet[Gsmtap]) == build_gsmtap(bytes(ask), bytes(answer))
    again = IP(bytes(packet))
    assert again[UDP].dport == 4729
    assert again[SimExchange].command_apdu["GetEuiccDataRequest"].tagList == "5a"
    assert again[SimExchange].response_apdu["GetEuiccDataResponse"].eidValue == EID
    assert bytes(again) == bytes(packet)
    assert again.summary().endswith("GetEuiccDataRequest -> ApduResponse / GetEuiccDataResponse")


def test_other_subtypes_stay_bytes() -> None:
    packet = Gsmtap(bytes(Gsmtap(sub_type="ATR") / bytes.fromhex("3b9f")))
    assert packet.payload.__class__ is Raw
    assert packet.mysummary()[0] == "GSMTAP ATR"


def test_a_longer_header_is_kept() -> None:
    packet = Gsmtap(more=b"\1\2\3\4\5", signal=-7)
    raw = bytes(packet)
    assert raw[1] == 6
    assert Gsmtap(raw).more == b"\1\2\3\4\5\0\0\0"
    assert Gsmtap(raw).signal == -7


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("02", "a header of 0 bytes"),
        ("0204040000000000000000000000", "a header of 16 bytes in a packet of 14"),
        ("03040400000000000000000000000000", "version 3, only 2 is read"),
    ],
)
def test_broken_headers_are_kept_and_told(raw: str, told: str) -> None:
    packet = Gsmtap(bytes.fromhex(raw))
    assert bytes(packet).hex() == raw
    assert told in packet.show(dump=True)


def test_what_cannot_be_built_is_told() -> None:
    for packet in (Gsmtap(arfcn=70_000), Gsmtap(more=bytes(2000))):
        with pytest.raises(LayerError):
            bytes(packet)


@given(st.binary(min_size=1, max_size=120))
def test_any_bytes_are_dissected_and_kept(data: bytes) -> None:
    for raw in (data, bytes(Gsmtap()) + data):
        packet = Gsmtap(raw)
        assert bytes(packet) == raw
        packet.show(dump=True)
        assert packet.summary()


def test_scapys_own_fuzzing_keeps_to_the_one_error() -> None:
    for _ in range(50):
        try:
            bytes(fuzz(Gsmtap()))
        except LayerError:
            continue
