"""One HTTP/2 stream: its two messages, and which head each begins with (RFC 9113 §8)."""

from __future__ import annotations

from dissectors.finding import Finding, finding
from dissectors.link import http_codes as codes
from dissectors.link.http import Fields, HttpHead, HttpMessage, Kind
from dissectors.link.http2_headers import UNKNOWN
from dissectors.link.http_draft import Draft, Outlet

_REQUEST_PSEUDO = frozenset({":method", ":scheme", ":path", ":authority", ":protocol"})
# RFC 9113 §8.2.2
_CONNECTION_FIELDS = frozenset(
    {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"}
)


def build_head(fields: Fields, side: int, problems: list[Finding]) -> HttpHead:
    """Make the head of a message from a decoded header list and note what makes it malformed."""
    pseudo: dict[str, str] = {}
    regular: list[tuple[str, str]] = []
    for name, value in fields:
        if name.startswith(":"):
            if any(key != UNKNOWN for key, _ in regular):
                problems.append(_malformed(f"{name} stands after a regular field"))
            if name in pseudo:
                problems.append(_malformed(f"{name} stands twice"))
            pseudo.setdefault(name, value)
            continue
        if name != name.lower():
            problems.append(_malformed(f"{name[:40]!r} is not in lower case"))
            name = name.lower()
        if name in _CONNECTION_FIELDS:
            problems.append(_malformed(f"{name} belongs to HTTP/1"))
        regular.append((name, value))
    headers = tuple(regular)
    unknown = any(UNKNOWN in pair for pair in fields)
    if ":status" in pseudo or (not pseudo and side):
        status = pseudo.get(":status", "")
        known = len(status) == 3 and status.isascii() and status.isdigit()
        if not known and not unknown:
            problems.append(_malformed(f":status is {status[:20]!r}"))
        if len(pseudo) > 1:
            problems.append(_malformed("a response with pseudo-fields beside :status"))
        return HttpHead(Kind.RESPONSE, "2", status=int(status) if known else 0, headers=headers)
    method = pseudo.get(":method", "")
    wanted = {":method", ":authority"} if method == "CONNECT" else {":method", ":scheme", ":path"}
    missing = sorted(wanted - pseudo.keys())
    if missing and not unknown:
        problems.append(_malformed(f"a request without {', '.join(missing)}"))
    strange = sorted(pseudo.keys() - _REQUEST_PSEUDO)
    if strange:
        problems.append(_malformed(f"a request with {strange[0][:40]}"))
    authority = pseudo.get(":authority")
    if authority is None:
        authority = next((value for name, value in headers if name == "host"), "")
    return HttpHead(
        Kind.REQUEST,
        "2",
        method=method,
        target=pseudo.get(":path", ""),
        authority=authority,
        headers=headers,
    )


def unknown_head(side: int) -> HttpHead:
    """Return the head of a message whose header block was lost."""
    return HttpHead(Kind.RESPONSE if side else Kind.REQUEST, "2")


def _malformed(text: str) -> Finding:
    return finding(codes.MALFORMED, text, "header")


class Stream:
    """The request and the response of one stream while they arrive."""

    __slots__ = (
        "_outlet", "answered", "drafts", "interim", "number", "over", "request", "waiting",
    )  # fmt: skip

    def __init__(self, number: int, outlet: Outlet) -> None:
        self.number = number
        self._outlet = outlet
        self.drafts: list[Draft | None] = [None, None]
        self.over = [False, False]  # sides that sent END_STREAM
        self.answered = False  # a final response began on this stream
        self.request: HttpMessage | None = None
        self.interim: tuple[int, ...] = ()
        self.waiting: HttpMessage | None = None  # a response that overtook its request

    def begin(self, head: HttpHead, side: int) -> Draft:
        """Start the message of `side`."""
        draft = Draft(head, side, self.number, self._outlet)
        self.drafts[side] = draft
        if head.kind is Kind.RESPONSE:
            self.answered = True
            draft.interim, self.interim = self.interim, ()
        return draft

    def keep(self, request: HttpMessage) -> None:
        """Keep the request for its response."""
        before = self.request
        self._outlet.kept += len(request.body) - (0 if before is None else len(before.body))
        self.request = request

    def finish(self, side: int, time: float) -> None:
        """Hand up the message of `side`; a response waits until its request is whole."""
        draft = self.drafts[side]
        if draft is None:
            return
        self.drafts[side] = None
        announced = draft.head.header("content-length")
        if (
            announced is not None
            and announced.isascii()
            and announced.isdigit()
            and len(announced) < 19
            and int(announced) != draft.length
            and not draft.holes
            and not self._bodiless(draft.head)
        ):
            text = f"content-length {announced}, {draft.length} bytes of body"
            draft.problem(finding(codes.LENGTH_MISMATCH, text, "header.content-length"))
        if draft.head.kind is Kind.REQUEST:
            message = draft.finish(time)
            self.keep(message)
            self._outlet.message(message)
            if self.waiting is not None:
                response, self.waiting = self.waiting, None
                self._outlet.kept -= len(response.body)
                self._outlet.message(response._replace(request=message))
            return
        draft.request = self.request
        other = self.drafts[1 - side]
        if self.request is None and not (other is not None and other.head.kind is Kind.REQUEST):
            draft.problem(finding(codes.NO_REQUEST, "no request was seen on this stream"))
        message = draft.finish(time)
        if self.request is None and other is not None and self.waiting is None:
            self.waiting = message
            self._outlet.kept += len(message.body)
        else:
            self._outlet.message(message)

    def _bodiless(self, head: HttpHead) -> bool:
        asked = self.request
        return head.status in (204, 304) or (asked is not None and asked.method == "HEAD")

    def abandon(self, why: Finding, frames: tuple[int, ...], time: float) -> None:
        """Hand up what there is of both messages, with the reason why no more comes."""
        for draft in self.drafts:
            if draft is not None:
                draft.lost(why)
        if self.request is not None and not self.answered:
            self._outlet.problem(why, frames or self.request.frames)
        for side in (0, 1):
            self.finish(side, time)
        if self.waiting is not None:
            self._outlet.message(self.waiting)
        self.close()

    def close(self) -> None:
        """Let go of what the stream kept."""
        for kept in (self.request, self.waiting):
            if kept is not None:
                self._outlet.kept -= len(kept.body)
        self.request = self.waiting = None
