"""The dialogue of one item: what the bench sends, what the product says, who answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from dissectors.asn1.model import Value
from dissectors.finding import Finding
from dissectors.spec.functions import Function
from dissectors.trace.message import Recognised
from sgprobe.cases import planned as p
from sgprobe.cases.match import Unresolved
from sgprobe.cases.messages import IFPP, Message
from sgprobe.durations import parse_duration
from sgprobe.engine.card import talk as card_talk
from sgprobe.engine.card.side import CardSide
from sgprobe.engine.card.talk import APDU, RawApdu, raw_apdu
from sgprobe.engine.end import Inbox, Lost, Trouble
from sgprobe.engine.factory.bench import POLL, client_of, is_under_way, with_party
from sgprobe.engine.factory.line_says import LineSays
from sgprobe.engine.heard import Heard, History
from sgprobe.engine.impostor import Impostor
from sgprobe.engine.message import wire
from sgprobe.engine.message.coap_fields import with_coap
from sgprobe.engine.message.compose import (
    Composer,
    binding_fields,
    names_in,
    needs_default,
    with_binding,
)
from sgprobe.engine.message.disguise import FAULTS, Disguise
from sgprobe.engine.message.fill import ABSENT, Filler
from sgprobe.engine.script import Script
from sgprobe.engine.settings import Setting
from sgprobe.engine.stage import Stage
from sgprobe.exchange import Request, Response
from sgprobe.links.coap_shape import Unanswered
from sgprobe.links.fault import Broken
from sgprobe.links.https_client import Unreachable

_RSP = "2.5.0"
_SILENCE = 3600.0


@dataclass(slots=True)
class Held:
    """A request of the product that a step will answer."""

    heard: Heard
    request: Request
    default: Callable[[], Awaitable[Response]]
    answer: asyncio.Future[Response]


class Talk:
    """Speaks for all simulated roles; `on_heard` is told of every message."""

    def __init__(
        self, setting: Setting, peers: tuple[p.PlannedPeer, ...], on_heard: Callable[[Heard], None]
    ) -> None:
        self.role, self.faces = setting.role, setting.faces
        self.spec = setting.spec
        self.history = History()
        self.inbox = Inbox()
        self.on_heard = on_heard
        self.stage = Stage(setting, self._serve, self._command, self.history)
        self.names = self.stage.names
        self.composer = Composer(setting.spec, self.names)
        self.impostor = Impostor(
            Disguise(setting.says, self.composer), setting.spec, self.stage.world.clock
        )
        if self.stage.line is not None:
            self.stage.line.tell = LineSays(self._said, self.impostor).report
        if setting.says and setting.role in ("ipa", "eim", "smdpf"):
            self.stage.speak_through(self.impostor.request)
        self.script = Script(peers)
        self.card_side = CardSide(
            self.role,
            self.spec,
            self.script,
            self.composer,
            self.impostor,
            self.inbox,
            self._told_card,
        )
        # requests that wait for the reply of a step
        self.held: list[Held] = []
        self.exchanges: set[asyncio.Task[None]] = set()
        self.sent: dict[str, tuple[Any, Value]] = {}

    # --- what was said ---

    def _said(
        self,
        sender: str,
        receiver: str,
        function: Function,
        *,
        request: bool,
        found: Any,
        octets: bytes,
        transport: str,
        status: int | str | None = None,
        carrier: Any = None,
    ) -> Heard:
        is_json = bool(found is not None and found.is_json)
        heard = Heard(
            len(self.history.said) + 1,
            self.stage.world.clock.now(),
            sender,
            receiver,
            function,
            request,
            is_json,
            found.type if found is not None else None,
            wire.version_of(self.spec, function, is_json=is_json),
            found.value if found is not None else None,
            octets,
            transport,
            status,
            tuple(found.problems) if found is not None else (),
            carrier,
            sender in (self.role, *self.faces),
        )
        self.history.said.append(heard)
        self.on_heard(heard)
        if heard.product:
            self.inbox.put(heard)
        return heard

    # --- the bench asks ---

    async def default(self, planned: p.PlannedMessage, receiver: str) -> Value:
        """Return what the role would say by itself."""
        if receiver == "euicc":
            return await self.stage.card_says.value(planned.message)
        wanted = names_in(planned.template) if planned.template is not None else frozenset()
        if self.stage.factory is not None:
            party = client_of(planned, Filler(self.names))
            return self.stage.factory.says.value(planned.message, party, wanted)
        return await self.stage.device.value(planned.message, receiver, wanted)

    async def prepare(self, planned: p.PlannedMessage) -> tuple[Any, Value]:
        """Return what a step sends: a Request to a server, octets to a card; and its value."""
        message = planned.message
        if message.function is APDU:
            raw = raw_apdu(planned, Filler(self.names))
            return raw, {"command": raw.command.hex()}
        base: Value = ABSENT
        if needs_default(message, self.spec, planned.template):
            try:
                base = await self.default(planned, planned.receiver)
            except Unresolved:
                if planned.template is None or message.json is False:
                    raise
        made = self.composer.compose(message, planned.template, base, planned.mutations)
        if planned.receiver == "euicc":
            return made.body, made.value
        asked = wire.request(message, made.body, _RSP, made.value)
        if self.stage.factory is not None:
            asked = with_party(asked, client_of(planned, Filler(self.names)))
        for name, template in planned.binding:
            if name == "coap":
                if self.stage.binding != "coaps":
                    raise Unresolved("fields of CoAP need `binding: [coap]`")
                asked = with_coap(asked, binding_fields(template, Filler(self.names)))
                continue
            if name != "http":
                raise Unresolved(f"the bench cannot set {name} of what it sends")
            fields = binding_fields(template, Filler(self.names))
            fields.pop("client", None)
            asked = with_binding(asked, fields)
        return asked, made.value

    def ask(self, planned: p.PlannedMessage, carried: Any, value: Value) -> asyncio.Task[None]:
        """Send what was prepared; what comes back is heard."""
        ahead = self._ask_card if planned.receiver == "euicc" else self._ask_server
        task = asyncio.ensure_future(ahead(planned, carried, value))
        self.exchanges.add(task)
        task.add_done_callback(self._asked)
        return task

    def _asked(self, task: asyncio.Task[None]) -> None:
        self.exchanges.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            # whoever waits for the answer learns why there is none
            self.inbox.put(Trouble(error))

    async def _ask_server(self, planned: p.PlannedMessage, asked: Request, value: Value) -> None:
        sender, receiver, function = planned.sender, planned.receiver, planned.message.function
        try:
            url = self.stage.url(receiver, sender)
        except Unresolved as error:
            self.inbox.put(Trouble(error))
            return
        transport = url.partition(":")[0]
        found = _Sent(planned.message.type_name, value, planned.message.json)
        self._said(sender, receiver, function, request=True, found=found, octets=asked.body,
                   transport=transport, carrier=asked)  # fmt: skip
        if self.stage.factory is not None:
            self.stage.factory.says.sent(planned.message, asked)
        try:
            answer = await self.stage.ask(url, asked, sender)
            while is_under_way(function, answer):
                await self.stage.world.clock.sleep(POLL)
                answer = await self.stage.ask(url, asked)
        except Unanswered:
            return
        except Unreachable as error:
            if receiver == self.role:
                self.inbox.put(Lost(receiver, sender, function, str(error)))
            return
        version = wire.version_of(self.spec, function, is_json=planned.message.json)
        read = wire.read_response(answer, function, asked.path, version)
        self._said(receiver, sender, function, request=False, found=read, octets=answer.body,
                   transport=transport, status=_status(answer), carrier=answer)  # fmt: skip

    async def _ask_card(
        self, planned: p.PlannedMessage, command: bytes | RawApdu, value: Value
    ) -> None:
        sender, function = planned.sender, planned.message.function
        raw = isinstance(command, RawApdu)
        octets = command.command if isinstance(command, RawApdu) else command
        found = _Sent(planned.message.type_name, value, raw)
        self._said(sender, "euicc", function, request=True, found=found, octets=octets,
                   transport="apdu")  # fmt: skip
        try:
            most = card_talk.most_segments(planned, Filler(self.names))
            answer = await card_talk.ask(self.stage.card, function, command, self.spec, most)
        except FAULTS as error:
            self.inbox.put(Trouble(error))
            return
        if function is APDU:
            answer = self.impostor.apdu(answer)
        self._said("euicc", sender, function, request=False, found=answer.read,
                   octets=answer.octets, transport="apdu", status=answer.status,
                   carrier=answer.carried)  # fmt: skip

    # --- the product asks a server ---

    async def _serve(
        self, role: str, request: Request, default: Callable[[], Awaitable[Response]]
    ) -> Response:
        if role == self.role:
            return await self.impostor.answer(role, request, default)
        # in the field a device of a factory speaks as any other one
        spec = self.stage.iot if self.spec.name == IFPP else self.spec
        version = spec if role in ("eim", "ipa") else wire.rsp_of(spec)
        # what an IoT eUICC tells a server of SGP.22 has members of SGP.32 inside
        pinned = version if role in ("eim", "ipa") else None
        found = wire.at_server(role, wire.read_request(request, pinned))
        if found is None:
            return await default()
        sender = self._client_of(role)
        if request.body in self.stage.relayed:
            self.stage.relayed.discard(request.body)
            sender = "eim"
        transport = self.stage.binding if role == "ipa" else self.stage.url(role).partition(":")[0]
        heard = self._said(sender, role, found.function, request=True, found=found,
                           octets=request.body, transport=transport, carrier=request)  # fmt: skip
        try:
            answer = await self._answer(role, heard, request, default)
        except (Broken, Unreachable):
            # that no answer comes is what the case wants
            raise
        except Exception as error:  # whatever it is, it is no fault of the product
            self.inbox.put(Trouble(error))
            return Response(500)
        read = wire.read_response(answer, found.function, request.path, version)
        self._said(role, sender, found.function, request=False, found=read, octets=answer.body,
                   transport=transport, status=_status(answer), carrier=answer)  # fmt: skip
        return answer

    def _client_of(self, role: str) -> str:
        """Return who asks a server: the IPA, or an eIM that relays or injects."""
        if role == "msp":
            return "smdpf"
        relays = self.role == "eim" and role in ("smdp", "smds")
        return "eim" if relays or role == "ipa" else "ipa"

    async def _answer(
        self,
        role: str,
        heard: Heard,
        request: Request,
        default: Callable[[], Awaitable[Response]],
    ) -> Response:
        reply = self.script.take_reply(
            lambda one: (
                one.sender == heard.receiver and heard.is_(one.message.function, request=True)
            )
        )
        if reply is not None:
            held = Held(heard, request, default, asyncio.get_running_loop().create_future())
            self.held.append(held)
            return await held.answer
        answer = self.script.answer(role, heard.shown, heard.function.request or "")
        if answer is not None:
            return await self._by_rule(answer, heard, default)
        if role in self.script.refusing:
            return Response(503)
        return await default()

    async def _by_rule(
        self, answer: p.PlannedAnswer, heard: Heard, default: Callable[[], Awaitable[Response]]
    ) -> Response:
        if answer.after is not None:
            await self.stage.world.clock.sleep(self.seconds(answer.after))
        word = answer.answer.word
        if word == "silence":
            await self.stage.world.clock.sleep(_SILENCE)
            raise Unreachable("silence")
        if word == "reset":
            raise Broken
        if answer.answer.status is not None and answer.message is None:
            return Response(answer.answer.status)
        assert answer.message is not None
        made = await self.respond(
            answer.message, answer.template, answer.mutations, default, answer.answer.status
        )
        if answer.answer.cut is not None:
            raise Broken(made, answer.answer.cut)
        return made

    async def respond(
        self,
        message: Message,
        template: Any,
        mutations: tuple[p.Mutation, ...],
        default: Callable[[], Awaitable[Response]],
        status: int | None = None,
    ) -> Response:
        """Return the answer of a simulated role: its default, with what the case says."""
        base: Value = ABSENT
        answer: Response | None = None
        if template is None or needs_default(message, self.spec, template):
            answer = await default()
            version = wire.version_of(self.spec, message.function, is_json=message.json)
            read = wire.read_response(answer, message.function, "", version)
            base = read.value if read is not None and read.value is not None else ABSENT
        if template is None and answer is not None:
            body = self.composer.damaged(message, answer.body, mutations)
            return Response(status or answer.status, answer.media, body, answer.headers)
        made = self.composer.compose(message, template, base, mutations)
        carried = wire.response(message, made.body, _RSP)
        return carried if status is None else Response(status, carried.media, made.body,
                                                       carried.headers)  # fmt: skip

    async def reply(self, planned: p.PlannedMessage) -> None:
        """Answer a request that is held, as a step says."""
        held = next(
            (one for one in self.held
             if one.heard.is_(planned.message.function, request=True)
             and one.heard.receiver == planned.sender), None,
        )  # fmt: skip
        if held is None:
            raise Unresolved(f"no request waits for {planned.message.name}")
        self.held.remove(held)
        answer = await self.respond(
            planned.message, planned.template, planned.mutations, held.default
        )
        for name, template in planned.binding:
            if name == "http":
                answer = with_binding(answer, binding_fields(template, Filler(self.names)))
        held.answer.set_result(answer)
        # let it be written before the next step goes on
        await asyncio.sleep(0)

    # --- the product asks the simulated card ---

    def _command(self, command: bytes, default: Callable[[bytes], bytes]) -> bytes:
        return self.card_side.command(command, default)

    def _told_card(
        self, function: Function, found: Recognised | None, octets: bytes, sw: str | None
    ) -> None:
        ends = (self.role, "euicc") if sw is None else ("euicc", self.role)
        self._said(*ends, function, request=sw is None, found=found, octets=octets,
                   transport="apdu", status=sw)  # fmt: skip

    # --- times ---

    def seconds(self, time: p.Time) -> float:
        """Return a time in seconds; raises Unresolved where its reference has no value."""
        if time.seconds is not None:
            return time.seconds
        value = self.names.value(time.reference)
        if isinstance(value, int | float):
            return float(value)
        found = parse_duration(str(value))
        if found is None:
            raise Unresolved(f"${time.reference} is {value}, no time")
        return found

    async def close(self) -> None:
        """End what is still under way."""
        for held in self.held:
            if not held.answer.done():
                held.answer.cancel()
        for task in list(self.exchanges):
            task.cancel()
        await asyncio.gather(*self.exchanges, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Sent:
    """What we sent ourselves needs no recognising."""

    type: str | None
    value: Value
    is_json: bool
    problems: tuple[Finding, ...] = field(default=())


def _status(answer: Response) -> int | str:
    return answer.header("coap-code") or answer.status
