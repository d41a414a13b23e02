from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_rows import datagrams
from scapy.layers.inet import IP, UDP
from scapy.packet import Packet, Raw, fuzz

from dissectors.layers import esipa
from dissectors.layers.base import LayerError
from dissectors.layers.coap import Coap, CoapAnswer, CoapBody
from dissectors.layers.es9 import Es9HandleNotificationRequestJson
from dissectors.link.coap.message import CoapMessage, decode, encode

EID = "89049032123451234512345678901235"
# RFC 7252, appendix A: figure 16 (GET coap://server/temperature), and its answer
GET = bytes.fromhex("40017d34bb") + b"temperature"
ANSWER = bytes.fromhex("60457d34ff") + b"22.3 C"


def test_dissects_and_builds_the_example_of_the_rfc() -> None:
    packet = Coap(GET)
    assert (packet.type, packet.code, packet.mid, packet.path) == (0, 1, 0x7D34, "/temperature")
    assert bytes(packet) == GET
    made = Coap(type="CON", code="0.01 GET", mid=0x7D34, options=[("Uri-Path", "temperature")])
    assert bytes(made) == GET
    assert bytes(eval(packet.command())) == GET
    answer = Coap(type="ACK", code=0x45, mid=0x7D34) / b"22.3 C"
    assert bytes(answer) == ANSWER
    assert Coap(ANSWER).payload.load == b"22.3 C"
    assert answer.answers(packet)
    assert not packet.answers(answer)


def test_captured_datagrams_come_back() -> None:
    raws = datagrams("coap-", 5683)
    for raw in raws:
        packet = Coap(raw)
        assert bytes(packet) == bytes(packet.copy()) == raw
        message, findings = decode(raw)
        assert packet.problems == findings
        assert message is not None
        assert packet.pairs == message.options
        assert bytes(packet.payload) == message.payload
    named = {Coap(raw).payload.__class__.__name__ for raw in raws}
    assert {"GetEimPackageRequest", "GetEimPackageResponse"} <= named


def test_a_message_of_esipa_brings_path_and_code() -> None:
    poll = esipa.GetEimPackageRequest(eidValue=EID)
    packet = IP() / UDP() / Coap(mid=1, token=b"ab") / poll
    again = IP(bytes(packet))
    assert again[Coap].path == "/gsma/rsp2/asn1"
    assert again[Coap].code == 2
    assert again["GetEimPackageRequest"].eidValue == EID
    assert (again[UDP].sport, again[UDP].dport) == (5683, 5683)
    answer = Coap(mid=1, token=b"ab") / esipa.GetEimPackageResponse(eimPackageError="eidNotFound")
    assert Coap(bytes(answer))["GetEimPackageResponse"].eimPackageError == "eidNotFound"
    assert answer.type == 2


def test_json_by_its_content_format() -> None:
    body = Es9HandleNotificationRequestJson(pendingNotification="3000")
    path = [("Uri-Path", part) for part in ("gsma", "rsp2", "es9plus", "handleNotification")]
    packet = Coap(code=2, options=[*path, ("Content-Format", 50)]) / bytes(body)
    assert Coap(bytes(packet)).payload.__class__ is Es9HandleNotificationRequestJson


def test_a_block_stays_bytes() -> None:
    poll = bytes(esipa.GetEimPackageRequest(eidValue=EID))
    for block, made in (((0 << 4) | 8, Raw), ((1 << 4), Raw), (0, esipa.GetEimPackageRequest)):
        packet = Coap(code=2, options=[("Uri-Path", "x"), ("Block1", block)]) / poll
        assert Coap(bytes(packet)).payload.__class__ is made


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("40", "coap-short"),
        ("80010001", "coap-version"),
        ("4901000100", "coap-token-length"),
        ("420100016a", "coap-token-cut"),
        ("40010001ff", "coap-empty-payload"),
        ("40010001b4616263", "coap-option-cut"),
        ("40010001f0", "coap-option-nibble"),
        ("40000001aa", "coap-empty-content"),
    ],
)
def test_broken_messages_are_kept_and_told(raw: str, code: str) -> None:
    packet = Coap(bytes.fromhex(raw))
    assert bytes(packet).hex() == raw
    assert code in [one.code for one in packet.problems]
    assert code in packet.show(dump=True)


def test_rules_can_be_broken_on_purpose() -> None:
    assert bytes(Coap(version=0, mid=1)).hex() == "00000001"
    assert bytes(Coap(token_length=5, token=b"ab")).hex() == "450000006162"
    packet = Coap(GET)
    packet.mid = 1
    assert bytes(packet).hex() == "40010001bb" + b"temperature".hex()
    packet.options.append((15, b"a=b"))
    assert Coap(bytes(packet)).pairs == ((11, b"temperature"), (15, b"a=b"))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"options": [("No-Option", 1)]}, "no option 'No-Option'"),
        ({"options": [1]}, "expected pairs"),
        ({"options": [(11, -1)]}, "options"),
        ({"options": [(70_000, b"")]}, "70000 is outside"),
    ],
)
def test_what_cannot_be_built_is_told(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(LayerError, match=told):
        bytes(Coap(**fields))


def test_shown_options_cannot_move_the_cursor() -> None:
    packet = Coap(code=1, options=[("Uri-Path", b"\x1b[2J\n")])
    shown = packet.show(dump=True)
    assert "\x1b[2J" not in shown
    assert "\\x1b[2J\\n" in shown


@given(st.binary(min_size=1, max_size=120))
def test_any_bytes_are_dissected_and_kept(data: bytes) -> None:
    packet = Coap(data)
    assert bytes(packet) == data
    packet.show(dump=True)
    assert packet.summary()


OPTIONS = st.lists(st.tuples(st.integers(0, 65_535), st.binary(max_size=300)), max_size=5)


@given(
    st.integers(0, 3), st.integers(1, 255), st.integers(0, 65_535), st.binary(max_size=8), OPTIONS,
    st.binary(max_size=40),
)  # fmt: skip
def test_agrees_with_the_codec(
    kind: int, code: int, mid: int, token: bytes, options: list[tuple[int, bytes]], payload: bytes
) -> None:
    packet: Packet = Coap(type=kind, code=code, mid=mid, token=token, options=options)
    packet = packet / payload if payload else packet
    ordered = tuple(sorted(options, key=lambda one: one[0]))
    message = CoapMessage(kind, code, mid, token, ordered, payload)
    try:
        assert bytes(packet) == encode(message)
    except ValueError:
        assert decode(bytes(packet))[1]  # what is wrong is emitted all the same


def test_scapys_own_fuzzing_keeps_to_the_one_error() -> None:
    for _ in range(50):
        try:
            bytes(fuzz(Coap()))
        except LayerError:
            continue


def test_the_bound_classes_are_there_for_an_empty_payload() -> None:
    assert CoapBody().__class__ is CoapBody
    assert CoapAnswer().__class__ is CoapAnswer
