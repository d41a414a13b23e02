"""Reads a finished capture into rows: one for each message, datagram, APDU, session and alert."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from dissectors.asn1.versions import Spec
from dissectors.link.apdu import ApduError, CommandApdu, ResponseApdu
from dissectors.link.apdu_message import CardMessage
from dissectors.link.capture import read_capture
from dissectors.link.coap.transfers import CoapTransfer, DatagramRecord
from dissectors.link.gsmtap import TYPE_SIM, Gsmtap, GsmtapError, SimSubtype, split_apdu
from dissectors.link.http import HttpMessage
from dissectors.link.keylog import KeyLog
from dissectors.link.stream import Flow
from dissectors.trace.message import RESPONSE, Message
from dissectors.trace.read import add_secrets
from sgprobe.engine.capture.carrier_fields import (
    Fields,
    card_fields,
    exchange_fields,
    http_fields,
    record_fields,
    transfer_fields,
)
from sgprobe.engine.capture.dtls_flights import Flights
from sgprobe.engine.capture.row import Roles, Row, Rows
from sgprobe.engine.capture.session_fields import session_fields
from sgprobe.engine.capture.witness import Datagram, Seen, Witness, is_card

_ESIPA = "ESipa"
_ROUND_TRIP = "esipa.round-trip"


def read_rows(
    path: Path,
    roles: Roles | None = None,
    *,
    spec: Spec | None = None,
    keys: KeyLog | None = None,
    psk: bytes | None = None,
) -> Rows:
    """Read a capture; its secrets are inside, or in `keys`. Raises CaptureError."""
    seen = Seen()
    witness = Witness(keys or KeyLog(), seen, spec, psk)
    witness.scanned = add_secrets(path, witness.keys, witness.note)
    read_capture(path, witness)
    rows = _Rows(seen, roles or Roles())
    sealed = tuple(one.first_frame for one in seen.sessions if one.closed and not one.opened)
    return Rows(rows.made(), seen.left_out, sealed, tuple(seen.notes))


class _Rows:
    """Makes the rows of what was seen."""

    def __init__(self, seen: Seen, roles: Roles) -> None:
        self._seen = seen
        self._roles = roles
        self._by_flow: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for index, session in enumerate(seen.sessions):
            for flow in (session.flow, *session.moved_to):
                self._by_flow[flow.number].append((session.first_frame, index))
        for entries in self._by_flow.values():
            entries.sort()
        octets = self._octets()
        self._fields = [
            session_fields(session, (octets[index][0], octets[index][1]))
            for index, session in enumerate(seen.sessions)
        ]

    def made(self) -> tuple[Row, ...]:
        """Return all rows in the order of time; what is of one time stays as it came."""
        rows = [*self._messages(), *self._https(), *self._datagrams(), *self._apdus()]
        rows += [*self._sessions(), *self._alerts()]
        return tuple(sorted(rows, key=lambda row: row.time))

    # --- ends and sessions ---

    def _ends(self, source: str, target: str) -> Fields:
        sender, receiver = self._roles.ends(source, target)
        return ({"from": sender} if sender else {}) | ({"to": receiver} if receiver else {})

    def _flow_ends(self, flow: Flow, side: int) -> Fields:
        source, target = flow.ends(side)
        return self._ends(str(source), str(target))

    def _session_of(self, flow: int, frames: tuple[int, ...]) -> int | None:
        """Return the session that protects what came in some frames of a flow."""
        entries = self._by_flow.get(flow)
        if not entries or not frames:
            return None
        at = bisect_right(entries, frames[0], key=lambda entry: entry[0])
        return entries[max(at - 1, 0)][1]

    def _octets(self) -> dict[int, list[int]]:
        """Return the octets of application data of each session: by its client, by its server."""
        found: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for flow, record in self._seen.records:
            index = self._session_of(flow.number, record.frames)
            if index is not None:
                role = record.side ^ self._seen.sessions[index].flip
                found[index][role] += record.size
        for index, session in enumerate(self._seen.sessions):
            if session.protocol == "tls":
                counted = self._seen.octets.get(session.flow.number, [0, 0])
                found[index] = counted[::-1] if session.flip else counted
        return found

    def _inside(self, flow: int, frames: tuple[int, ...]) -> tuple[Fields, frozenset[str]]:
        """Return the fields and traits that a session gives to what it protects."""
        index = self._session_of(flow, frames)
        if index is None:
            return {}, frozenset()
        protocol = self._seen.sessions[index].protocol
        return self._fields[index], frozenset({protocol, "secured"})

    # --- messages ---

    def _messages(self) -> list[Row]:
        again: Counter[tuple[int, int, int]] = Counter()
        for flow, record in self._seen.records:
            if record.retransmission and record.transfer is not None:
                again[flow.number, record.side, record.transfer] += 1
        return [self._message(one, again) for one in self._seen.messages]

    def _message(self, one: Message, again: Counter[tuple[int, int, int]]) -> Row:
        fields, traits = self._inside(one.flow, one.frames)
        sender, receiver = self._roles.ends(one.src, one.dst)
        carrier = one.carrier
        mine: Fields = {}
        if isinstance(carrier, CardMessage):
            sender, receiver = self._roles.card
            if one.kind == RESPONSE:
                sender, receiver = receiver, sender
            mine = card_fields(carrier, one.kind == RESPONSE)
            traits |= {"apdu"}
        elif isinstance(carrier, CoapTransfer):
            mine = transfer_fields(carrier)
            mine["coap.retransmissions"] = again[one.flow, carrier.side, carrier.number]
            traits |= {"coap"}
        elif isinstance(carrier, HttpMessage):
            mine = http_fields(carrier)
            if carrier.request is not None:
                mine[_ROUND_TRIP] = one.time - carrier.request.time
            traits |= {"http"}
        if one.interface != _ESIPA:
            mine.pop(_ROUND_TRIP, None)
        mine |= {
            "from": sender or one.sender,
            "to": receiver or one.receiver,
            "transport": one.transport,
            "function": one.function,
            "interface": one.interface,
            "kind": one.kind,
            "size": len(one.octets),
        }
        if one.type is not None:
            mine["type"] = one.type
        if one.status is not None:
            mine["status"] = one.status
        if one.problems:
            mine["problem"] = tuple(problem.code for problem in one.problems)
        return Row("message", one.frames, one.time, fields | mine, traits, one.value)

    def _https(self) -> list[Row]:
        rows = []
        for flow, secure, message in self._seen.https:
            fields, traits = self._inside(flow.number, message.frames)
            mine = http_fields(message) | self._flow_ends(flow, message.side)
            mine["transport"] = "https" if secure else "http"
            rows.append(Row("http", message.frames, message.time, fields | mine, traits | {"http"}))
        return rows

    # --- datagrams ---

    def _datagrams(self) -> list[Row]:
        records: dict[tuple[int, ...], list[DatagramRecord]] = defaultdict(list)
        ours = set(self._by_flow)
        for flow, record in self._seen.records:
            records[record.frames].append(record)
            ours.add(flow.number)
        flights = Flights()
        rows = []
        for one in self._seen.datagrams:
            if is_card(one.flow) or (one.flow.number not in ours and not self._known(one.flow)):
                continue
            rows += self._datagram(one, records.get(one.frames, []), flights)
        return rows

    def _known(self, flow: Flow) -> bool:
        servers = self._roles.servers
        return str(flow.client) in servers or str(flow.server) in servers

    def _datagram(
        self, one: Datagram, records: list[DatagramRecord], flights: Flights
    ) -> list[Row]:
        fields, traits = self._inside(one.flow.number, one.frames)
        secure = "dtls" in traits
        common: Fields = {
            **fields,
            **self._flow_ends(one.flow, one.side),
            "datagram.size": len(one.data),
            "transport": "dtls" if secure else "coap",
        }
        if records:
            common["transport"] = "coaps" if secure else "coap"
            traits |= {"coap"}
            return [
                Row("datagram", one.frames, one.time, common | record_fields(record), traits)
                for record in records
            ]
        flight = flights.fields(one.flow.number, one.side, one.data, one.time)
        if flight:
            common["transport"] = "dtls"
            traits |= {"dtls-handshake"}
        return [Row("datagram", one.frames, one.time, common | flight, traits)]

    def _apdus(self) -> list[Row]:
        rows = []
        sender, receiver = self._roles.card
        for one in self._seen.datagrams:
            parsed = _exchange(one.data) if is_card(one.flow) else None
            if parsed is None:
                continue
            fields: dict[str, Any] = {"from": sender, "to": receiver, "transport": "apdu"}
            fields |= exchange_fields(*parsed)
            rows.append(Row("apdu", one.frames, one.time, fields, frozenset({"apdu"})))
        return rows

    # --- sessions and alerts ---

    def _sessions(self) -> list[Row]:
        return [
            Row(
                "session",
                (session.first_frame, session.last_frame),
                session.time,
                {
                    **fields,
                    **self._flow_ends(session.flow, session.flip),
                    "transport": session.protocol,
                },
                frozenset({session.protocol, "secured"}),
            )
            for session, fields in zip(self._seen.sessions, self._fields, strict=True)
        ]

    def _alerts(self) -> list[Row]:
        rows = []
        for session, fields in zip(self._seen.sessions, self._fields, strict=True):
            for alert in session.alerts:
                mine = {**fields, **self._flow_ends(session.flow, alert.side ^ session.flip)}
                mine["transport"] = session.protocol
                if alert.name:
                    mine["tls.alert"] = alert.name
                    mine["tls.alert-level"] = "fatal" if alert.fatal else "warning"
                time = self._seen.times.get(alert.frames[-1]) if alert.frames else None
                rows.append(
                    Row(
                        "alert",
                        alert.frames,
                        session.time if time is None else time,
                        mine,
                        frozenset({session.protocol, "secured"}),
                    )
                )
        return rows


def _exchange(data: bytes) -> tuple[CommandApdu, ResponseApdu] | None:
    """Return the APDU that a tracer sent, and its answer; None for all else."""
    try:
        packet = Gsmtap.parse(data)
        if packet.type != TYPE_SIM or packet.subtype != SimSubtype.APDU:
            return None
        command, response, _ = split_apdu(packet.payload)
        return CommandApdu.parse(command), ResponseApdu.parse(response)
    except (GsmtapError, ApduError):
        return None
