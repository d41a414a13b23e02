"""How bytes are handed up through the link layers: push, in order, with the frames they came in.

Every layer is a sink of the one below and holds the sink above. `side` is 0 for bytes sent by the
flow's opener (the client), 1 for the other way. `frames` are capture frame numbers from 1, `time`
is epoch seconds of the frame that completed the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dissectors.finding import Finding


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a flow."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Flow:
    """A conversation: transport and its two ends, the opener first."""

    number: int
    transport: str  # "tcp", "udp", or "gsmtap" where GSMTAP is the link type and has no IP
    client: Endpoint
    server: Endpoint

    def ends(self, side: int) -> tuple[Endpoint, Endpoint]:
        """Return (source, destination) of bytes travelling on `side`."""
        return (self.client, self.server) if side == 0 else (self.server, self.client)


class StreamSink(Protocol):
    """Takes the ordered bytes of both directions of one stream."""

    def data(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        """Take the next bytes of `side`."""

    def gap(self, side: int, missing: int, frames: tuple[int, ...], time: float) -> None:
        """Learn that `missing` bytes of `side` were never captured; what follows comes after."""

    def end(self, side: int, frames: tuple[int, ...], time: float) -> None:
        """Learn that `side` sends no more (FIN, RST, close_notify or end of capture)."""

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Take a finding of a lower layer, to be shown with what it touched."""


class DatagramSink(Protocol):
    """Takes the datagrams of one flow, in capture order."""

    def datagram(self, side: int, data: bytes, frames: tuple[int, ...], time: float) -> None:
        """Take one whole datagram."""

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Take a finding of a lower layer, to be shown with what it touched."""


class DatagramFlow(DatagramSink, Protocol):
    """Takes the datagrams of one captured flow, which has no end of its own."""

    def close(self) -> None:
        """Learn that nothing comes after: the capture is over, or the quiet flow is forgotten."""
