"""A planted fault speaks for the product: what it says is changed on its way out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from dissectors.asn1.model import Value
from dissectors.asn1.versions import Spec
from dissectors.spec.functions import Function
from sgprobe.engine.card import talk as card_talk
from sgprobe.engine.card.talk import APDU
from sgprobe.engine.message import wire
from sgprobe.engine.message.compose import with_binding
from sgprobe.engine.message.disguise import FAULTS, SILENCE, Changed, Disguise
from sgprobe.engine.message.fill import ABSENT, Filler
from sgprobe.exchange import Request, Response
from sgprobe.links.clock import Clock
from sgprobe.peers.effects import CardFailure

_SILENCE = 3600.0
_NOTHING = 0x6F00


@dataclass(slots=True)
class Impostor:
    """Changes what the product says in each of the ways that it speaks."""

    disguise: Disguise
    spec: Spec
    clock: Clock

    async def answer(
        self, role: str, request: Request, default: Callable[[], Awaitable[Response]]
    ) -> Response:
        """Answer as the product does, or as a planted fault makes it."""
        answer = await default()
        if not self.disguise.says:
            return answer
        version = self.spec if role in ("eim", "ipa") else wire.rsp_of(self.spec)
        found = wire.at_server(role, wire.read_request(request, version))
        if found is None:
            return answer
        one = self.disguise.find(found.function, request=False, json=found.is_json)
        if one is None:
            return answer
        read = wire.read_response(answer, found.function, request.path, version)
        value = read.value if read is not None else None
        try:
            changed = self.disguise.change(one, answer.body, value)
        except FAULTS:
            # this answer has not what the fault changes
            return answer
        await self._late(changed)
        answer = replace(answer, body=changed.body, status=changed.status or answer.status)
        http = {name: ABSENT if text is None else text for name, text in one.http.items()}
        return answer if not http else with_binding(answer, http)

    async def _late(self, changed: Changed) -> None:
        clock = self.clock
        if changed.after:
            await clock.sleep(changed.after)
        if changed.word == SILENCE:
            await clock.sleep(_SILENCE)

    async def request(self, request: Request) -> Request:
        """Return what the product asks, or what a planted fault makes of it."""
        version = self.spec if "/es9plus/" not in request.path else wire.rsp_of(self.spec)
        found = wire.read_request(request, version)
        one = None if found is None else self.disguise.find(
            found.function, request=True, json=found.is_json
        )  # fmt: skip
        if one is None or found is None:
            return request
        try:
            changed = self.disguise.change(one, request.body, found.value)
        except FAULTS:
            return request
        await self._late(changed)
        return replace(request, body=changed.body)

    def card(self, function: Function, octets: bytes, value: Value, *, asks: bool) -> bytes:
        """Return a command or an answer of the card, or what a planted fault makes of it."""
        one = self.disguise.find(function, request=asks, json=False)
        if one is None:
            return octets
        try:
            changed = self.disguise.change(one, octets, value)
        except FAULTS:
            return octets
        if changed.word == SILENCE:
            # it was never sent: to the product it looks as if the card had no answer
            raise CardFailure(_NOTHING)
        return changed.body

    def apdu(self, answer: card_talk.Answer) -> card_talk.Answer:
        """Return an answer to a raw APDU, with what a planted fault makes of it."""
        one = self.disguise.find(APDU, request=False, json=True)
        if one is None or one.template is None:
            return answer
        value = Filler(self.disguise.composer.names).fill(one.template, answer.read.value)
        return replace(answer, read=replace(answer.read, value=value))
