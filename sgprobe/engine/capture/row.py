"""A row: one thing that a capture shows, by the names that trace assertions use."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dissectors.trace.paths import find, parse_path
from sgprobe.cases.observables import unit_of

_MOST_READINGS = 256
_VALUE = "value."
# what a row has to be about so that a name can stand in it
_TRAITS = (
    ("http.", "http"),
    ("coap.", "coap"),
    ("apdu.", "apdu"),
    ("tls.version", "tls"),
    ("dtls.", "dtls"),
    ("tls.", "secured"),
)
# by the role of a server: who else would ask it
_CLIENTS = {"eim": "ipa", "ipa": "eim", "smdp": "ipa", "smds": "ipa"}


@dataclass(frozen=True, slots=True)
class Roles:
    """Who is who on a tape, by addresses as `127.0.0.1:5684` or `[::1]:5684`.

    `servers` are listening addresses. `clients` names who asks: by a client's own address, by a
    server's address, or by a server's role; the own address counts first. `card` are the roles of
    the device that sends APDUs and of what answers them.
    """

    servers: Mapping[str, str] = field(default_factory=dict)
    clients: Mapping[str, str] = field(default_factory=dict)
    card: tuple[str, str] = ("ipa", "euicc")

    def ends(self, source: str, target: str) -> tuple[str, str]:
        """Return the roles of sender and receiver; "" where nothing tells."""
        return self._of(source, target), self._of(target, source)

    def _of(self, address: str, other: str) -> str:
        known = self.servers.get(address) or self.clients.get(address)
        if known:
            return known
        server = self.servers.get(other)
        if server is None:
            return ""
        named = self.clients.get(other) or self.clients.get(server)
        return named or _CLIENTS.get(server, "")


@dataclass(frozen=True, slots=True)
class Row:
    """One message, datagram, APDU, session or alert.

    A field that is a tuple has several values, and each of them counts; a list is one value.
    `value` is the message, where the row is one; `traits` say what the row is about.
    """

    unit: str
    frames: tuple[int, ...]
    time: float
    fields: Mapping[str, Any]
    traits: frozenset[str] = frozenset()
    value: Any = None

    def values(self, name: str) -> tuple[Any, ...]:
        """Return all values of a name; none where it is absent."""
        if name.startswith(_VALUE):
            return tuple(find(self.value, parse_path(name)))
        found = self.fields.get(name)
        if found is None:
            return ()
        return found if isinstance(found, tuple) else (found,)

    def readings(self, names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """Yield the row as objects that have one value of each name that is there."""
        there = [(name, values) for name in names if (values := self.values(name))]
        every = itertools.product(*(values for _, values in there))
        for chosen in itertools.islice(every, _MOST_READINGS):
            yield {name: value for (name, _), value in zip(there, chosen, strict=True)}

    def may_have(self, names: tuple[str, ...]) -> bool:
        """Say whether names can stand in a row of this kind at all."""
        needed = (next((t for start, t in _TRAITS if n.startswith(start)), "") for n in names)
        return all(not trait or trait in self.traits for trait in needed)


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of a capture in the order of time; `left_out` counts those beyond the limit.

    `sealed` are the first frames of sessions of which nothing could be opened, `notes` what else
    the dissector finds wrong with the capture.
    """

    rows: tuple[Row, ...] = ()
    left_out: int = 0
    sealed: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, names: tuple[str, ...]) -> tuple[str, list[Row]]:
        """Return the unit that names speak of, and the rows that a rule with them looks at."""
        unit = unit_of(names)
        found = [row for row in self.rows if row.unit == unit]
        if unit != "message":
            # a message that lacks what its carrier should have is looked at all the same
            found = [row for row in found if row.may_have(names)]
        return unit, found
