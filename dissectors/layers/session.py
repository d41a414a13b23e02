"""`sniff(offline=FILE, session=RspSession)`: one Scapy packet for each message of a capture.

Flows, TLS, DTLS, HTTP and CoAP are read by the same code as `sgprobe decode` uses, so that
reordered, resumed and encrypted traffic comes out whole. A packet is the IP and TCP or UDP header
of the frame that completed the message, and the message as its payload.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from scapy.config import conf
from scapy.packet import Packet
from scapy.sessions import DefaultSession

from dissectors.asn1.versions import parse_spec
from dissectors.layers.base import LayerError
from dissectors.layers.body import NoBody, OtherBody
from dissectors.layers.generate import class_of
from dissectors.layers.headers import FrameStore, with_header
from dissectors.link.capture import walk_capture
from dissectors.link.container import Batch
from dissectors.link.flows import Shard
from dissectors.link.frames import Frames
from dissectors.link.keylog import KeyLog
from dissectors.link.limits import DEFAULT_LIMITS
from dissectors.link.notes import Notes
from dissectors.trace.assembly import Assembly
from dissectors.trace.message import Message
from dissectors.trace.read import (
    Options,
    Source,
    Trace,
    add_secrets,
    is_apdu_log,
    read_messages,
)

Keys = KeyLog | str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def message_packet(message: Message) -> Packet:
    """Return the packet of one message, without headers below it."""
    packet: Any
    if message.type is not None:
        made = class_of(message.interface, message.function, message.kind, message.type)
        packet = made()
        spec = message.spec[-1] if message.spec else None
        packet.fill(message.value, message.octets, spec, message.problems)
    elif message.octets:
        packet = OtherBody()
        packet.fields["undecoded"] = message.octets
    else:
        packet = NoBody(function=message.function, kind=message.kind)
    packet.fields |= {"frames": message.frames, "message": message}
    if message.problems:
        packet.fields["problems"] = message.problems
    packet.explicit = 1
    packet.time = message.time
    return packet  # type: ignore[no-any-return]


class _Reader:
    """Takes frames and gives the packets of the messages that are complete."""

    def __init__(self, options: Options, trace: Trace) -> None:
        self._ready: list[Message] = []
        self._count = 0
        self._store = FrameStore()
        self.assembly = Assembly(
            options.keys,
            self._ready.append,
            trace.add_session,
            trace.add_note,
            options.spec,
            options.psk,
        )

    def packets(self, batch: Batch | None) -> Iterator[Packet]:
        """Return the packets that a batch of frames, already taken by the flows, completed."""
        if batch is not None:
            self._store.add(batch)
        ready, self._ready[:] = list(self._ready), []
        for message in ready:
            self._count += 1
            message.n = self._count
            frame = self._store.find(max(message.frames)) if message.frames else None
            yield with_header(message, message_packet(message), frame)


def read_packets(
    source: Source, options: Options | None = None, trace: Trace | None = None
) -> Iterator[Packet]:
    """Read a capture or a log of APDUs packet by packet; raises CaptureError.

    `trace` receives sessions, notes and the summary.
    """
    options, trace = options or Options(), trace or Trace()
    reader = _Reader(options, trace)
    if is_apdu_log(source):
        found: list[Message] = []
        trace.summary = read_messages(
            source, options, found.append, trace.add_session, trace.add_note
        )
        for number, message in enumerate(found, 1):
            message.n = number
            yield with_header(message, message_packet(message), None)
        return
    reader.assembly.scanned = add_secrets(source, options.keys, trace.add_note)
    walk = walk_capture(source, reader.assembly, progress=options.progress)
    while True:
        try:
            batch = next(walk)
        except StopIteration as end:
            trace.summary = end.value
            break
        yield from reader.packets(batch)
    yield from reader.packets(None)


class RspSession(DefaultSession):
    """The session for `sniff`: `RspSession`, or `RspSession(keylog="keys.log")`.

    Without `keylog` the file that `conf.tls_nss_filename` names is taken. `trace` has TLS
    sessions and what belongs to no message.
    """

    def __init__(
        self,
        keylog: Keys | None = None,
        psk: bytes | None = None,
        spec: str | None = None,
        supersession: Any = None,
    ) -> None:
        super().__init__(supersession)
        known = keylog if keylog is not None else getattr(conf, "tls_nss_filename", None)
        try:
            version = parse_spec(spec) if spec is not None else None
        except ValueError as error:
            raise LayerError(str(error)) from None
        self.options = Options(keys=load_keys(known), psk=psk, spec=version)
        self.trace = Trace()
        self._live: dict[int, _Live] = {}

    def recv(self, sock: Any) -> Iterator[Packet]:
        """Return the next packets: of a file all that there are, of an interface as they come."""
        path = _path_of(sock)
        if path is not None:
            yield from read_packets(path, self.options, self.trace)
            raise EOFError
        live = self._live.get(id(sock))
        if live is None:
            live = self._live[id(sock)] = _Live(sock, _Reader(self.options, self.trace))
        yield from live.packets(self.process)


def load_keys(keylog: Keys | None) -> KeyLog:
    """Return the keys of key log files; raises LayerError for one that cannot be read."""
    if isinstance(keylog, KeyLog):
        return keylog
    paths = [keylog] if isinstance(keylog, str | os.PathLike) else list(keylog or ())
    keys = KeyLog()
    for path in paths:
        try:
            keys.add_text(Path(path).read_bytes())
        except OSError as error:
            raise LayerError(f"key log {path}: {error.strerror}") from None
    return keys


def _path_of(sock: Any) -> str | None:
    """Return the file behind a reader of Scapy, or None where frames come from elsewhere."""
    name, file = getattr(sock, "filename", None), getattr(sock, "f", None)
    if getattr(sock, "subproc", None) is not None or not isinstance(name, str):
        return None  # a filter program stands before the file
    return name if getattr(file, "name", None) == name and Path(name).is_file() else None


class _Live:
    """Reads frames one by one: of an interface, of a pipe, or of packets in a list."""

    def __init__(self, sock: Any, reader: _Reader) -> None:
        self._sock = sock
        self._reader = reader
        notes = Notes(reader.assembly.note, quiet=False)
        self._frames = Frames(reader.assembly, notes, DEFAULT_LIMITS, Shard(0, 1))

    def packets(self, process: Any) -> Iterator[Packet]:
        """Return the packets that the next frame completes."""
        try:
            frame = self._sock.recv()
        except EOFError:
            self._frames.close()
            yield from self._reader.packets(None)
            raise
        frame = process(frame) if frame is not None else None
        if frame is None:
            return
        octets = frame.original or bytes(frame)
        linktype = conf.l2types.layer2num.get(frame.__class__, -1)
        record = (float(frame.time), 0, len(octets), frame.wirelen or len(octets))
        batch = Batch(octets, linktype, [record])
        self._frames.take(batch)
        yield from self._reader.packets(batch)
