"""Short ways from bytes of an exchange to the messages that are read from it."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

from capture_bodies import EID, body, tlv
from capture_coap import Manner, coap
from capture_files import pcap
from capture_http import Ask, asks, http1
from capture_wire import EIM, IPA, Disorder, Wire

from dissectors.spec.functions import FUNCTIONS, Function
from dissectors.trace.message import Message
from dissectors.trace.read import Options, Trace, read_trace
from dissectors.trace.recognise import Body, Media, recognise

ASN1_PATH = "/gsma/rsp2/asn1"
POLL = body("esipa-packages/001")
PACKAGE = body("esipa-packages/006")
NOTHING = body("esipa-packages/028")
RESULT = body("esipa-packages/033")


def read_wire(wire: Wire, *changes: Disorder, **options: Any) -> Trace:
    """Read what a wire collected."""
    import random

    frames = wire.frames
    for change in changes:
        frames = change(frames, random.Random(1))
    return read_trace(io.BytesIO(pcap(frames, wire.linktype)), Options(**options))


def over_http(*exchanges: Ask, server: tuple[str, int] = EIM, **options: Any) -> Trace:
    """Read exchanges of one HTTP connection."""
    wire = Wire()
    talk = wire.connect(IPA, server)
    http1(wire, talk.data, exchanges)
    talk.close()
    return read_wire(wire, **options)


def over_coap(*exchanges: Ask, port: int = 5683, **manner: Any) -> Trace:
    """Read exchanges of one CoAP flow."""
    wire = Wire()
    coap(wire, exchanges, Manner(**manner), ("10.0.0.2", 40000), ("10.0.0.5", port))
    return read_wire(wire)


def said(*segments: tuple[int, bytes], port: int = 80) -> Trace:
    """Read one TCP connection given by its bytes."""
    wire = Wire()
    talk = wire.connect(IPA, ("10.0.0.5", port))
    for side, data in segments:
        talk.data(side, data)
    talk.close()
    return read_wire(wire)


def poll(**more: Any) -> Ask:
    """Return one exchange of the polling loop."""
    return Ask("GetEimPackage", POLL, PACKAGE, **more)


def codes(message: Message) -> list[str]:
    return [problem.code for problem in message.problems]


def noted(trace: Trace) -> list[str]:
    return [finding.code for finding, _ in trace.notes]


def function(interface: str, name: str) -> Function:
    return next(f for f in FUNCTIONS if (f.interface, f.name) == (interface, name))


__all__ = [
    "ASN1_PATH",
    "EID",
    "NOTHING",
    "PACKAGE",
    "POLL",
    "RESULT",
    "Ask",
    "Body",
    "Callable",
    "Media",
    "Sequence",
    "asks",
    "body",
    "codes",
    "function",
    "noted",
    "over_coap",
    "over_http",
    "poll",
    "read_wire",
    "recognise",
    "said",
    "tlv",
]
