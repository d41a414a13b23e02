"""HTTP messages as both versions hand them up, and the limits their readers keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from dissectors.finding import Finding

Fields = tuple[tuple[str, str], ...]


class Kind(StrEnum):
    """Which half of an exchange a message is."""

    REQUEST = "request"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one connection may cost; what goes beyond is counted, not kept, and told in a finding.

    Sizes are bytes. `flow` bounds the bodies in the making on one connection, and again those that
    wait for their other half; `ratio` how much larger than its coded form a body may grow (up to
    1 MiB is always opened).
    """

    head: int = 64 * 1024
    body: int = 64 * 1024 * 1024
    flow: int = 128 * 1024 * 1024
    ratio: int = 200
    fields: int = 1000
    streams: int = 1024
    pipeline: int = 256


@dataclass(frozen=True, slots=True)
class HttpHead:
    """Start line and header fields; messages with equal heads may share one object."""

    kind: Kind
    version: str  # "1.0", "1.1" or "2"
    method: str = ""  # requests
    target: str = ""  # requests, as sent
    authority: str = ""  # requests: host and port as sent
    status: int = 0  # responses; 0 when the head was not captured
    reason: str = ""  # responses of HTTP/1
    headers: Fields = ()  # names in lower case

    @property
    def path(self) -> str:
        """Return the target without scheme, authority, query and fragment."""
        target = self.target
        if "://" in target and not target.startswith("/"):
            rest = target.split("://", 1)[1]
            target = "/" + rest.split("/", 1)[1] if "/" in rest else "/"
        return target.split("?", 1)[0].split("#", 1)[0]

    def header(self, name: str) -> str | None:
        """Return the first value of the field `name` (lower case), if there is one."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    @property
    def media_type(self) -> str:
        """Return the content type in lower case, without parameters; empty when absent."""
        return (self.header("content-type") or "").split(";", 1)[0].strip().lower()


class HttpMessage(NamedTuple):
    """One request or response, whole or as far as the capture goes."""

    head: HttpHead
    side: int
    stream: int  # HTTP/2 stream; HTTP/1: number of the request on its connection; 0 unknown
    body: bytes  # transfer and content codings removed
    body_length: int  # content bytes on the wire, before content codings are removed
    frames: tuple[int, ...]
    time: float
    request: HttpMessage | None = None  # responses
    problems: tuple[Finding, ...] = ()
    trailers: Fields = ()
    interim: tuple[int, ...] = ()  # responses: 1xx statuses that came before

    @property
    def kind(self) -> Kind:
        """Return which half of the exchange this is."""
        return self.head.kind

    @property
    def version(self) -> str:
        """Return the protocol version."""
        return self.head.version

    @property
    def method(self) -> str:
        """Return the method of a request."""
        return self.head.method

    @property
    def target(self) -> str:
        """Return the target of a request as sent."""
        return self.head.target

    @property
    def path(self) -> str:
        """Return the path of a request."""
        return self.head.path

    @property
    def authority(self) -> str:
        """Return host and port that a request names."""
        return self.head.authority

    @property
    def status(self) -> int:
        """Return the status of a response."""
        return self.head.status

    @property
    def headers(self) -> Fields:
        """Return the header fields, names in lower case."""
        return self.head.headers

    @property
    def media_type(self) -> str:
        """Return the content type in lower case, without parameters."""
        return self.head.media_type

    def header(self, name: str) -> str | None:
        """Return the first value of the field `name` (lower case), if there is one."""
        return self.head.header(name)


@dataclass(frozen=True, slots=True)
class HttpExchange:
    """A request with its response; one of them is absent when it was not captured."""

    request: HttpMessage | None
    response: HttpMessage | None = None


def exchanges(messages: Iterable[HttpMessage]) -> list[HttpExchange]:
    """Pair the messages of one or several connections, in the order of their first member."""
    pairs: list[HttpExchange] = []
    place: dict[int, int] = {}
    for message in messages:
        if message.kind is Kind.REQUEST:
            place[id(message)] = len(pairs)
            pairs.append(HttpExchange(message))
        elif message.request is not None and id(message.request) in place:
            pairs[place.pop(id(message.request))] = HttpExchange(message.request, message)
        else:
            pairs.append(HttpExchange(message.request, message))
    return pairs


OnMessage = Callable[[HttpMessage], None]
OnProblem = Callable[[Finding, tuple[int, ...]], None]
