"""HTTP exchanges for captures: both bindings, HTTP/1.1 by hand and HTTP/2 by h2."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
from capture_bodies import body
from capture_wire import Wire

ASN1 = "/gsma/rsp2/asn1"
MEDIA, JSON = "application/x-gsma-rsp-asn1", "application/json;charset=UTF-8"
ADMIN = "gsma/rsp/v2.1.0"
Send = Callable[[int, bytes], None]


@dataclass
class Ask:
    """One exchange as HTTP carries it."""

    function: str
    request: bytes
    answer: bytes = b""
    interface: str = "ESipa"
    path: str = ASN1
    media: str = MEDIA
    answer_media: str = ""
    status: int = 0
    method: str = "POST"
    host: str = "eim.example.com"
    chunked: bool = False
    gzipped: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    admin: str = ADMIN
    answered_by: str = ""  # the interface that the answer tells, where the request does not

    @property
    def code(self) -> int:
        return self.status or (200 if self.answer else 204)


NAMES = {
    "BF39": "InitiateAuthentication",
    "BF3B": "AuthenticateClient",
    "BF40": "AuthenticateClient",
    "BF3A": "GetBoundProfilePackage",
    "BF3D": "HandleNotification",
    "BF41": "CancelSession",
    "BF4F": "GetEimPackage",
    "BF50": "ProvideEimPackageResult",
    "BF4E": "TransferEimPackage",
}


def asks(pairs: Sequence[tuple[str, str]], **more: object) -> list[Ask]:
    """Return exchanges of golden messages; the function is named by the first tag."""
    out = []
    for question, answer in pairs:
        octets = body(question)
        function = NAMES[octets[:2].hex().upper()]
        out.append(Ask(function, octets, body(answer), **more))  # type: ignore[arg-type]
    return out


def json_asks(
    rows: Sequence[tuple[str, bytes, bytes]], prefix: str, interface: str, **more: object
) -> list[Ask]:
    """Return exchanges of a JSON binding."""
    return [
        Ask(_upper(name), question, answer, interface, prefix + name, JSON, **more)  # type: ignore
        for name, question, answer in rows
    ]


def _upper(name: str) -> str:
    return name[0].upper() + name[1:]


def request_bytes(ask: Ask) -> bytes:
    head = {"Host": ask.host, "User-Agent": "gsma-rsp-ipad"}
    if ask.admin:
        head["X-Admin-Protocol"] = ask.admin
    if ask.media:
        head["Content-Type"] = ask.media
    return _whole(f"{ask.method} {ask.path} HTTP/1.1", head | ask.headers, ask.request, ask)


def answer_bytes(ask: Ask) -> bytes:
    reasons = {200: "OK", 204: "No Content", 400: "Bad Request", 404: "Not Found",
               415: "Unsupported Media Type", 500: "Internal Server Error",
               501: "Not Implemented", 503: "Service Unavailable"}  # fmt: skip
    head = {}
    if ask.admin:
        head["X-Admin-Protocol"] = ask.admin
    if ask.answer:
        head["Content-Type"] = ask.answer_media or ask.media
    line = f"HTTP/1.1 {ask.code} {reasons[ask.code]}"
    if ask.code == 204:
        return _lines(line, head)
    return _whole(line, head, ask.answer, ask)


def _lines(line: str, head: dict[str, str]) -> bytes:
    rows = [line, *(f"{name}: {value}" for name, value in head.items()), "", ""]
    return "\r\n".join(rows).encode()


def _whole(line: str, head: dict[str, str], octets: bytes, ask: Ask) -> bytes:
    if ask.gzipped and octets:
        octets = gzip.compress(octets, mtime=0)
        head = head | {"Content-Encoding": "gzip"}
    if not ask.chunked:
        return _lines(line, head | {"Content-Length": str(len(octets))}) + octets
    sizes = [octets[at : at + 100] for at in range(0, len(octets), 100)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in sizes)
    return _lines(line, head | {"Transfer-Encoding": "chunked"}) + chunks + b"0\r\n\r\n"


def http1(wire: Wire, send: Send, exchanges: Sequence[Ask], pipelined: bool = False) -> None:
    """Speak exchanges over HTTP/1.1; `send` puts bytes of a side on the connection."""
    if pipelined:
        for ask in exchanges:
            wire.say("request", ask.interface, ask.function, ask.request)
        send(0, b"".join(request_bytes(ask) for ask in exchanges))
        for ask in exchanges:
            wire.say("response", ask.answered_by or ask.interface, ask.function, ask.answer)
            send(1, answer_bytes(ask))
        return
    for ask in exchanges:
        wire.say("request", ask.interface, ask.function, ask.request)
        send(0, request_bytes(ask))
        wire.say("response", ask.answered_by or ask.interface, ask.function, ask.answer)
        send(1, answer_bytes(ask))


class Http2:
    """An h2 client and server, and the bytes between them."""

    def __init__(self, send: Send) -> None:
        config = h2.config.H2Configuration
        self.client = h2.connection.H2Connection(config(client_side=True, header_encoding="utf-8"))
        self.server = h2.connection.H2Connection(config(client_side=False, header_encoding="utf-8"))
        self.send = send
        self.client.initiate_connection()
        self.server.initiate_connection()
        self.flush()

    def flush(self) -> None:
        while True:
            out, back = self.client.data_to_send(), self.server.data_to_send()
            if out:
                self.send(0, out)
                self._take(self.server, out)
            if back:
                self.send(1, back)
                self._take(self.client, back)
            if not out and not back:
                return

    @staticmethod
    def _take(end: h2.connection.H2Connection, data: bytes) -> None:
        for event in end.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                end.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def ask(self, ask: Ask) -> int:
        stream = self.client.get_next_available_stream_id()
        head = [(":method", ask.method), (":path", ask.path), (":scheme", "https"),
                (":authority", ask.host), ("user-agent", "gsma-rsp-ipad"),
                ("x-admin-protocol", ask.admin), ("content-type", ask.media)]  # fmt: skip
        self.client.send_headers(stream, head)
        self._body(self.client, stream, ask.request)
        return stream

    def answer(self, stream: int, ask: Ask) -> None:
        head = [(":status", str(ask.code)), ("x-admin-protocol", ask.admin)]
        if ask.answer:
            head.append(("content-type", ask.answer_media or ask.media))
        self.server.send_headers(stream, head, end_stream=not ask.answer)
        if ask.answer:
            self._body(self.server, stream, ask.answer)

    def _body(self, end: h2.connection.H2Connection, stream: int, octets: bytes) -> None:
        at = 0
        while at < len(octets):
            room = min(end.local_flow_control_window(stream), end.max_outbound_frame_size, 4000)
            if room <= 0:
                self.flush()
                continue
            end.send_data(stream, octets[at : at + room], end_stream=at + room >= len(octets))
            at += room


def http2(wire: Wire, send: Send, exchanges: Sequence[Ask], at_once: bool = False) -> None:
    """Speak exchanges over HTTP/2; `at_once` opens all streams before the first answer."""
    pair = Http2(send)
    streams = []
    for ask in exchanges:
        wire.say("request", ask.interface, ask.function, ask.request)
        streams.append((pair.ask(ask), ask))
        if not at_once:
            pair.flush()
            stream, _ = streams.pop()
            wire.say("response", ask.answered_by or ask.interface, ask.function, ask.answer)
            pair.answer(stream, ask)
            pair.flush()
    pair.flush()
    # the last question is answered first
    for stream, ask in reversed(streams):
        wire.say("response", ask.answered_by or ask.interface, ask.function, ask.answer)
        pair.answer(stream, ask)
        pair.flush()
