"""HTTP messages to eSIM messages: which function, which body, and what departs from the binding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dissectors.asn1.versions import Spec
from dissectors.finding import Finding, finding
from dissectors.link.http import HttpHead, HttpMessage, Kind
from dissectors.link.stream import Flow
from dissectors.spec.functions import ASN1_MEDIA, JSON_MEDIA, Function
from dissectors.trace import codes
from dissectors.trace.message import REQUEST, RESPONSE, Message, Recognised
from dissectors.trace.recognise import Body, concerns_esim, recognise

# requests that wait for an answer, of one connection; older ones are forgotten
_WAITING = 256
_HEADS = 64


@dataclass(frozen=True, slots=True)
class _Head:
    """What the head of a message says, worked out once for all messages that share it."""

    head: HttpHead  # held, so that its identity stays its own
    is_json: bool
    problems: tuple[Finding, ...]


class HttpCarrier:
    """Turns the HTTP messages of one connection into eSIM messages."""

    def __init__(
        self, flow: Flow, secure: bool, on_message: Callable[[Message], None], spec: Spec | None
    ) -> None:
        self._flow = flow
        self._transport = "https" if secure else "http"
        self._on_message = on_message
        self._spec = spec
        self._asked: dict[int, tuple[HttpMessage, Function]] = {}
        self._heads: dict[int, _Head] = {}
        self._ends = tuple(str(end) for end in (flow.client, flow.server))

    def message(self, message: HttpMessage) -> None:
        """Take one HTTP message."""
        head = self._head(message.head)
        if message.head.kind is Kind.REQUEST:
            self._request(message, head)
        else:
            self._response(message, head)

    def _head(self, head: HttpHead) -> _Head:
        known = self._heads.get(id(head))
        if known is None:
            if len(self._heads) >= _HEADS:
                self._heads.clear()
            known = self._heads[id(head)] = _Head(
                head, head.media_type.startswith(JSON_MEDIA), tuple(_departures(head))
            )
        return known

    def _request(self, message: HttpMessage, head: _Head) -> None:
        body = Body(REQUEST, message.head.path, message.body, head.is_json)
        if not concerns_esim(body):
            return
        found = recognise(body, self._spec)
        if found is None:
            return
        if len(self._asked) >= _WAITING:
            self._asked.pop(next(iter(self._asked)))
        self._asked[id(message)] = message, found.function
        self._emit(message, head, found, None)

    def _response(self, message: HttpMessage, head: _Head) -> None:
        request, asked = message.request, None
        if request is not None:
            _, asked = self._asked.pop(id(request), (None, None))
            if asked is None:
                return  # the answer to something that is not ours
        path = request.head.path if request is not None else ""
        body = Body(RESPONSE, path, message.body, head.is_json, asked)
        if asked is None:
            body = Body(RESPONSE, "", message.body, head.is_json)
            if not concerns_esim(body):
                return
        status = message.head.status
        found = recognise(body, self._spec) if status < 300 or head.is_json else None
        if found is None:
            if asked is None:
                return
            problems: tuple[Finding, ...] = ()
            if message.body:
                text = f"{len(message.body)} octets with status {status}"
                problems = (finding(codes.NOT_READ, text),)
            found = Recognised(asked, RESPONSE, None, (), None, problems)
        extra: tuple[Finding, ...] = ()
        if asked is None:
            extra = (finding(codes.UNASKED, "the request is not in the capture"),)
        self._emit(message, head, found, status, extra)

    def _emit(
        self,
        message: HttpMessage,
        head: _Head,
        found: Recognised,
        status: int | None,
        extra: tuple[Finding, ...] = (),
    ) -> None:
        function, source = found.function, self._ends[message.side]
        problems = found.problems
        if message.problems or head.problems or extra:
            told = head.problems if message.body else _without_media(head.problems)
            problems = (*message.problems, *told, *problems, *extra)
        request = found.kind == REQUEST
        self._on_message(
            Message(
                message.frames,
                message.time,
                source,
                self._ends[1 - message.side],
                self._transport,
                function.interface,
                function.name,
                found.kind,
                found.type,
                found.spec,
                status,
                found.value,
                message.body,
                problems,
                flow=self._flow.number,
                sender=function.sender if request else function.receiver,
                receiver=function.receiver if request else function.sender,
                carrier={"http": message},
            )
        )


def _without_media(problems: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Drop the finding on a media type where there is no body that it could describe."""
    return tuple(problem for problem in problems if problem.code != codes.MEDIA.name)


def _departures(head: HttpHead) -> list[Finding]:
    """List what departs from the bindings in a head. SGP.32 §6.3, SGP.22 §6.5.1."""
    problems = []
    media = head.media_type
    if media != ASN1_MEDIA and media != JSON_MEDIA:
        text = f"{media or 'none'} for {ASN1_MEDIA} or {JSON_MEDIA}"
        problems.append(finding(codes.MEDIA, text))
    admin = head.header("x-admin-protocol")
    if admin is None:
        problems.append(finding(codes.ADMIN, "X-Admin-Protocol is missing"))
    elif not admin.strip().lower().startswith("gsma/rsp/v2."):
        problems.append(finding(codes.ADMIN, f"{admin!r} for gsma/rsp/v2.x.y"))
    if head.kind is Kind.REQUEST and head.method != "POST":
        problems.append(finding(codes.METHOD, f"{head.method} for POST"))
    if head.kind is Kind.RESPONSE and head.status not in (200, 204):
        problems.append(finding(codes.STATUS, f"status {head.status} for 200 or 204"))
    return problems
