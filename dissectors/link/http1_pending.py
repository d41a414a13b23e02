"""The requests of a connection that still wait for their responses."""

from __future__ import annotations

from dissectors.finding import finding
from dissectors.link import http_codes as codes
from dissectors.link.http import HttpMessage
from dissectors.link.http_draft import Outlet


class PendingRequests:
    """Whole requests without response, oldest first, in bounded number and size."""

    __slots__ = ("_outlet", "queue", "unsure")

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self.queue: list[HttpMessage] = []
        self.unsure = False  # bytes were lost: the oldest may not be the one answered next

    def add(self, request: HttpMessage) -> None:
        """Let `request` wait."""
        outlet, queue = self._outlet, self.queue
        queue.append(request)
        outlet.kept += len(request.body)
        limits = outlet.limits
        if len(queue) > limits.pipeline or outlet.kept > limits.flow:
            text = f"{len(queue)} requests wait for responses; the older are let go"
            outlet.problem(finding(codes.PIPELINE_LIMIT, text), request.frames)
            self.unsure = True
            while len(queue) > limits.pipeline // 2 or (queue and outlet.kept > limits.flow):
                self._drop(1)

    def take(self, first_frame: int) -> HttpMessage | None:
        """Return the request that a response answers whose first frame is `first_frame`."""
        queue = self.queue
        if not queue:
            return None
        index = 0
        if self.unsure:
            # who does not pipeline is answered on the newest request that came before
            self.unsure = False
            before = [n for n, old in enumerate(queue) if old.frames[-1:] <= (first_frame,)]
            if not before:
                return None
            index = before[-1]
        request = queue[index]
        self._drop(index + 1)
        return request

    def give_up(self) -> None:
        """Tell of the requests that were never answered."""
        for request in self.queue:
            text = f"{request.method} {request.target[:60]} was not answered"
            self._outlet.problem(finding(codes.NO_RESPONSE, text), request.frames)
        self._drop(len(self.queue))

    def _drop(self, count: int) -> None:
        for old in self.queue[:count]:
            self._outlet.kept -= len(old.body)
        del self.queue[:count]
