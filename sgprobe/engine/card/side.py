"""The card's side of a dialogue: what an IPA or a line under test asks the simulated eUICC."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from dissectors.asn1.model import Value
from dissectors.asn1.versions import Spec
from dissectors.link.apdu_bpp import SEGMENTS
from dissectors.spec.functions import Function
from dissectors.trace.card_carrier import recognise_answer, recognise_command
from dissectors.trace.message import Recognised
from dissectors.trace.recognise import first_tag
from sgprobe.cases import planned as p
from sgprobe.cases.messages import IFPP, find
from sgprobe.engine.end import Inbox, Trouble
from sgprobe.engine.impostor import Impostor
from sgprobe.engine.message.compose import Composer, needs_default
from sgprobe.engine.message.fill import ABSENT, Filler
from sgprobe.engine.script import Script
from sgprobe.peers.effects import CardFailure

_DONE = 0x9000
_NOTHING = 0x6F00
# roles under test that ask a simulated eUICC
_ASKING = ("ipa", "fpa")
_BPP = bytes.fromhex("BF36")
Default = Callable[[bytes], bytes]


class Tell(Protocol):
    """Takes what was said between the product and the eUICC."""

    def __call__(
        self, function: Function, found: Recognised | None, octets: bytes, sw: str | None
    ) -> None:
        """Take a command (no status word) or an answer."""


@dataclass(slots=True)
class CardSide:
    """Answers for the simulated eUICC as its case says; of an eUICC under test, plants faults."""

    role: str
    spec: Spec
    script: Script
    composer: Composer
    # set once there is a stage whose clock it may use
    impostor: Impostor
    inbox: Inbox
    tell: Tell
    # segments of a bound package on their way, and how many may still come
    _loading: bytes = field(default=b"")
    _left: int | None = None

    @property
    def _card_spec(self) -> Spec | None:
        # a chip in a factory is spoken to in several specifications
        return None if self.spec.name == IFPP else self.spec

    def command(self, command: bytes, default: Default) -> bytes:
        """Answer one command; `default` is the eUICC itself."""
        tag = first_tag(command)
        if tag == _BPP or (self._loading and tag.hex().upper() in SEGMENTS):
            return self._load(tag, command, default)
        # another command, or a reset, has ended the load of a package
        self._loading = b""
        found = recognise_command(command, self._card_spec)
        if found is None or self.role not in ("ipa", "euicc", "fpa"):
            return default(command)
        function = self._asked_for(found.function)
        if self.role == "euicc":
            # only a planted fault comes this way
            answer = default(command)
            return self._disguised(function, answer) if answer else answer
        changed = self.impostor.card(function, command, found.value, asks=True)
        if changed != command:
            command, found = changed, recognise_command(changed, self._card_spec) or found
        self.tell(function, found, command, None)
        answer, sw = b"", _DONE
        try:
            answer = self.answer(function, command, default)
        except CardFailure as failure:
            sw = failure.sw
            raise
        except Exception as error:  # whatever it is, it is no fault of the product
            self.inbox.put(Trouble(error))
            sw = _NOTHING
            raise CardFailure(sw) from error
        finally:
            read = recognise_answer(function, answer, self._card_spec)
            self.tell(function, read, answer, f"{sw:04X}")
        return answer

    def _asked_for(self, function: Function) -> Function:
        """Return the function as the product asks for it: a line loads by ES10f."""
        message = find(self.role, "euicc", function.request or "")
        return message.function if self.role == "fpa" and message is not None else function

    def _load(self, tag: bytes, command: bytes, default: Default) -> bytes:
        """Take one segment of a bound package; the whole is heard once the eUICC has answered."""
        if tag == _BPP:
            planned = self.script.answer("euicc", "BoundProfilePackage")
            self._left = planned.answer.cut if planned is not None else None
            self._loading = b""
        if self._left is not None:
            if not self._left:
                self._loading = b""
                raise CardFailure(_NOTHING)
            self._left -= 1
        self._loading += command
        answer = default(command)
        if not answer:
            return answer
        whole, self._loading = self._loading, b""
        found = recognise_command(whole, self._card_spec)
        if found is not None and self.role == "euicc":
            # only a planted fault comes this way
            return self._disguised(found.function, answer)
        if found is not None and self.role in ("ipa", "fpa"):
            function = self._asked_for(found.function)
            self.tell(function, found, whole, None)
            read = recognise_answer(found.function, answer, self._card_spec)
            self.tell(function, read, answer, f"{_DONE:04X}")
        return answer

    def _disguised(self, function: Function, answer: bytes) -> bytes:
        read = recognise_answer(function, answer, self._card_spec)
        value = read.value if read is not None else None
        return self.impostor.card(function, answer, value, asks=False)

    def answer(self, function: Function, command: bytes, default: Default) -> bytes:
        """Return the answer of the eUICC: its own, with what the case says."""
        reply = self.script.take_reply(
            lambda one: one.sender == "euicc" and one.message.function is function
        )
        if reply is not None:
            message, template, mutations = reply.message, reply.template, reply.mutations
            self._refuse(reply)
        else:
            answer = self.script.answer("euicc", function.request or "")
            if answer is None:
                return default(command)
            if answer.message is None:
                raise CardFailure(answer.answer.status or _NOTHING)
            message, template, mutations = answer.message, answer.template, answer.mutations
        base: Value = ABSENT
        octets = b""
        if template is None or needs_default(message, self.spec, template):
            octets = default(command)
            found = recognise_answer(function, octets, self.spec)
            base = found.value if found is not None else ABSENT
        if template is None:
            return self.composer.damaged(message, octets, mutations)
        return self.composer.compose(message, template, base, mutations).body

    def _refuse(self, reply: p.PlannedMessage) -> None:
        """Answer with the status word of a step, where it names one that is no success."""
        for _, template in reply.binding:
            told = Filler(self.composer.names).fill(template, {}).get("sw")
            if told is not None and int(told, 16) != _DONE:
                raise CardFailure(int(told, 16))
