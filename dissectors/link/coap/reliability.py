"""The CoAP message layer without IO: ids, acknowledgements, retransmission and deduplication.

The caller carries datagrams and says what time it is: `receive`, `send`, `timer`, `handle_timer`,
`events`. What goes out is handed in by `submit` (a new message) and `reply` (the ACK or RST of one
that came in). RFC 7252 §4.
"""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from dataclasses import replace
from typing import Final

from dissectors.finding import finding
from dissectors.link.coap.codes import ACK, CON, EMPTY, MID_REUSED, RST
from dissectors.link.coap.message import CoapMessage, decode, empty, encode, is_malformed
from dissectors.link.coap.timers import Timer, Timers
from dissectors.link.coap.transmission import (
    Acknowledged,
    Address,
    Datagram,
    GaveUp,
    Incoming,
    MessageEvent,
    MessageKnobs,
    Outgoing,
    Problem,
    Refused,
    Seen,
    Transmission,
)

MAX_PEERS: Final = 65536
MAX_SEEN_PER_PEER: Final = 4096
MAX_SEEN: Final = 500_000
MAX_SEEN_BYTES: Final = 128 << 20
FEW_SEEN: Final = 16  # per peer, once the endpoint as a whole remembers too much
MAX_NONS: Final = 16


class _Peer:
    __slots__ = ("last_used", "next_mid", "nons", "outstanding", "queue", "seen")

    def __init__(self, next_mid: int) -> None:
        self.next_mid = next_mid
        self.last_used = 0.0
        self.outstanding: dict[int, Outgoing] = {}
        self.queue: deque[Outgoing] = deque()
        self.nons: OrderedDict[int, Outgoing] = OrderedDict()
        self.seen: OrderedDict[int, Seen] = OrderedDict()


