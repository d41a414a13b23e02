"""The IP and TCP or UDP header below a message: that of the frame that completed it."""

from __future__ import annotations

from collections import deque
from typing import Any

from scapy.config import conf
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.packet import Packet

from dissectors.link.container import Batch
from dissectors.trace.message import Message

# octets of frames that are kept, for messages that are complete later than their frames
_KEPT = 8 << 20
# a header with all its options is not as long
_HEAD = 512
# what the length fields of IP and UDP hold, less headers
_LONGEST = 65_000
# Scapy asks isinstance, which takes a tuple as well
_STOP: Any = (TCP, UDP)


class FrameStore:
    """The last frames of a capture, by number."""

    def __init__(self) -> None:
        self._batches: deque[tuple[int, Batch]] = deque()
        self._octets = 0
        self._count = 0

    def add(self, batch: Batch) -> None:
        """Keep the next frames, and forget the oldest."""
        self._batches.append((self._count + 1, batch))
        self._count += len(batch.records)
        self._octets += len(batch.buffer)
        while self._octets > _KEPT and len(self._batches) > 1:
            self._octets -= len(self._batches.popleft()[1].buffer)

    def find(self, number: int) -> tuple[int, bytes] | None:
        """Return link type and first octets of a frame, or None where it is forgotten."""
        for first, batch in reversed(self._batches):
            if number >= first:
                if number - first >= len(batch.records):
                    return None
                _, start, captured, _ = batch.records[number - first]
                return batch.linktype, batch.buffer[start : start + min(captured, _HEAD)]
        return None


def with_header(message: Message, payload: Packet, frame: tuple[int, bytes] | None) -> Packet:
    """Return a message with the header of its frame, or with one made of its addresses."""
    found = _of_frame(message, *frame) if frame is not None else None
    head, transport = found or _made(message) or (payload, None)
    if transport is not None:
        _fit(head, transport, len(message.octets))
        transport.add_payload(payload)
    head.time = message.time
    return head


def _of_frame(message: Message, linktype: int, octets: bytes) -> tuple[Packet, Packet] | None:
    """Return the headers of a frame, where they are those of the message's sender."""
    link = conf.l2types.num2layer.get(linktype)
    if link is None:
        return None
    try:
        whole = link(octets, stop_dissection_after=_STOP)
    except Exception:  # Scapy raises whatever a damaged header leads to; addresses serve as well
        return None
    network, transport = _last(whole, (IP, IPv6)), _last(whole, (TCP, UDP))
    if network is None or transport is None:
        return None
    ends = (_end(network.src, transport.sport), _end(network.dst, transport.dport))
    if message.transport != "apdu" and ends != (message.src, message.dst):
        return None
    network.remove_underlayer(None)
    transport.remove_payload()
    return network, transport


def _last(whole: Packet, kinds: tuple[type[Packet], ...]) -> Any:
    found = [layer for layer in whole.iterpayloads() if isinstance(layer, kinds)]
    return found[-1] if found else None


def _end(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _made(message: Message) -> tuple[Packet, Packet] | None:
    """Return headers with the addresses of a message and nothing else that is known."""
    source, _, sport = message.src.rpartition(":")
    target, _, dport = message.dst.rpartition(":")
    if not (source and target and sport.isdecimal() and dport.isdecimal()):
        return None
    network = IPv6 if ":" in source else IP
    transport: Any = TCP if message.transport.startswith("http") else UDP
    head = network(src=source.strip("[]"), dst=target.strip("[]"))
    above = transport(sport=int(sport), dport=int(dport))
    head.add_payload(above)
    return head, above


def _fit(head: Any, transport: Any, size: int) -> None:
    """Leave lengths and checksums to be made anew: the payload is not the one that was captured.

    What is longer than a packet has lengths of 0, as captures of unsegmented packets have them.
    """
    long = size > _LONGEST
    for layer in head.iterpayloads():
        for name in ("len", "plen", "chksum"):
            if name in layer.fields:
                layer.delfieldval(name)
            if long and name in layer.default_fields and not isinstance(layer, IP | IPv6):
                layer.setfieldval(name, 0)
    if isinstance(head, IP):
        head.frag = 0
        head.flags = int(head.flags) & ~1  # more fragments
        if long:
            head.len = 0
    elif isinstance(head, IPv6) and long:
        head.plen = 0
    fragment = head.getlayer(IPv6ExtHdrFragment)
    if fragment is not None:
        fragment.offset = fragment.m = 0
