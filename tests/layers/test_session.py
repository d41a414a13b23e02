"""The Scapy path gives the messages of the bulk path, on every capture."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from layer_rows import VECTORS
from layer_traffic import EID, MADE, write
from scapy.config import conf
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet
from scapy.sendrecv import sniff
from scapy.utils import rdpcap

from dissectors.layers.base import LayerError
from dissectors.layers.body import NoBody, OtherBody
from dissectors.layers.session import RspSession, load_keys, message_packet, read_packets
from dissectors.link.capture import CaptureError
from dissectors.trace.message import Message
from dissectors.trace.read import Options, Trace, read_trace

CAPTURES = VECTORS / "captures"
INDEX = CAPTURES / "index.json"
ROWS = json.loads(INDEX.read_text(encoding="utf-8")) if INDEX.is_file() else []


def keys_of(row: dict[str, Any]) -> dict[str, Any]:
    psk = row.get("psk")
    return {
        "keylog": CAPTURES / row["keylog"] if "keylog" in row else None,
        "psk": bytes.fromhex(psk) if psk else None,
    }


def bulk(path: Path, keylog: Path | None = None, psk: bytes | None = None) -> Trace:
    return read_trace(path, Options(keys=load_keys(keylog), psk=psk))


def check(packets: list[Packet], messages: list[Message]) -> None:
    """Hold packets to messages: the same, in the same order, named, with their bytes."""
    assert [packet.message.as_dict() for packet in packets] == [one.as_dict() for one in messages]
    for packet, message in zip(packets, messages, strict=True):
        assert packet.frames == message.frames
        assert packet.problems == message.problems
        assert float(packet.time) == message.time
        layer = packet.lastlayer()
        assert bytes(layer) == message.octets
        if message.type is None:
            assert isinstance(layer, OtherBody if message.octets else NoBody)
        else:
            made = layer.__class__.__name__
            assert made == message.type or made.endswith("Json")
            if layer.undecoded:
                assert layer.undecoded == message.octets
                assert message.malformed
            else:
                assert layer.value() == message.value
        check_header(packet, message)
        shown = packet.show(dump=True)
        assert all(problem.code in shown for problem in message.problems)
        bytes(packet)


def check_header(packet: Packet, message: Message) -> None:
    if message.transport == "apdu":
        return
    network = packet[IPv6] if IPv6 in packet else packet[IP]
    ports = packet[TCP] if message.transport.startswith("http") else packet[UDP]
    host = f"[{network.src}]" if IPv6 in packet else network.src
    assert f"{host}:{ports.sport}" == message.src
    assert network is packet


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_stored_captures(row: dict[str, Any]) -> None:
    path = CAPTURES / row["file"]
    messages = bulk(path, **keys_of(row)).messages
    options = Options(keys=load_keys(keys_of(row)["keylog"]), psk=keys_of(row)["psk"])
    check(list(read_packets(path, options)), messages)
    if path.suffix != ".log":  # Scapy opens captures alone
        check(list(sniff(offline=str(path), session=RspSession(**keys_of(row)))), messages)


@pytest.mark.parametrize("name", MADE)
def test_captures_made_by_the_layers(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "made.pcap", name)
    messages = bulk(path).messages
    assert len(messages) >= 2
    assert not any(message.malformed for message in messages)
    check(list(sniff(offline=str(path), session=RspSession)), messages)


def test_the_named_message_is_the_payload(tmp_path: Path) -> None:
    path = write(tmp_path / "made.pcap", "http-disorder")
    packets = sniff(offline=str(path), session=RspSession)
    poll = packets[0]
    assert poll.summary() == "IP / TCP 10.0.0.2:40001 > 10.0.0.5:http PA / GetEimPackageRequest"
    assert poll.payload.payload.eidValue == poll.eidValue == EID
    assert poll["GetEimPackageRequest"].frames == poll.frames == poll.message.frames
    again = IP(bytes(poll))
    assert (again.src, again.dport, again.chksum) == ("10.0.0.2", 80, again.chksum)
    assert bytes(again[TCP].payload) == bytes(poll.lastlayer())


def test_the_header_is_that_of_the_completing_frame(tmp_path: Path) -> None:
    path = write(tmp_path / "made.pcap", "http-small")
    frames = rdpcap(str(path))
    for packet in sniff(offline=str(path), session=RspSession):
        frame = frames[max(packet.frames) - 1]
        assert packet[TCP].seq == frame[TCP].seq
        assert packet[IP].id == frame[IP].id
        assert packet.time == pytest.approx(float(frame.time))


def test_from_packets_streams_and_pipes(tmp_path: Path) -> None:
    path = write(tmp_path / "made.pcap", "http")
    wanted = [message.octets for message in bulk(path).messages]
    told = [one.message.octets for one in sniff(offline=rdpcap(str(path)), session=RspSession)]
    assert told == wanted
    packets = sniff(offline=io.BytesIO(path.read_bytes()), session=RspSession)
    assert [one.message.octets for one in packets] == wanted
    assert [one.message.n for one in packets] == list(range(1, len(wanted) + 1))


@pytest.mark.parametrize(
    "path",
    [*CAPTURES.glob("coap-*.pcap"), *CAPTURES.glob("tcp-*.pcap")],
    ids=lambda path: path.stem,
)
def test_frame_by_frame(path: Path) -> None:
    """What is still open when the frames are over comes out at the end."""
    told = sniff(offline=rdpcap(str(path)), session=RspSession)
    messages = bulk(path).messages
    assert [one.message.octets for one in told] == [one.octets for one in messages]
    assert [one.problems for one in told] == [one.problems for one in messages]


def test_stops_when_it_is_told_to(tmp_path: Path) -> None:
    path = write(tmp_path / "made.pcap", "http")
    assert len(sniff(offline=str(path), session=RspSession, count=3)) == 3
    seen: list[Packet] = []
    sniff(offline=str(path), session=RspSession, prn=lambda one: seen.append(one), store=False,
          lfilter=lambda one: one.message.kind == "response")  # fmt: skip
    assert {one.message.kind for one in seen} == {"response"}


def test_several_files_and_the_trace(tmp_path: Path) -> None:
    paths = [str(write(tmp_path / f"{name}.pcap", name)) for name in ("http", "coap")]
    session = RspSession()
    packets = sniff(offline=paths, session=session)
    assert len(packets) == sum(len(bulk(Path(path)).messages) for path in paths)
    assert session.trace.summary is not None


def test_messages_longer_than_a_packet_can_be_built() -> None:
    message = Message((1,), 1.0, "10.0.0.1:5", "10.0.0.2:80", "http", "ESipa", "unknown", "request",
                      None, (), None, None, bytes(70_000))  # fmt: skip
    for host in ("10.0.0.1", "[2001:db8::1]"):
        message.src, message.dst = f"{host}:5", f"{host}:80"
        for transport in ("http", "coap"):
            message.transport = transport
            from dissectors.layers.headers import with_header

            packet = with_header(message, message_packet(message), None)
            assert bytes(packet).endswith(bytes(70_000))


def test_keys_come_from_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "keys.log"
    log.write_text(f"CLIENT_RANDOM {'00' * 32} {'11' * 48}\n")
    assert len(RspSession(keylog=log).options.keys) == 1
    assert len(RspSession(keylog=[str(log)]).options.keys) == 1
    monkeypatch.setattr(conf, "tls_nss_filename", str(log))
    assert len(RspSession().options.keys) == 1


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match="key log .*No such file"):
        RspSession(keylog=tmp_path / "none")
    with pytest.raises(LayerError, match="no such spec version"):
        RspSession(spec="SGP.99@1")
    with pytest.raises(CaptureError):
        list(read_packets(tmp_path / "none"))
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(os.urandom(100))
    with pytest.raises(CaptureError):
        list(read_packets(broken))


def test_a_version_can_be_fixed(tmp_path: Path) -> None:
    path = write(tmp_path / "made.pcap", "http")
    packets = sniff(offline=str(path), session=RspSession(spec="SGP.32@1.2"))
    assert {spec for one in packets for spec in one.message.spec} <= {"SGP.32@1.2"}


def test_frames_of_no_message_cost_no_packet(tmp_path: Path) -> None:
    from scapy.layers.inet import ICMP
    from scapy.utils import wrpcap

    path = tmp_path / "other.pcap"
    wrpcap(str(path), [IP() / ICMP(), IP() / UDP(sport=53, dport=53) / b"abc", IP() / TCP()])
    assert len(sniff(offline=str(path), session=RspSession)) == 0