class MessageLayer:
    """The message layer of one endpoint with all its peers."""

    def __init__(
        self,
        rng: random.Random,
        parameters: Transmission | None = None,
        knobs: MessageKnobs | None = None,
        timers: Timers | None = None,
    ) -> None:
        self.parameters = parameters or Transmission()
        self.knobs = knobs or MessageKnobs()
        self.timers = timers or Timers()
        self._rng = rng
        self._peers: OrderedDict[Address, _Peer] = OrderedDict()
        self._out: list[Datagram] = []
        self._events: list[MessageEvent] = []
        self._sent = 0
        self._replies = 0
        self._seen_count = 0
        self._seen_bytes = 0
        self._sweep: Timer | None = None

    # The five verbs.

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Take one datagram from a peer."""
        message, findings = decode(data)
        for item in findings:
            self._events.append(Problem(item, address, now))
        if message is None:
            return
        if is_malformed(findings):
            # RFC 7252 §4.2: a CON that cannot be processed is rejected, all else is ignored.
            if message.type == CON and self.knobs.reject_malformed:
                self._reply_bytes(encode(empty(RST, message.mid)), address)
            return
        peer = self._peer(address, now)
        if message.type == ACK or message.type == RST:
            self._settle_reply(peer, message, address, now)
        else:
            self._take(peer, message, data, address, now)

    def send(self, now: float) -> list[Datagram]:
        """Return the datagrams to put on the wire now."""
        out, self._out = self._out, []
        return out

    def timer(self) -> float | None:
        """Return when `handle_timer` wants to be called, or None."""
        return self.timers.next()

    def handle_timer(self, now: float) -> None:
        """Do what is due: retransmit, give up, forget."""
        self.timers.fire(now)

    def events(self) -> list[MessageEvent]:
        """Return what happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    # What the exchange above asks for.

    def submit(
        self,
        message: CoapMessage,
        address: Address,
        now: float,
        *,
        mid: int | None = None,
        context: object = None,
    ) -> Outgoing:
        """Send a new CON or NON under a fresh message id, as soon as NSTART lets it."""
        peer = self._peer(address, now)
        outgoing = Outgoing(message, address, mid, context)
        if message.type == CON and len(peer.outstanding) >= self.parameters.nstart:
            peer.queue.append(outgoing)
        else:
            self._start(peer, outgoing, now)
        return outgoing

    def reply(self, incoming: Incoming, message: CoapMessage) -> None:
        """Send the ACK or RST of a message that came in, and again for each duplicate of it."""
        data = self._encode(replace(message, mid=incoming.message.mid))
        if incoming.seen is not None and incoming.seen.reply is None:
            incoming.seen.reply = data
            self._seen_bytes += len(data)
        self._reply_bytes(data, incoming.address)

    def settle(self, outgoing: Outgoing, now: float) -> None:
        """Stop sending a message: its response came before its ACK (RFC 7252 §5.2.2)."""
        peer = self._peers.get(outgoing.address)
        self.timers.cancel(outgoing.timer)
        if peer is None:
            return
        if outgoing.mid is not None and peer.outstanding.get(outgoing.mid) is outgoing:
            del peer.outstanding[outgoing.mid]
        elif not outgoing.transmissions and outgoing in peer.queue:
            peer.queue.remove(outgoing)
        self._start_queued(peer, now)

    def forget(self, address: Address) -> None:
        """Drop all that is known of a peer; its session is over."""
        peer = self._peers.pop(address, None)
        if peer is None:
            return
        for outgoing in peer.outstanding.values():
            self.timers.cancel(outgoing.timer)
        for seen in peer.seen.values():
            self._uncount(seen)

    @property
    def peers(self) -> int:
        """Return how many peers the layer holds state for."""
        return len(self._peers)

    # Receiving.

    def _take(
        self, peer: _Peer, message: CoapMessage, data: bytes, address: Address, now: float
    ) -> None:
        seen: Seen | None = None
        if self.knobs.deduplicate:
            digest = hash(data)
            known = peer.seen.get(message.mid)
            if known is not None and now < known.expires:
                if known.digest == digest:  # RFC 7252 §4.5: answered again, processed once
                    if known.reply is not None:
                        self._reply_bytes(known.reply, address)
                    return
                text = f"message id {message.mid} comes again with other bytes"
                self._events.append(Problem(finding(MID_REUSED, text, "mid", 2), address, now))
            seen = self._remember(peer, message, digest, now)
        incoming = Incoming(message, address, now, seen)
        if message.code == EMPTY:  # RFC 7252 §4.3: a ping is answered by a RST
            self.reply(incoming, empty(RST, message.mid))
        else:
            self._events.append(incoming)

    def _settle_reply(
        self, peer: _Peer, message: CoapMessage, address: Address, now: float
    ) -> None:
        outgoing = peer.outstanding.pop(message.mid, None)
        if outgoing is None and message.type == RST:
            outgoing = peer.nons.pop(message.mid, None)
        if outgoing is None:  # late or foreign: silently ignored, RFC 7252 §4.2
            return
        self.timers.cancel(outgoing.timer)
        if message.type == RST:
            self._events.append(Refused(outgoing, now))
        elif message.code == EMPTY:
            self._events.append(Acknowledged(outgoing, now))
        else:
            self._events.append(Incoming(message, address, now, None, outgoing))
        self._start_queued(peer, now)

    def _remember(self, peer: _Peer, message: CoapMessage, digest: int, now: float) -> Seen:
        parameters = self.parameters
        confirmable = message.type == CON
        lifetime = parameters.exchange_lifetime if confirmable else parameters.non_lifetime
        seen = Seen(now + lifetime, digest)
        old = peer.seen.pop(message.mid, None)
        if old is not None:
            self._uncount(old)
        peer.seen[message.mid] = seen
        self._seen_count += 1
        full = self._seen_count > MAX_SEEN or self._seen_bytes > MAX_SEEN_BYTES
        most = FEW_SEEN if full else MAX_SEEN_PER_PEER
        while peer.seen:
            oldest = next(iter(peer.seen.values()))
            if oldest.expires > now and len(peer.seen) <= most:
                break
            self._uncount(peer.seen.popitem(last=False)[1])
        return seen

    def _uncount(self, seen: Seen) -> None:
        self._seen_count -= 1
        self._seen_bytes -= len(seen.reply or b"")

    # Sending.

    def _start(self, peer: _Peer, outgoing: Outgoing, now: float) -> None:
        if outgoing.mid is None:
            outgoing.mid = self._fresh_mid(peer)
        outgoing.message = replace(outgoing.message, mid=outgoing.mid)
        outgoing.data = self._encode(outgoing.message)
        if outgoing.message.type == CON:
            peer.outstanding[outgoing.mid] = outgoing
            parameters = self.parameters
            spread = self._rng.uniform(1.0, parameters.ack_random_factor)
            outgoing.timeout = parameters.ack_timeout * spread  # RFC 7252 §4.2
            self._transmit(outgoing, now)
        else:
            peer.nons[outgoing.mid] = outgoing
            if len(peer.nons) > MAX_NONS:
                peer.nons.popitem(last=False)
            outgoing.transmissions = 1
            self._emit(outgoing.data, outgoing.address)

    def _start_queued(self, peer: _Peer, now: float) -> None:
        while peer.queue and len(peer.outstanding) < self.parameters.nstart:
            self._start(peer, peer.queue.popleft(), now)

    def _transmit(self, outgoing: Outgoing, now: float) -> None:
        outgoing.transmissions += 1
        self._emit(outgoing.data, outgoing.address)
        outgoing.timer = self.timers.at(
            now + outgoing.timeout, lambda at: self._timed_out(outgoing, at)
        )

    def _timed_out(self, outgoing: Outgoing, now: float) -> None:
        if outgoing.transmissions <= self.parameters.max_retransmit:
            outgoing.timeout *= 2
            self._transmit(outgoing, now)
            return
        self._events.append(GaveUp(outgoing, now))
        self.settle(outgoing, now)

    def _fresh_mid(self, peer: _Peer) -> int:
        if self.knobs.fixed_mid is not None:
            return self.knobs.fixed_mid
        while peer.next_mid in peer.outstanding:
            peer.next_mid = (peer.next_mid + 1) & 0xFFFF
        mid = peer.next_mid
        peer.next_mid = (mid + 1) & 0xFFFF
        return mid

    def _encode(self, message: CoapMessage) -> bytes:
        if self.knobs.rewrite is not None:
            rewritten = self.knobs.rewrite(message)
            if isinstance(rewritten, bytes):
                return rewritten
            message = rewritten
        return encode(message)

    def _reply_bytes(self, data: bytes, address: Address) -> None:
        self._replies += 1
        if self._replies not in self.knobs.skip_acks:
            self._emit(data, address)

    def _emit(self, data: bytes, address: Address) -> None:
        self._sent += 1
        for _ in range(self.knobs.copies.get(self._sent, 1)):
            self._out.append(Datagram(data, address))

    # Peers, the longest idle first.

    def _peer(self, address: Address, now: float) -> _Peer:
        peer = self._peers.get(address)
        if peer is None:
            first = self.knobs.first_mid
            peer = _Peer(self._rng.getrandbits(16) if first is None else first)
            self._peers[address] = peer
            if len(self._peers) > MAX_PEERS:
                self.forget(next(iter(self._peers)))
            if self._sweep is None:
                lifetime = self.parameters.exchange_lifetime
                self._sweep = self.timers.at(now + lifetime, self._forget_idle)
        else:
            self._peers.move_to_end(address)
        peer.last_used = now
        return peer

    def _forget_idle(self, now: float) -> None:
        lifetime = self.parameters.exchange_lifetime
        self._sweep = None
        while self._peers:
            address, peer = next(iter(self._peers.items()))
            if peer.last_used + lifetime > now:
                self._sweep = self.timers.at(peer.last_used + lifetime, self._forget_idle)
                break
            if peer.outstanding or peer.queue:
                self._peer(address, now)
                continue
            self.forget(address)
