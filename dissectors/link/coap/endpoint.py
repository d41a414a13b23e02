"""A CoAP endpoint without IO: client and server on one address, requests and responses whole.

The caller carries datagrams and says what time it is: `receive`, `send`, `timer`, `handle_timer`,
`events`; `request` and `respond` are what an application says. RFC 7252 §5, RFC 7959.
"""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from typing import Final

from dissectors.finding import finding
from dissectors.link.coap import options as opt
from dissectors.link.coap.client import ClientTransfer, Failed
from dissectors.link.coap.codes import (
    ACK,
    BAD_OPTION,
    CON,
    NON,
    RST,
    TOKEN_DIFFERS,
    is_request,
    is_response,
)
from dissectors.link.coap.exchange import (
    BlockAnswered,
    Event,
    Failure,
    Request,
    RequestArrived,
    RequestFailed,
    RequestKnobs,
    Response,
    ResponseArrived,
    ResponseFailed,
)
from dissectors.link.coap.message import CoapMessage, empty
from dissectors.link.coap.reliability import MessageLayer
from dissectors.link.coap.server import Call, Reply, ServerKnobs, ServerTransfers
from dissectors.link.coap.shelf import Key
from dissectors.link.coap.timers import Timer, Timers
from dissectors.link.coap.transmission import (
    Acknowledged,
    Address,
    Datagram,
    GaveUp,
    Incoming,
    MessageKnobs,
    Outgoing,
    Problem,
    Transmission,
)

MAX_CALLS: Final = 16384
TOKEN_BYTES: Final = 4


class _Exchange:
    """A request of ours that is under way."""

    __slots__ = ("address", "handle", "key", "outgoing", "timer", "token", "transfer")

    def __init__(self, handle: int, address: Address, transfer: ClientTransfer) -> None:
        request = transfer.request
        self.handle = handle
        self.address = address
        self.transfer = transfer
        self.key: Key = (address, *opt.transfer_key(request.code, request.options))
        self.token = b""
        self.outgoing: Outgoing | None = None
        self.timer: Timer | None = None


class _Call:
    """A request of a peer that the application has not answered yet."""

    __slots__ = ("acknowledged", "call", "incoming", "reference", "timer")

    def __init__(self, reference: int, call: Call, incoming: Incoming) -> None:
        self.reference = reference
        self.call = call
        self.incoming = incoming
        self.acknowledged = incoming.message.type == NON
        self.timer: Timer | None = None


