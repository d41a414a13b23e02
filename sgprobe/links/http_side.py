"""HTTP without sockets: both sides of HTTP/1.1 on h11, and the server side of HTTP/2 on h2."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Protocol

import h11

from sgprobe.exchange import Request, Response

# a request or answer that is larger is refused: a bound package is a few hundred kilobytes
MAX_BODY = 16 << 20


@dataclass(frozen=True, slots=True)
class PacedRequest(Request):
    """A request whose body goes out octet by octet, with so many seconds before each."""

    pace: float = 0.0


class ServerSide(Protocol):
    """The HTTP state of one server connection."""

    broken: bool  # what came was no HTTP
    finished: bool  # the client wants nothing more

    @property
    def busy(self) -> bool:
        """Say whether answers are still to be sent."""

    def receive(self, data: bytes) -> list[tuple[Any, Request]]:
        """Take bytes; return whole requests with the handle to answer them by."""

    def next(self) -> list[tuple[Any, Request]]:
        """Return requests that had to wait for the last answer."""

    def answer(self, stream: Any, response: Response, cut: int | None = None) -> bytes:
        """Return the bytes of an answer; with `cut`, only so much of its body."""

    def outgoing(self) -> bytes:
        """Return bytes that the protocol itself wants to send."""


def make_server_side(alpn: bytes, first: bytes) -> ServerSide:
    """Return the state for what was agreed on, or for what the first bytes are."""
    if alpn == b"h2" or first.startswith(b"PRI * HTTP/2.0"):
        from sgprobe.links.http2_side import Http2ServerSide

        return Http2ServerSide()
    return HttpServerSide()


class HttpServerSide:
    """HTTP/1.1, one request at a time."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=64 * 1024)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._own = b""
        self.broken = False
        self.finished = False

    @property
    def busy(self) -> bool:
        """Say that nothing waits: an answer goes out whole."""
        return False

    def receive(self, data: bytes) -> list[tuple[Any, Request]]:
        """Take bytes; return at most one request: the next waits for its answer."""
        if self.broken:
            return []
        try:
            self._http.receive_data(data)
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint or 400)
            return []
        return self.next()

    def next(self) -> list[tuple[Any, Request]]:
        """Return the request that waited for the last answer, if there is one."""
        if self.broken:
            return []
        try:
            return self._events()
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint or 400)
            return []

    def _events(self) -> list[tuple[Any, Request]]:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._head = event
                self._body.clear()
                if self._http.they_are_waiting_for_100_continue:
                    # RFC 9110 §10.1.1
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    self._own += self._http.send(go_on) or b""
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > MAX_BODY:
                    self._refuse(413)
                    return []
            elif isinstance(event, h11.EndOfMessage):
                assert self._head is not None
                body = bytes(self._body)
                self._body.clear()
                return [(None, _request(self._head, body))]
            else:
                # NEED_DATA, PAUSED or ConnectionClosed
                self.finished = self.finished or isinstance(event, h11.ConnectionClosed)
                return []

    def _refuse(self, status: int) -> None:
        self.broken = True
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._own += self._send(Response(status), None, close=True)

    def outgoing(self) -> bytes:
        """Return what the protocol itself says: go on, or the refusal of what is no HTTP."""
        own, self._own = self._own, b""
        return own

    def answer(self, stream: Any, response: Response, cut: int | None = None) -> bytes:
        """Return the bytes of an answer."""
        if self.broken or self._state() is not h11.SEND_RESPONSE:
            return b""
        if self._head is not None and self._head.method == b"CONNECT" and response.status < 300:
            # a tunnel is nothing that we could mean
            response = Response(405)
        out = self._send(response, cut)
        if cut is None and self._state() is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        elif self._state() is h11.MUST_CLOSE:
            self.finished = True
        return out

    def _state(self) -> object:
        return self._http.our_state

    def _send(self, response: Response, cut: int | None, close: bool = False) -> bytes:
        headers = []
        if self._may_have_body(response.status, head=True):
            headers.append(("content-length", str(len(response.body))))
        if response.body and response.media:
            headers.append(("content-type", response.media))
        if close:
            headers.append(("connection", "close"))
        named = {name.lower() for name, _ in response.headers}
        headers = [pair for pair in headers if pair[0] not in named] + list(response.headers)
        event = h11.Response(
            status_code=response.status, headers=headers, reason=_reason(response.status)
        )
        out = self._http.send(event) or b""
        if response.body and self._may_have_body(response.status):
            part = response.body if cut is None else response.body[:cut]
            out += self._http.send(h11.Data(data=part)) or b""
        if cut is None:
            out += self._http.send(h11.EndOfMessage()) or b""
        return out

    def _may_have_body(self, status: int, head: bool = False) -> bool:
        """Say whether an answer carries a body, or with `head` its length. RFC 9112 §6.3."""
        asked = self._head.method if self._head is not None else b""
        if status in (204, 304):
            return False
        return head or asked != b"HEAD"


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b"Status"


