"""Captures of containers, link types and TCP in disorder, and of card traffic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from capture_bodies import POLLS, SHORT, body, long_package
from capture_cards import (
    CARD,
    IOT,
    OLD,
    apdus,
    arrows,
    gsmtap,
    gsmtap_frames,
    json_lines,
    load_package,
    modem,
    pysim,
    stdio,
    two_channels,
)
from capture_coap import Manner, coap
from capture_files import gzipped, pcap, pcapng
from capture_http import Ask, asks, http1
from capture_scene import Capture, finished, scene
from capture_wire import ACK, EIM, IPA, LINKS, PSH, Wire, cut, lost, reordered, repeated

SIX = (("2001:db8::2", 49152), ("2001:db8::5", 80))


def _http(wire: Wire, exchanges: Sequence[Ask], ends: tuple = (IPA, EIM), **more: int) -> Wire:
    talk = wire.connect(*ends, **more)
    http1(wire, talk.data, exchanges)
    talk.close()
    return wire


# --- link types and IP ---


def _link(name: str) -> None:
    @scene(f"link-{name}", f"HTTP and CoAP on link type {LINKS[name][0]} ({name})")
    def make() -> Capture:
        wire = _http(Wire(link=name), asks(SHORT))
        coap(wire, asks(SHORT[:1]), Manner())
        if LINKS[name][2] or name == "raw":
            _http(wire, asks(SHORT), SIX)
        return finished(wire)


for _name in LINKS:
    _link(_name)


@scene("ip-fragments", "IPv4 and IPv6 packets in fragments, stored in disorder")
def ip_fragments() -> Capture:
    wire = Wire(mtu=380)
    long = asks(
        [("esipa-packages/035", "esipa-packages/050"), ("esipa-packages/001", "esipa-packages/016")]
    )
    _http(wire, long)
    _http(wire, long, SIX)
    coap(wire, asks([("esipa-packages/001", "esipa-packages/016")]), Manner())
    return finished(wire, reordered(0.3, 3))


@scene("ip6-extension", "IPv6 with a hop-by-hop header")
def extension() -> Capture:
    return finished(_http(Wire(extension=True), asks(SHORT), SIX))


# --- containers ---


def _container(name: str, title: str, suffix: str, make_data) -> None:  # type: ignore[no-untyped-def]
    # what gzip makes of bytes is not the same everywhere
    @scene(f"file-{name}", title, fixed=not suffix.endswith("gz"))
    def make() -> Capture:
        wire = _http(Wire(), asks(SHORT))
        return Capture(make_data(wire), wire.sent, suffix)


_container("pcap-big-endian", "pcap with the bytes of its numbers swapped", "pcap",
           lambda wire: pcap(wire.frames, 1, order=">"))  # fmt: skip
_container("pcap-nanoseconds", "pcap in nanoseconds", "pcap",
           lambda wire: pcap(wire.frames, 1, nano=True))  # fmt: skip
_container("pcap-nanoseconds-big-endian", "pcap in nanoseconds, its numbers swapped", "pcap",
           lambda wire: pcap(wire.frames, 1, order=">", nano=True))  # fmt: skip
_container("gzip", "pcap in gzip", "pcap.gz", lambda wire: gzipped(pcap(wire.frames, 1)))
_container("gzip-pcapng", "pcapng in gzip, with a comment", "pcapng.gz",
           lambda wire: gzipped(pcapng(wire.frames, [1], comment="by hand")))  # fmt: skip
_container("pcapng-big-endian", "pcapng with the bytes of its numbers swapped", "pcapng",
           lambda wire: pcapng(wire.frames, [1], order=">"))  # fmt: skip
_container("pcapng-nanoseconds", "pcapng in nanoseconds", "pcapng",
           lambda wire: pcapng(wire.frames, [1], nano=True))  # fmt: skip


@scene("file-pcapng-interfaces", "pcapng of three interfaces with different link types")
def interfaces() -> Capture:
    wire = Wire()
    for number, link in enumerate(("ethernet", "raw", "cooked")):
        wire.link, wire.interface = link, number
        client = ("10.0.0.2", 50000 + number)
        _http(wire, asks(SHORT), (client, EIM))
    linktypes = [LINKS[link][0] for link in ("ethernet", "raw", "cooked")]
    return Capture(pcapng(wire.frames, linktypes, comment="three"), wire.sent, "pcapng")


@scene("file-truncated", "a pcap that ends inside a frame: what was before it is decoded")
def truncated() -> Capture:
    wire = _http(Wire(), asks([*SHORT, *SHORT]))
    wire.sent[-1] = replace(wire.sent[-1], lost=True)
    carrying = [place for place, frame in enumerate(wire.frames) if frame.is_data]
    whole = pcap(wire.frames[: carrying[-1] + 1], 1)
    return Capture(whole[:-30], wire.sent)


@scene("file-corrupt", "a pcapng with a damaged block in its middle; the rest is decoded")
def corrupt() -> Capture:
    wire = _http(Wire(), asks(SHORT))
    half = len(wire.frames)
    _http(wire, asks(SHORT), (("10.0.0.2", 50001), EIM))
    head = pcapng(wire.frames[:half], [1])
    whole = pcapng(wire.frames, [1])
    # a block whose two lengths differ
    return Capture(head + b"\x06\0\0\0\x20\0\0\0" + bytes(20) + b"\x24\0\0\0" + whole[len(head):],
                   wire.sent, "pcapng")  # fmt: skip


# --- TCP ---


@scene("tcp-small-segments", "segments of 17 bytes")
def small() -> Capture:
    return finished(_http(Wire(), asks(SHORT), mss=17, acks=0))


@scene("tcp-reordered", "one segment in five is stored later")
def in_disorder() -> Capture:
    wire = Wire()
    for number in range(4):
        _http(wire, asks(POLLS["1.2"][:3]), (("10.0.0.2", 50000 + number), EIM), mss=200)
    return finished(wire, reordered(0.2, 5))


@scene("tcp-retransmitted", "one segment in four comes again")
def again() -> Capture:
    wire = Wire()
    for number in range(4):
        _http(wire, asks(POLLS["1.2"][:3]), (("10.0.0.2", 50000 + number), EIM), mss=200)
    return finished(wire, repeated(0.25, 8), reordered(0.1, 3))


@scene("tcp-wrapped", "sequence numbers that pass 2^32")
def wrapped_numbers() -> Capture:
    return finished(_http(Wire(), asks(SHORT), isn=0xFFFFFF80, mss=100), reordered(0.1, 2))


@scene("tcp-overlapping", "segments that overlap what came before")
def overlapping() -> Capture:
    wire = Wire()
    talk = wire.connect(IPA, EIM)

    def send(side: int, data: bytes) -> None:
        start = talk.next[side]
        for at in range(0, len(data), 90):
            before = max(at - 40, 0)
            talk.segment(side, PSH | ACK, data[before : at + 90], seq=start + before)
        talk.next[side] = (start + len(data)) & 0xFFFFFFFF
        talk.segment(1 - side, ACK)

    http1(wire, send, asks(POLLS["1.2"][:3]))
    talk.close()
    return finished(wire)


@scene("tcp-gap", "a segment inside an answer was not captured; what follows is decoded")
def gap() -> Capture:
    wire = Wire()
    exchanges = asks(SHORT)
    exchanges.insert(1, Ask("GetBoundProfilePackage", body("esipa-download/035"), long_package(3)))
    _http(wire, exchanges)
    wire.sent[3] = replace(wire.sent[3], lost=True)
    return finished(wire, lost(4))


@scene("tcp-cut", "only the first 200 bytes of each frame were captured")
def snaplen() -> Capture:
    wire = _http(Wire(), asks([("esipa-packages/001", "esipa-packages/028")] * 2))
    _http(wire, asks(SHORT), (("10.0.0.2", 50001), EIM))
    wire.sent = [replace(one, lost=True) for one in wire.sent]
    return finished(wire, cut(200))


@scene("tcp-reused-ports", "a second connection between the same ports")
def reused() -> Capture:
    wire = _http(Wire(), asks(SHORT))
    wire.now += 5 * 10**9
    _http(wire, asks(SHORT), isn=0x70000000)
    return finished(wire)


# --- cards ---


def _card(name: str, title: str, rows: list, channel: int, block: int) -> None:  # type: ignore[type-arg]
    @scene(f"card-{name}", title)
    def make() -> Capture:
        wire = Wire(link="raw")
        gsmtap(wire, apdus(wire, rows, channel, block))
        return finished(wire)


_card("gsmtap", "ES10a, ES10b and ES10c as a SIM tracer sends them", CARD, 1, 255)
_card("iot", "ES10b of SGP.32 1.2, blocks of 120 bytes, logical channel 5", IOT, 5, 120)
_card("1.0.1", "functions that SGP.32 1.0.1 encodes otherwise", OLD, 0, 255)


@scene("card-linktype", "GSMTAP as a link type")
def card_linktype() -> Capture:
    wire = Wire()
    gsmtap_frames(wire, apdus(wire, CARD[:4]))
    return Capture(pcap(wire.frames, 217), wire.sent)


@scene("card-package", "a bound profile package in its segments, the result at the last one")
def card_package() -> Capture:
    wire = Wire(link="raw")
    gsmtap(wire, load_package(wire))
    return finished(wire)


@scene("card-channels", "two applications take turns on two logical channels")
def card_channels() -> Capture:
    wire = Wire(link="raw")
    gsmtap(wire, two_channels(wire, CARD[1:4], CARD[9:12]))
    return finished(wire)


def _log(name: str, title: str, write) -> None:  # type: ignore[no-untyped-def]
    @scene(f"log-{name}", title)
    def make() -> Capture:
        wire = Wire()
        text = write(apdus(wire, [*CARD[:5], *IOT[2:4]]))
        return Capture(text.encode(), wire.sent, "log")


_log("pysim", "an APDU trace in the form of pySim", pysim)
_log("arrows", "an APDU trace with arrows, blanks and times", arrows)
_log("modem", "AT+CSIM of a modem", modem)
_log("json-lines", "JSON lines of commands and responses", json_lines)
_log("stdio", "the JSON lines of lpac's stdio driver", stdio)


# --- all at once ---


@scene("mixed", "two IPAs, cards and CoAP in one capture, in turn")
def mixed() -> Capture:
    wire = Wire()
    one = wire.connect(("10.0.0.2", 50001), EIM)
    two = wire.connect(("10.0.0.3", 50002), EIM)
    for number in range(3):
        for talk in (one, two):
            http1(wire, talk.data, asks(POLLS["1.2"][number : number + 1]))
        coap(wire, asks(POLLS["1.2"][number : number + 1]), Manner(seed=number),
             ("10.0.0.4", 40000 + number))  # fmt: skip
    one.close()
    two.close()
    gsmtap(wire, apdus(wire, CARD[:3]))
    return finished(wire)