class CoapEndpoint:
    """One CoAP endpoint with all its peers, both ways."""

    def __init__(
        self,
        rng: random.Random,
        *,
        parameters: Transmission | None = None,
        message_knobs: MessageKnobs | None = None,
        server_knobs: ServerKnobs | None = None,
        response_timeout: float | None = None,
        max_response: int = 1 << 22,
    ) -> None:
        self._timers = Timers()
        self.layer = MessageLayer(rng, parameters, message_knobs, self._timers)
        lifetime = self.layer.parameters.exchange_lifetime
        self.server = ServerTransfers(server_knobs or ServerKnobs(), lifetime)
        self._rng = rng
        self._response_timeout = lifetime if response_timeout is None else response_timeout
        self._max_response = max_response
        self._events: list[Event] = []
        self._open: dict[int, _Exchange] = {}  # by handle
        self._exchanges: dict[tuple[Address, bytes], _Exchange] = {}  # by token
        self._lines: dict[Key, deque[_Exchange]] = {}  # like requests, one after the other
        self._calls: OrderedDict[int, _Call] = OrderedDict()
        self._serial = 0
        self._expiry: Timer | None = None

    # The five verbs.

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Take one datagram from a peer."""
        self.layer.receive(data, address, now)
        self._handle_events(now)

    def send(self, now: float) -> list[Datagram]:
        """Return the datagrams to put on the wire now."""
        return self.layer.send(now)

    def timer(self) -> float | None:
        """Return when `handle_timer` wants to be called, or None."""
        return self._timers.next()

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self._timers.fire(now)
        self._handle_events(now)

    def events(self) -> list[Event]:
        """Return what happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    # What an application says.

    def request(
        self, request: Request, address: Address, now: float, knobs: RequestKnobs | None = None
    ) -> int:
        """Send a request and return the handle under which its response will come."""
        self._serial += 1
        transfer = ClientTransfer(request, knobs or RequestKnobs(), self._max_response)
        exchange = _Exchange(self._serial, address, transfer)
        self._open[exchange.handle] = exchange
        if not transfer.knobs.concurrent:
            # RFC 9175 §3.1: a server cannot tell blocks of two like requests apart.
            line = self._lines.setdefault(exchange.key, deque())
            line.append(exchange)
            if len(line) > 1:
                return exchange.handle
        self._ask(exchange, now)
        return exchange.handle

    def respond(self, reference: int, response: Response, now: float) -> None:
        """Answer a request: in its ACK while there is time, else in a message of its own."""
        pending = self._calls.pop(reference, None)
        if pending is None:
            return
        self._timers.cancel(pending.timer)
        reply = self.server.respond(pending.call, response, now)
        self._watch_expiry()
        incoming = pending.incoming
        if not pending.acknowledged:
            self._piggyback(incoming, reply)
            return
        asked = incoming.message
        kind = CON if asked.type == CON else NON  # RFC 7252 §5.2.2, §5.2.3
        message = CoapMessage(kind, reply.code, 0, asked.token, reply.options, reply.payload)
        self.layer.submit(message, incoming.address, now, context=reference)

    def cancel(self, handle: int, now: float) -> None:
        """Wait no more for the response to a request of ours."""
        exchange = self._open.get(handle)
        if exchange is not None:
            self._close(exchange, now)

    def forget(self, address: Address, now: float) -> None:
        """Drop all that is known of a peer: its session is over."""
        self.layer.forget(address)
        self.server.forget(address)
        # Those that wait in line go first, or each would start as the one before it ends.
        for exchange in [e for e in reversed(self._open.values()) if e.address == address]:
            self._fail(exchange, Failure.FORGOTTEN, "", now)
        for reference in [r for r, c in self._calls.items() if c.incoming.address == address]:
            self._timers.cancel(self._calls.pop(reference).timer)

    # Events of the message layer.

    def _handle_events(self, now: float) -> None:
        for event in self.layer.events():
            if isinstance(event, Incoming):
                if is_request(event.message.code):
                    self._take_request(event, now)
                elif is_response(event.message.code):
                    self._take_response(event, now)
            elif isinstance(event, Problem):
                self._events.append(event)
            elif not isinstance(event, Acknowledged):
                failure = Failure.GAVE_UP if isinstance(event, GaveUp) else Failure.RESET
                self._lost(event.outgoing, failure, now)

    def _lost(self, outgoing: Outgoing, failure: Failure, now: float) -> None:
        context = outgoing.context
        if isinstance(context, _Exchange):
            if context.outgoing is outgoing:
                text = f"message {outgoing.mid}, sent {outgoing.transmissions} times"
                self._fail(context, failure, text, now)
        elif isinstance(context, int):
            self._events.append(ResponseFailed(context, failure, now))

    # Requests of peers.

    def _take_request(self, incoming: Incoming, now: float) -> None:
        message = incoming.message
        refused = opt.refused(message.options, self.server.knobs.known)
        if refused:  # RFC 7252 §5.4.1
            if message.type == CON:
                self._piggyback(incoming, Reply(BAD_OPTION, (), _names(refused).encode()))
            else:
                self.layer.reply(incoming, empty(RST, message.mid))
            return
        taken = self.server.request(message, incoming.address, now)
        self._watch_expiry()
        if isinstance(taken, Reply):
            self._answer_at_once(incoming, taken, now)
            return
        self._serial += 1
        pending = _Call(self._serial, taken, incoming)
        self._calls[pending.reference] = pending
        if len(self._calls) > MAX_CALLS:
            self._timers.cancel(self._calls.popitem(last=False)[1].timer)
        if not pending.acknowledged:
            knobs = self.server.knobs
            delay = knobs.ack_delay
            if delay is None:
                delay = self.layer.parameters.ack_timeout / 2
            if knobs.separate:
                self._acknowledge(pending)
            else:
                pending.timer = self._timers.at(now + delay, lambda _: self._acknowledge(pending))
        self._events.append(
            RequestArrived(pending.reference, taken.request, incoming.address, now, message)
        )

    def _answer_at_once(self, incoming: Incoming, reply: Reply, now: float) -> None:
        message = incoming.message
        if message.type == CON:
            self._piggyback(incoming, reply)
        else:
            answer = CoapMessage(NON, reply.code, 0, message.token, reply.options, reply.payload)
            self.layer.submit(answer, incoming.address, now)

    def _piggyback(self, incoming: Incoming, reply: Reply) -> None:
        token = incoming.message.token
        message = CoapMessage(ACK, reply.code, 0, token, reply.options, reply.payload)
        self.layer.reply(incoming, message)

    def _acknowledge(self, pending: _Call) -> None:
        pending.acknowledged = True
        self.layer.reply(pending.incoming, empty(ACK, pending.incoming.message.mid))

    def _watch_expiry(self) -> None:
        due = self.server.next_expiry()
        if due is not None and (self._expiry is None or self._expiry.action is None):
            self._expiry = self._timers.at(due, self._expire)

    def _expire(self, now: float) -> None:
        self.server.expire(now)
        self._watch_expiry()

    # Requests of ours.

    def _ask(self, exchange: _Exchange, now: float) -> None:
        """Send the next message of an exchange."""
        transfer = exchange.transfer
        mid = transfer.knobs.mid if exchange.outgoing is None else None
        options, payload = transfer.message()
        self._unlist(exchange)
        exchange.token = self._token(exchange)
        self._exchanges[exchange.address, exchange.token] = exchange
        request = transfer.request
        kind = CON if request.confirmable else NON
        message = CoapMessage(kind, request.code, 0, exchange.token, options, payload)
        self._timers.cancel(exchange.timer)
        exchange.timer = self._timers.at(
            now + self._response_timeout,
            lambda at: self._fail(exchange, Failure.TIMEOUT, "", at),
        )
        exchange.outgoing = self.layer.submit(
            message, exchange.address, now, mid=mid, context=exchange
        )

    def _token(self, exchange: _Exchange) -> bytes:
        knobs = exchange.transfer.knobs
        if knobs.token is not None:
            return knobs.token
        if exchange.token and not knobs.token_per_block:
            return exchange.token
        while True:
            token = self._rng.getrandbits(8 * TOKEN_BYTES).to_bytes(TOKEN_BYTES, "big")
            if (exchange.address, token) not in self._exchanges:
                return token

    def _take_response(self, incoming: Incoming, now: float) -> None:
        message = incoming.message
        asked = incoming.acknowledges
        exchange = self._exchanges.get((incoming.address, message.token))
        if exchange is None and asked is not None and isinstance(asked.context, _Exchange):
            exchange = None if asked.context.transfer.knobs.checks_token else asked.context
        if exchange is None or (asked is not None and asked is not exchange.outgoing):
            if asked is not None:  # RFC 7252 §5.3.2: id and token must both match
                text = f"the ACK has token {message.token.hex() or '(none)'}"
                problem = finding(TOKEN_DIFFERS, text, "token", 4)
                self._events.append(Problem(problem, incoming.address, now))
            elif message.type == CON:
                self.layer.reply(incoming, empty(RST, message.mid))
            return
        refused = opt.refused(message.options)
        if refused:  # RFC 7252 §5.4.1
            if message.type == CON:
                self.layer.reply(incoming, empty(RST, message.mid))
            self._fail(exchange, Failure.OPTION, _names(refused), now)
            return
        if message.type == CON:
            self.layer.reply(incoming, empty(ACK, message.mid))
        if exchange.outgoing is not None:
            self.layer.settle(exchange.outgoing, now)
        outcome = exchange.transfer.answer(message)
        if outcome is None:
            self._events.append(BlockAnswered(exchange.handle, message, now))
            self._ask(exchange, now)
        elif isinstance(outcome, Failed):
            self._fail(exchange, outcome.failure, outcome.text, now)
        else:
            self._close(exchange, now)
            self._events.append(ResponseArrived(exchange.handle, outcome, now, message))

    def _fail(self, exchange: _Exchange, failure: Failure, text: str, now: float) -> None:
        self._close(exchange, now)
        self._events.append(RequestFailed(exchange.handle, failure, text, now))

    def _close(self, exchange: _Exchange, now: float) -> None:
        self._timers.cancel(exchange.timer)
        self._open.pop(exchange.handle, None)
        self._unlist(exchange)
        if exchange.outgoing is not None:
            self.layer.settle(exchange.outgoing, now)
            exchange.outgoing = None
        line = self._lines.get(exchange.key)
        if line is None or exchange not in line:
            return
        first = line[0] is exchange
        line.remove(exchange)
        if not line:
            del self._lines[exchange.key]
        elif first:
            self._ask(line[0], now)

    def _unlist(self, exchange: _Exchange) -> None:
        if self._exchanges.get((exchange.address, exchange.token)) is exchange:
            del self._exchanges[exchange.address, exchange.token]


def _names(numbers: tuple[int, ...]) -> str:
    """Name options in a diagnostic payload: a few, lest the answer outgrow the question."""
    return ", ".join(opt.option_name(number) for number in numbers[:4])
