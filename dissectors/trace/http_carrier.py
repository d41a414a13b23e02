"""HTTP messages to eSIM messages: which function, which body, and what departs from the binding."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dissectors.asn1.versions import Spec
from dissectors.finding import Finding, finding
from dissectors.link.http import HttpHead, HttpMessage, Kind
from dissectors.link.stream import Flow
from dissectors.spec.functions import ASN1_MEDIA, IFPP, JSON_MEDIA, Function
from dissectors.trace import codes, ifpp_http
from dissectors.trace.message import REQUEST, RESPONSE, Message, Recognised
from dissectors.trace.not_read import not_read
from dissectors.trace.recognise import Body, Media, recognise

# requests that wait for an answer, of one connection; older ones are forgotten
_WAITING = 256
_HEADS = 4096


class _Head(NamedTuple):
    """What the head of a message says, worked out once for all messages that share it."""

    head: HttpHead  # held, so that its identity stays its own
    media: Media
    path: str
    problems: tuple[Finding, ...]
    # the same without what the media type says, for a message without a body
    bodiless: tuple[Finding, ...]


class HttpHeads:
    """The heads of all connections; those that are equal are mostly one object."""

    def __init__(self) -> None:
        self._known: dict[int, _Head] = {}

    def get(self, head: HttpHead) -> _Head:
        """Return what a head says."""
        known = self._known.get(id(head))
        if known is None:
            if len(self._known) >= _HEADS:
                self._known.clear()
            name = head.media_type
            media = Media.OTHER
            if name == ASN1_MEDIA:
                media = Media.ASN1
            elif name.startswith(JSON_MEDIA):
                media = Media.JSON
            bodiless = tuple(_departures(head))
            problems = bodiless
            if media is Media.OTHER:
                text = f"{name[:80] or 'none'} for {ASN1_MEDIA} or {JSON_MEDIA}"
                problems = (finding(codes.MEDIA, text), *bodiless)
            known = _Head(head, media, head.path, problems, bodiless)
            self._known[id(head)] = known
        return known


class HttpCarrier:
    """Turns the HTTP messages of one connection into eSIM messages."""

    __slots__ = ("_asked", "_ends", "_flow", "_heads", "_on_message", "_spec", "_transport")

    def __init__(
        self,
        flow: Flow,
        secure: bool,
        on_message: Callable[[Message], None],
        spec: Spec | None,
        heads: HttpHeads | None = None,
    ) -> None:
        self._flow = flow.number
        self._transport = "https" if secure else "http"
        self._on_message = on_message
        self._spec = spec
        self._asked: dict[int, tuple[HttpMessage, Function]] = {}
        self._heads = heads or HttpHeads()
        self._ends = (str(flow.client), str(flow.server))

    def message(self, message: HttpMessage) -> None:
        """Take one HTTP message."""
        head = self._heads.get(message.head)
        if head.head.kind is Kind.REQUEST:
            found = None
            if ifpp_http.may_be(head.path):
                found = ifpp_http.request(head.head, message.body)
            if found is None:
                body = Body(REQUEST, head.path, message.body, head.media)
                found = recognise(body, self._spec)
                if found is None:
                    return
            if len(self._asked) >= _WAITING:
                self._asked.pop(next(iter(self._asked)))
            self._asked[id(message)] = message, found.function
            self._emit(message, head, found, None)
        else:
            self._response(message, head)

    def _response(self, message: HttpMessage, head: _Head) -> None:
        request, path, asked = message.request, "", None
        if request is not None:
            _, asked = self._asked.pop(id(request), (None, None))
            if asked is None:
                return  # the answer to something that is not ours
            path = self._heads.get(request.head).path
        status = message.head.status
        if asked is not None and asked.interface in IFPP:
            self._emit(message, head, ifpp_http.response(asked, message.body), status)
            return
        body = Body(RESPONSE, path, message.body, head.media, asked)
        # an error answer may hold a page of text, whatever it is called
        as_message = status < 300 or head.media is not Media.OTHER
        found = recognise(body, self._spec) if as_message else None
        if asked is not None and (found is None or (status >= 300 and found.type is None)):
            found = Recognised(asked, RESPONSE, None, (), None, not_read(body.octets, str(status)))
        if found is not None:
            self._emit(message, head, found, status)

    def _emit(
        self, message: HttpMessage, head: _Head, found: Recognised, status: int | None
    ) -> None:
        function, kind, name, specs, value, problems, is_json = found
        octets = message.body
        # a page of text that came with an error has a media type of its own
        message_there = octets and (name or status is None or status < 300)
        told = head.problems if message_there else head.bodiless
        if function.interface in IFPP:
            # REST: methods, media types and status codes are its own
            told = ()
        if is_json is (head.media is Media.ASN1) and head.media is not Media.OTHER and name:
            told = (*told, _other_binding(head, is_json))
        if told or message.problems:
            problems = (*message.problems, *told, *problems)
        side = message.side
        sender, receiver = function.sender, function.receiver
        if kind == RESPONSE:
            sender, receiver = receiver, sender
        self._on_message(
            Message(
                message.frames,
                message.time,
                self._ends[side],
                self._ends[1 - side],
                self._transport,
                function.interface,
                function.name,
                kind,
                name,
                specs,
                status,
                value,
                octets,
                problems,
                0,
                self._flow,
                sender,
                receiver,
                message,
            )
        )


def _other_binding(head: _Head, is_json: bool) -> Finding:
    came, named = ("JSON", ASN1_MEDIA) if is_json else ("ASN.1", JSON_MEDIA)
    return finding(codes.MEDIA, f"the body is {came}, the media type {named}")


def _departures(head: HttpHead) -> list[Finding]:
    """List what departs from the bindings in a head. SGP.32 §6.3, SGP.22 §6.5.1."""
    problems = []
    admin = head.header("x-admin-protocol")
    if admin is None:
        problems.append(finding(codes.ADMIN, "X-Admin-Protocol is missing"))
    elif not admin.strip().lower().startswith("gsma/rsp/v2."):
        problems.append(finding(codes.ADMIN, f"{admin[:80]!r} for gsma/rsp/v2.x.y"))
    if head.kind is Kind.REQUEST and head.method != "POST":
        problems.append(finding(codes.METHOD, f"{head.method} for POST"))
    if head.kind is Kind.RESPONSE and head.status not in (200, 204):
        problems.append(finding(codes.STATUS, f"status {head.status} for 200 or 204"))
    return problems