def _request(head: h11.Request, body: bytes) -> Request:
    headers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in head.headers)
    media = next((value for name, value in headers if name == "content-type"), "")
    path = head.target.decode("latin-1").split("?", 1)[0]
    return Request(path, media, body, headers, head.method.decode("latin-1"))


class HttpClientSide:
    """HTTP/1.1, one exchange at a time."""

    def __init__(self, authority: str) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=64 * 1024)
        self._authority = authority
        self._head: h11.Response | None = None
        self._body = bytearray()
        # a request had another length than it announced: nobody knows where the next one begins
        self._torn = False

    @property
    def reusable(self) -> bool:
        """Say whether the connection can carry another request."""
        idle = self._http.our_state is h11.IDLE and self._http.their_state is h11.IDLE
        return idle and not self._torn

    def ask(self, request: Request) -> bytes:
        """Return the bytes of a request; a content-length of its own may be wrong."""
        length = f"content-length: {len(request.body)}".encode()
        told = request.header("content-length")
        if told is not None:
            left = tuple(pair for pair in request.headers if pair[0].lower() != "content-length")
            out = self._written(replace(request, headers=left))
            self._torn = told != str(len(request.body))
            return out.replace(length, f"content-length: {told}".encode("latin-1"), 1)
        return self._written(request)

    def _written(self, request: Request) -> bytes:
        headers = [("host", self._authority), ("content-length", str(len(request.body)))]
        if request.body and request.media:
            headers.append(("content-type", request.media))
        named = {name.lower() for name, _ in request.headers}
        if "transfer-encoding" in named:
            # RFC 9112 §6.1: chunks tell the length
            named.add("content-length")
        headers = [pair for pair in headers if pair[0] not in named] + list(request.headers)
        out = self._http.send(
            h11.Request(method=request.method, target=request.path or "/", headers=headers)
        )
        if request.body:
            out = (out or b"") + (self._http.send(h11.Data(data=request.body)) or b"")
        return (out or b"") + (self._http.send(h11.EndOfMessage()) or b"")

    def receive(self, data: bytes) -> Response | None:
        """Take bytes, b"" at the end of the stream; return the answer once it is whole.

        Raises h11.RemoteProtocolError where the answer is no HTTP, or cut off.
        """
        self._http.receive_data(data)
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Response):
                self._head = event
                self._body.clear()
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > MAX_BODY:
                    raise h11.RemoteProtocolError("the answer is too large")
            elif isinstance(event, h11.EndOfMessage):
                assert self._head is not None
                response = _response(self._head, bytes(self._body))
                self._body.clear()
                if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
                    self._http.start_next_cycle()
                return response
            elif not isinstance(event, h11.InformationalResponse):
                return None


def _response(head: h11.Response, body: bytes) -> Response:
    headers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in head.headers)
    media = next((value for name, value in headers if name == "content-type"), "")
    return Response(head.status_code, media, body, headers)
