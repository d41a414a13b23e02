"""A message in the making, and the way out of an HTTP reader, both with their bounds."""

from __future__ import annotations

from collections.abc import Iterable

from dissectors.finding import Finding, finding
from dissectors.link import http_codes as codes
from dissectors.link.http import (
    Fields,
    HttpHead,
    HttpLimits,
    HttpMessage,
    OnMessage,
    OnProblem,
)
from dissectors.link.http_body import decode_body

_FRAMES = 65_536
_PROBLEMS = 32


def extend_trail(trail: list[int], frames: tuple[int, ...]) -> None:
    """Add the frames of the next bytes to a message's trail, once each, in bounded number."""
    if trail and frames and trail[-1] == frames[0]:
        frames = frames[1:]
    if len(trail) < _FRAMES:
        trail.extend(frames)
    elif frames:
        trail[-1] = frames[-1]  # the first and the last frame stay known


class Outlet:
    """Where a connection's messages and findings go; findings without a message are bounded."""

    __slots__ = ("_left", "held", "kept", "limits", "message", "on_problem")

    def __init__(self, on_message: OnMessage, on_problem: OnProblem, limits: HttpLimits) -> None:
        self.message = on_message
        self.on_problem = on_problem
        self.limits = limits
        self.held = 0  # body bytes of messages in the making
        self.kept = 0  # body bytes of whole messages that wait for their other half
        self._left = 1000

    def problem(self, problem: Finding, frames: tuple[int, ...]) -> None:
        """Hand up a finding that belongs to no message."""
        self._left -= 1
        if self._left > 0:
            self.on_problem(problem, frames)
        elif self._left == 0:
            text = "further findings of this connection are not listed"
            self.on_problem(finding(codes.MORE_FINDINGS, text), frames)


class Draft:
    """One message while its bytes arrive."""

    __slots__ = (
        "answered",
        "body",
        "cut",
        "head",
        "holes",
        "interim",
        "length",
        "outlet",
        "problems",
        "request",
        "side",
        "stream",
        "trail",
        "trailers",
        "waiting",
    )

    def __init__(self, head: HttpHead, side: int, stream: int, outlet: Outlet) -> None:
        self.head = head
        self.side = side
        self.stream = stream
        self.outlet = outlet
        self.body = bytearray()
        self.length = 0
        self.cut = False  # the body went beyond a limit
        self.holes = False  # the body misses bytes
        self.trail: list[int] = []
        self.problems: list[Finding] = []
        self.trailers: Fields = ()
        self.interim: tuple[int, ...] = ()
        self.request: HttpMessage | None = None  # of a response
        self.answered = False  # a request whose response began before its end
        self.waiting: HttpMessage | None = None  # that response, whole before the request

    def touch(self, frames: tuple[int, ...]) -> None:
        """Note the capture frames of the next bytes."""
        extend_trail(self.trail, frames)

    def add(self, data: bytes | bytearray) -> None:
        """Take the next bytes of the body."""
        size = len(data)
        self.length += size
        outlet = self.outlet
        room = min(outlet.limits.body - len(self.body), outlet.limits.flow - outlet.held)
        if size > room:
            data = data[: max(room, 0)]
            if not self.cut:
                self.cut = True
                text = f"only the first {len(self.body) + len(data)} bytes of the body are kept"
                self.problem(finding(codes.BODY_LIMIT, text, "body"))
        self.body += data
        outlet.held += len(data)

    def problem(self, problem: Finding) -> None:
        """Note a finding; beyond a bound only that there are more."""
        if len(self.problems) < _PROBLEMS:
            self.problems.append(problem)
        elif len(self.problems) == _PROBLEMS:
            text = "further findings of this message are not listed"
            self.problems.append(finding(codes.MORE_FINDINGS, text))

    def problems_of(self, problems: Iterable[Finding]) -> None:
        """Note several findings."""
        for problem in problems:
            self.problem(problem)

    def hole(self, missing: int) -> None:
        """Note that `missing` bytes of the body were not captured."""
        self.holes = True
        text = f"{missing} bytes are missing from the body after its first {self.length}"
        self.problem(finding(codes.GAP, text, "body", self.length))
        self.length += missing

    def lost(self, why: Finding) -> None:
        """Note that the rest of the message will not come."""
        self.holes = True
        self.problem(why)

    def finish(self, time: float) -> HttpMessage:
        """Make the message, with its content codings removed."""
        body = bytes(self.body)
        self.outlet.held -= len(body)
        coding = self.head.header("content-encoding")
        if coding is not None and body and not self.holes and not self.cut:
            body, problems = decode_body(body, coding, self.outlet.limits)
            self.problems_of(problems)
        return HttpMessage(
            self.head,
            self.side,
            self.stream,
            body,
            self.length,
            tuple(self.trail),
            time,
            self.request,
            tuple(self.problems),
            self.trailers,
            self.interim,
        )
