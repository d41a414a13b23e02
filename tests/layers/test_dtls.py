from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_rows import datagrams
from scapy.layers.inet import IP, UDP
from scapy.packet import fuzz

from dissectors.layers.base import LayerError
from dissectors.layers.dtls import DtlsAlert, DtlsContent, DtlsHandshake, DtlsRecord
from dissectors.link.tls_handshake import Message

ALERT = bytes.fromhex("15fefd000000000000000700020230")


def chain(packet: DtlsRecord) -> list[DtlsRecord]:
    return [one for one in packet.iterpayloads() if isinstance(one, DtlsRecord)]


def test_captured_datagrams_come_back() -> None:
    seen: set[str] = set()
    for raw in datagrams("dtls-", 5684):
        packet = DtlsRecord(raw)
        assert bytes(packet) == bytes(packet.copy()) == raw
        for record in chain(packet):
            assert record.problems == ()
            assert record.length == len(b"".join(bytes(one) for one in record.content))
            seen |= {one.__class__.__name__ for one in record.content}
            for one in record.content:
                if isinstance(one, DtlsHandshake):
                    seen.add(one.sprintf("%DtlsHandshake.msg_type%"))
    assert {"DtlsHandshake", "DtlsContent", "client_hello", "server_hello"} <= seen


def test_captured_records_are_built_again() -> None:
    for raw in datagrams("dtls-aes128-ccm8", 5684):
        for record in chain(DtlsRecord(raw)):
            made = DtlsRecord(
                type=record.type, version=record.version, epoch=record.epoch, cid=record.cid,
                sequence=record.sequence, content=[built(one) for one in record.content],
            )  # fmt: skip
            assert raw.find(bytes(made)) >= 0


def built(one: DtlsHandshake | DtlsContent) -> DtlsHandshake | DtlsContent:
    if isinstance(one, DtlsHandshake):
        return DtlsHandshake(
            msg_type=one.msg_type, length=one.length, message_seq=one.message_seq,
            fragment_offset=one.fragment_offset, body=one.body,
        )  # fmt: skip
    return DtlsContent(load=one.load)


def test_records_with_a_connection_id() -> None:
    sizes = set()
    for raw in datagrams("dtls-cid-ccm8", 5684):
        for record in chain(DtlsRecord(raw)):
            if record.type == 25:
                sizes.add(len(record.cid))
                assert record.problems == ()
    assert sizes
    assert 0 not in sizes


def test_a_connection_id_that_looks_like_a_length() -> None:
    # read as a length, the ID itself fits the datagram
    made = DtlsRecord(type=25, epoch=1, cid=b"\0\x0c", content=[DtlsContent(load=bytes(10))])
    assert DtlsRecord(bytes(made)).cid == b"\0\x0c"


def test_an_alert() -> None:
    packet = DtlsRecord(ALERT)
    assert isinstance(packet.content[0], DtlsAlert)
    assert packet.content[0].summary() == "unknown_ca (fatal)"
    alert = DtlsAlert(level="fatal", description=48)
    assert bytes(DtlsRecord(type="alert", sequence=7, content=[alert])) == ALERT
    assert bytes(eval(packet.command())) == ALERT


def test_two_records_over_udp() -> None:
    hello = DtlsHandshake(msg_type=Message.CLIENT_HELLO, body=b"abc")
    packet = IP() / UDP() / DtlsRecord(content=[hello]) / DtlsRecord(ALERT)
    again = IP(bytes(packet))
    assert again[UDP].dport == 5684
    assert [record.type for record in chain(again[DtlsRecord])] == [22, 21]
    again[DtlsRecord].content[0].body = b"abcd"
    again[DtlsRecord].content[0].length = 4
    again[DtlsRecord].length = None
    assert bytes(again[DtlsRecord])[25:29] == b"abcd"


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("16fefd", "a header has 13"),
        ("16fefd0000000000000001000501", "5 bytes announced, 1 there"),
        ("16fefd0000000000000001000501020304ff", "no handshake header"),
        ("19fefd000000000000000100" + "55" * 30, "no length of a connection ID"),
    ],
)
def test_broken_records_are_kept_and_told(raw: str, told: str) -> None:
    packet = DtlsRecord(bytes.fromhex(raw))
    assert bytes(packet).hex() == raw
    assert told in packet.show(dump=True)


def test_a_datagram_of_nothing_but_headers_is_no_tower() -> None:
    raw = bytes.fromhex("17fefd0001000000000001" + "0000") * 5000
    packet = DtlsRecord(raw)
    assert len(chain(packet)) == 64
    assert bytes(packet) == raw
    assert packet.show(dump=True)


def test_what_cannot_be_built_is_told() -> None:
    for packet in (DtlsRecord(sequence=1 << 48), DtlsRecord(length=70_000), DtlsRecord(type=300),
                   DtlsHandshake(length=1 << 24), DtlsRecord(content=[3])):  # fmt: skip
        with pytest.raises(LayerError):
            bytes(packet)


@given(
    st.binary(min_size=1, max_size=200), st.sampled_from([b"", b"\x16\xfe\xfd", b"\x19\xfe\xfd"])
)
def test_any_bytes_are_dissected_and_kept(data: bytes, start: bytes) -> None:
    packet = DtlsRecord(start + data)
    assert bytes(packet) == start + data
    packet.show(dump=True)
    assert bytes(DtlsHandshake(data)) == data


def test_scapys_own_fuzzing_keeps_to_the_one_error() -> None:
    for _ in range(50):
        for made in (DtlsRecord, DtlsHandshake):
            try:
                bytes(fuzz(made()))
            except LayerError:
                continue
