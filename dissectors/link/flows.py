"""What all flow tables share: keys, ends, who opened a flow, and which process takes it."""

from __future__ import annotations

import ipaddress
import zlib
from typing import Final, Generic, Protocol, TypeVar

from dissectors.finding import Finding
from dissectors.link.stream import DatagramFlow, Endpoint, Flow, StreamSink

# Ports below are assigned to services; from there on systems take them for clients (RFC 6335 §6,
# and Linux' own range).
_SERVICES_END: Final = 1024
_EPHEMERAL: Final = 32_768


class Opener(Protocol):
    """Makes the sinks of a capture's flows, and takes what belongs to no flow."""

    def stream(self, flow: Flow) -> StreamSink | None:
        """Return the sink of a TCP connection, or None if it is of no interest."""

    def datagrams(self, flow: Flow) -> DatagramFlow | None:
        """Return the sink of a flow of datagrams, or None if it is of no interest."""

    def secrets(self, kind: int, data: bytes) -> None:
        """Take a decryption secrets block of the capture."""

    def note(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Take a finding about the capture itself or about a frame of no flow."""


class Shard:
    """One of several processes that read the same capture: it takes every n-th flow."""

    __slots__ = ("count", "index", "kin")

    def __init__(self, index: int, count: int, kin: bool = False) -> None:
        """Take the flows of which the hash leaves `index` when divided by `count`.

        With `kin`, flows that may share secrets stay together: connections between the same
        hosts, for a session may be resumed, and all datagrams, for a peer may move.
        """
        if not 0 <= index < count:
            raise ValueError(f"shard {index} of {count} does not exist")
        self.index = index
        self.count = count
        self.kin = kin

    def foreign(self, key: bytes, reverse: bytes, datagrams: bool = False) -> bool:
        """Tell whether another shard takes the flow; both directions give the same answer."""
        if self.count == 1:
            return False
        if not self.kin:
            return zlib.crc32(min(key, reverse)) % self.count != self.index
        if datagrams:
            return self.index != 0
        return zlib.crc32(min(key[:-4], reverse[:-4])) % self.count != self.index


WHOLE: Final = Shard(0, 1)
Value = TypeVar("Value")


class Generations(Generic[Value]):
    """A bounded map that forgets its older half at once, so that each entry costs the same."""

    __slots__ = ("_half", "_old", "_young")

    def __init__(self, most: int) -> None:
        """Keep at most `most` entries, and at least the newest half of them."""
        self._half = max(most // 2, 1)
        self._young: dict[bytes, Value] = {}
        self._old: dict[bytes, Value] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def put(self, key: bytes, value: Value) -> None:
        """Keep `value` as the newest entry."""
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def get(self, key: bytes) -> Value | None:
        """Return the entry, if it is still kept."""
        value = self._young.get(key)
        return self._old.get(key) if value is None else value

    def pop(self, key: bytes) -> Value | None:
        """Return the entry and forget it."""
        value = self._young.pop(key, None)
        older = self._old.pop(key, None)
        return older if value is None else value


def reverse(key: bytes) -> bytes:
    """Return the key of the other direction; a key is source, destination and their ports."""
    size = (len(key) - 4) // 2
    return key[size : 2 * size] + key[:size] + key[-2:] + key[-4:-2]


def ends(key: bytes) -> tuple[Endpoint, Endpoint]:
    """Return source and destination of a key as text and numbers."""
    size = (len(key) - 4) // 2
    return (
        Endpoint(host(key[:size]), int.from_bytes(key[-4:-2], "big")),
        Endpoint(host(key[size : 2 * size]), int.from_bytes(key[-2:], "big")),
    )


def host(address: bytes) -> str:
    """Return an IPv4 or IPv6 address as text (RFC 5952)."""
    if len(address) == 4:
        return ".".join(map(str, address))
    return str(ipaddress.IPv6Address(address))


def lower_port_first(key: bytes) -> bool:
    """Tell whether the sender of a connection's first known segment looks like its server."""
    return key[-4:-2] < key[-2:]


def answers(key: bytes) -> bool:
    """Tell whether the sender of a flow's first datagram looks like its server.

    The first sender is the client, unless it sends from a service's port to an ephemeral one.
    """
    source, destination = int.from_bytes(key[-4:-2], "big"), int.from_bytes(key[-2:], "big")
    if source >= destination:
        return False
    return source < _SERVICES_END <= destination or destination >= _EPHEMERAL
